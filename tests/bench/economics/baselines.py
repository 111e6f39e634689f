"""Simpler policies over the same conversation: a fixed trigger for compacting, and automatic marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from context.cache.plan_inputs import PlanInputs
from context.compaction.levels import rewrite
from context.request.summary_blocks import Summary
from tests.bench.economics.conversations import START, Conversation
from tests.bench.economics.provider import Part, Provider
from tests.made_up_summaries import rewritten, stub, stub_size


@dataclass(frozen=True, slots=True)
class Fixed:
    """Compact down to the floor when `surplus` tokens stand before it; mark the last block for `ttl`, or nothing.

    `explicit` marks the system prompt and the end of the summary besides.
    """

    surplus: float
    ttl: str | None
    explicit: bool = False


def play(
    policy: Fixed,
    inputs: dict[str, PlanInputs],
    conversation: Conversation,
    gaps: Sequence[int],
    floors: Sequence[int] = (),
) -> Provider:
    """What the conversation costs. `floors`: messages that are verbatim in each turn; without them the policy's most."""
    provider, now = Provider(), START
    any_terms = next(iter(inputs.values()))
    sizes = [size for exchange in conversation.exchanges for size in (exchange.user, exchange.answer)]
    start = 0
    summary: Summary | None = None
    for index, exchange in enumerate(conversation.exchanges):
        plan_inputs = inputs[conversation.tiers[index]] if len(inputs) > 1 else any_terms
        end = index * 2 + 1
        keep = floors[index] if floors else any_terms.policy.floor_messages
        floor = max(start, (end - keep) // 2 * 2)
        surplus = sum(sizes[start:floor])
        window = sum(sizes[start:end])
        if floor > start and (surplus > policy.surplus or window > plan_inputs.policy.window_cap):
            new = rewrite(summary, surplus, plan_inputs.policy)
            reading = plan_inputs.policy.summarizer_prompt + surplus
            reading += plan_inputs.policy.merge_prompt * len(new.merges) + new.merged_tokens
            writing = new.budget + sum(part.budget for part in new.merges)
            cheap = plan_inputs.summarizer.prices.at(reading)
            provider.pay("summary", cheap.input * reading + cheap.output * writing)
            segments = rewritten(new, summary, ("", ""), stub, stub_size, name=f"s{index}")
            summary = Summary(id=f"l{index}", upto_id="", segments=segments)
            start = floor
        early = policy.ttl if policy.explicit else None
        parts = [Part("system", plan_inputs.prompt_tokens, early)]
        segments = () if summary is None else summary.segments
        for number, segment in enumerate(segments, start=1):
            parts.append(Part(segment.id, segment.tokens, early if number == len(segments) else None))
        parts += [Part(f"m{number}", sizes[number]) for number in range(start, end)]
        last = parts[-1]
        parts[-1] = Part(last.name, last.tokens, policy.ttl)
        provider.ask(
            plan_inputs.model.id,
            plan_inputs.prices,
            parts,
            now=now,
            minimum=plan_inputs.model.min_cacheable,
            output=exchange.answer,
            purpose="reply",
        )
        now += gaps[index]
    return provider
