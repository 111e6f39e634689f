"""What a cache state's requests are made under: constant from turn to turn, so that the cached prefix holds."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from context.cache.cache_state import CacheState, share_at
from context.cache.cost_model import CostModel, Reader, turn_tokens
from context.cache.idle_gaps import Evidence
from context.messages import Message
from context.models.catalog import Model
from context.models.pricing import PriceTable
from context.policy import DEFAULT, Policy
from context.request.prompts import Prompt
from context.request.recipe import LAYOUT
from context.request.summary_blocks import Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class SummarizerModel:
    """The cheap model that writes summaries. `same_model`: quality settings ask for the cache state's own model instead."""

    model: str
    prices: PriceTable
    same_model: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanInputs:
    """A model with its prices, a system prompt, and who summarizes.

    `prompt_tokens` is all that stands before the first message: the system prompt and, among it, `tools_tokens` of tools;
    `max_output` is the wanted output limit in tokens; `shared_prompt` says that other threads keep the system prompt warm;
    `signs` are the evidences of presence the interface gives, none when it gives none.
    """

    model: Model
    prompt: Prompt
    prompt_tokens: int
    max_output: int
    prices: PriceTable
    summarizer: SummarizerModel
    shared_prompt: bool = False
    signs: tuple[Evidence, ...] = ()
    policy: Policy = DEFAULT
    tools: tuple[str, ...] = ()
    tools_tokens: int = 0
    diagnose: bool = False

    @property
    def max_tokens(self) -> int:
        return min(self.max_output, self.model.max_output)

    @property
    def settings(self) -> str:
        """A digest of all that the prefix depends on before the first message."""
        made_of = [LAYOUT, self.model.id, self.model.thinking, self.prompt.digest, *self.tools]
        return sha256(json.dumps(made_of).encode()).hexdigest()[:16]

    def in_model(self, tokens: int) -> int:
        """Estimated tokens as this model counts them."""
        return round(tokens * self.model.token_ratio)


def message_limit(model: Model, prompt_tokens: int, max_output: int, policy: Policy = DEFAULT) -> int:
    """The most estimated tokens a window, and so a single message, may have with this model."""
    # One token less, for sizes are rounded to whole tokens of the model before they are multiplied by the safety.
    room = model.context_window - min(max_output, model.max_output) - 1
    return int(room / policy.safety / model.token_ratio) - prompt_tokens - policy.overhead


def with_room_for(inputs: PlanInputs, tokens: int, *, least: int) -> PlanInputs:
    """The same terms with answers as much shorter as a message of that size needs, but not below `least` tokens."""
    needed = inputs.in_model(tokens + inputs.prompt_tokens + inputs.policy.overhead)
    left = int(inputs.model.context_window - 2 - needed * inputs.policy.safety)
    return (
        inputs
        if left >= inputs.max_tokens
        else replace(inputs, max_output=min(inputs.max_tokens, max(left, least)))
    )


OtherModel = tuple["PlanInputs", CacheState]
"""Another cache state of the same thread, and the terms it is used under."""


def cost_model(
    inputs: PlanInputs,
    *,
    cache_state: CacheState,
    messages: Sequence[Message],
    floor: int,
    summary: Summary | None,
    others: Sequence[OtherModel] = (),
    now: int = 0,
) -> CostModel:
    """The standing of a cache state whose window is `messages`, of which those from index `floor` on stay verbatim.

    A compaction moves all cache states of a thread: `others` that still live have to write again what is kept.
    """
    kept = sum(message.tokens for message in messages[floor:])
    held = 0 if summary is None else summary.tokens
    total = inputs.prompt_tokens + held + sum(message.tokens for message in messages)
    kept_tokens, held_tokens = inputs.in_model(kept), inputs.in_model(held)
    turn = turn_tokens(turn_sizes(messages, cache_state)) * inputs.model.token_ratio

    def costs(its: PlanInputs, one: CacheState) -> CostModel:
        return CostModel(
            system=its.in_model(its.prompt_tokens),
            summary=held_tokens,
            floor=kept_tokens,
            turn=turn,
            prices=its.prices.at(its.in_model(total)),
            reader=its.summarizer.prices,
            policy=its.policy,
            share=share_at(one, messages[-1].depth, policy=its.policy),
            renewals=one.renewals,
            minimum=its.model.min_cacheable,
            shared=its.shared_prompt,
        )

    own, again, readers = costs(inputs, cache_state), 0.0, list[Reader]()
    for its, other in others:
        theirs = costs(its, other)
        # As if it were cached: cache states that are not because the others are not would all be dearer together.
        write, read = (
            theirs.write("5m" if other.window_ttl == "none" else other.window_ttl),
            theirs.prices.cache_read,
        )
        readers.append(Reader(share=theirs.share, read=read * (1 + theirs.renewals), write=write))
        if other.window_ttl != "none" and now < other.alive_until:
            again += min(1.0, theirs.share * its.policy.alive_turns) * (write - read)
    return replace(own, again_elsewhere=again, others=tuple(readers)) if others else own


def arriving(costs: CostModel) -> float:
    """Tokens that arrive on the thread from one use of the cache state to the next."""
    return costs.turn / max(costs.share, 0.02)


def turn_sizes(messages: Sequence[Message], cache_state: CacheState) -> list[int]:
    """Tokens of each turn of a window, oldest first; a turn whose answer is not there yet is left out, unless it is all."""
    sizes: list[int] = []
    answered = False
    for message in messages[-44:]:
        if message.role == "user" and (answered or not sizes):
            sizes.append(0)
            answered = False
        if sizes:
            sizes[-1] += message.tokens
            answered = answered or message.role == "assistant"
    if not answered and len(sizes) > 1:
        sizes.pop()
    elif not answered and sizes:
        sizes[-1] += int(cache_state.output) or sizes[-1]
    return sizes
