"""What a compaction covers: which messages, in which chunks, summarized by which model, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from context.cache.cache_state import CacheState
from context.cache.plan_inputs import PlanInputs
from context.compaction.levels import Rewrite, rewrite
from context.messages import Message
from context.request.shortened import NO_SHORT_REPLIES, ShortReplies
from context.request.summary_blocks import Summary

Kind = Literal["warm", "cold", "overdue", "requested"]
"""Why a compaction is made.

warm: the window is cached, but keeping the surplus in it has become dearer than writing it anew; cold: the window is not cached, or
about to expire, and the surplus would be paid in full; overdue: messages no summary stands for no longer fit; requested: a person asked.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """The messages that one summarizer call reads, by their first and last id."""

    first_id: str
    last_id: str
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Compaction:
    """A compaction that is due: which messages, summarized by which model, into what, and why (`kind`, and `reason` in words).

    `leaf_id` is the newest user message: keep it with the summary (`summary_blocks.may_stand`).
    `after_id` is the last message of the summary it builds on: if that is no longer the newest, the compaction is void.
    `shortened`: the replies behind it that are sent as their beginning from then on.
    `summarizer`: `cheap` is a call of its own to `model`, `fork` the chat model behind its cached prefix. `cost` in picodollars.
    """

    kind: Kind
    after_id: str | None
    leaf_id: str | None
    first_id: str
    last_id: str
    tokens: int
    chunks: tuple[Chunk, ...]
    summary: Rewrite
    summarizer: Literal["cheap", "fork"]
    model: str
    cost: int
    reason: str
    shortened: ShortReplies = NO_SHORT_REPLIES

    def to_json(self) -> dict[str, Any]:
        """What is stored and shown of it."""
        return {
            "kind": self.kind,
            "first_id": self.first_id,
            "last_id": self.last_id,
            "tokens": self.tokens,
            "calls": len(self.chunks) + len(self.summary.merges),
            "summarizer": self.summarizer,
            "model": self.model,
            "reason": self.reason,
        }


def chunks(messages: Sequence[Message], most: int) -> tuple[Chunk, ...]:
    """Messages in parts of at most `most` tokens, cut before a user message where one is near enough."""
    parts: list[Chunk] = []
    start, index, tokens = 0, 0, 0
    turn_start, turn_tokens = 0, 0  # the last turn boundary, and the tokens before it
    while index < len(messages):
        message = messages[index]
        if message.role == "user" and index > start:
            turn_start, turn_tokens = index, tokens
        if tokens + message.whole_tokens > most and index > start:
            end, size = (turn_start, turn_tokens) if turn_start > start else (index, tokens)
            parts.append(Chunk(first_id=messages[start].id, last_id=messages[end - 1].id, tokens=size))
            start, tokens = end, tokens - size
        tokens += message.whole_tokens
        index += 1
    if start < len(messages):
        parts.append(Chunk(first_id=messages[start].id, last_id=messages[-1].id, tokens=tokens))
    return tuple(parts)


def compaction_range(
    inputs: PlanInputs,
    *,
    messages: Sequence[Message],
    summary: Summary | None,
    kind: Kind,
    reason: str,
    cache_state: CacheState | None = None,
    leaf_id: str | None = None,
    shortened: ShortReplies = NO_SHORT_REPLIES,
) -> Compaction:
    """The compaction of exactly these messages: how a long history is imported, page by page, oldest first."""
    policy = inputs.policy
    tokens = sum(message.whole_tokens for message in messages)
    parts = chunks(messages, policy.summarizer_chunk)
    plan = rewrite(summary, tokens, policy, chunks=len(parts))
    reading, writing = policy.summarizer_prompt * len(parts) + tokens, plan.budget * len(parts)
    prices = inputs.summarizer.prices.at(reading // max(1, len(parts)))
    own = inputs.prices.at(inputs.in_model(tokens))
    model = inputs.summarizer.model
    if inputs.summarizer.same_model:
        model, prices = inputs.model.id, own
    cost = prices.input * reading + prices.output * writing
    summarizer: Literal["cheap", "fork"] = "cheap"
    if kind == "warm" and cache_state is not None and len(parts) == 1:
        prefix = max((entry.tokens for entry in cache_state.written), default=0)
        fork = own.cache_read * prefix + own.input * policy.fork_instruction + own.output * writing
        if fork < cost and not any(message.rest for message in messages):  # its prefix lacks the rest
            summarizer, model, cost = "fork", inputs.model.id, fork
    return Compaction(
        kind=kind,
        after_id=None if summary is None else summary.upto_id,
        leaf_id=leaf_id,
        first_id=messages[0].id,
        last_id=messages[-1].id,
        tokens=tokens,
        chunks=parts,
        summary=plan,
        summarizer=summarizer,
        model=model,
        cost=cost + _merging(plan, inputs),
        reason=reason,
        shortened=shortened,
    )


def _merging(plan: Rewrite, inputs: PlanInputs) -> int:
    """What the calls that merge segments cost: they read the merged lines, and write those of the merged segments."""
    reading = inputs.policy.merge_prompt * len(plan.merges) + plan.merged_tokens
    writing = sum(part.budget for part in plan.merges)
    prices = inputs.summarizer.prices.at(reading)
    return prices.input * reading + prices.output * writing
