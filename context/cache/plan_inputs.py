"""What a request is planned from: the settings of its model, and the branch of the thread as it stands.

Settings stay the same from turn to turn, so that the cached prefix holds.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from math import inf
from typing import Final

from context.cache.cache_state import CacheState, share_at
from context.cache.cost_model import CostModel, ModelShare, turn_tokens
from context.cache.global_gaps import GlobalGaps
from context.cache.idle_gaps import Evidence
from context.messages import Message
from context.models.catalog import Model
from context.models.pricing import PriceTable
from context.policy import DEFAULT, Policy
from context.request.prompts import Instructions, Prompt
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
    """A model with its prices, a system prompt, the thread's instructions, and who summarizes.

    `prompt_tokens` is what stands before the instructions: the system prompt and, among it, `tools_tokens` of tools; `prompt_error` is
    how far it may be off: 0 where a bill told it, None for as far as the policy takes any estimate to be off; `message_frame` is what is
    billed of a message besides its text;
    `max_output` is the output limit asked for, in tokens; `shared_prompt` says that other threads keep the system prompt warm;
    `signs` are the signs of presence the page may give, empty when it gives none; `diagnose` asks the provider why its cache missed.
    """

    model: Model
    prompt: Prompt
    prompt_tokens: int
    prompt_error: int | None = None
    message_frame: float = 0.0
    max_output: int
    prices: PriceTable
    summarizer: SummarizerModel
    shared_prompt: bool = False
    signs: tuple[Evidence, ...] = ()
    policy: Policy = DEFAULT
    tools: tuple[str, ...] = ()
    tools_tokens: int = 0
    diagnose: bool = False
    instructions: Instructions | None = None

    @property
    def fixed_tokens(self) -> int:
        """Estimated tokens before the summary: system prompt, tools and the thread's instructions."""
        return self.prompt_tokens + (0 if self.instructions is None else self.instructions.tokens)

    @property
    def max_tokens(self) -> int:
        return min(self.max_output, self.model.max_output)

    @property
    def settings(self) -> str:
        """A digest of all that the prefix depends on before the thread's instructions: threads share it."""
        return _digest(LAYOUT, self.model.id, self.model.thinking, self.prompt.digest, *self.tools)

    @property
    def prompt_relative_error(self) -> float:
        """By what share `prompt_tokens` may be off."""
        if self.prompt_error is None:
            return self.policy.safety - 1
        return self.prompt_error / max(1, self.prompt_tokens)

    def in_model(self, tokens: int) -> int:
        """Estimated tokens as this model counts them."""
        return round(tokens * self.model.token_ratio)


@cache
def _digest(*parts: str | int) -> str:
    return sha256(json.dumps(parts).encode()).hexdigest()[:16]


def message_limit(inputs: PlanInputs) -> int:
    """The most estimated tokens a window, and so a single message, may have with this model."""
    # One token less, for sizes are rounded to whole tokens of the model before they are multiplied by the safety.
    return room_below(inputs, inputs.model.context_window - inputs.max_tokens - 1)


def room_below(inputs: PlanInputs, limit: int) -> int:
    """The most estimated tokens that messages may have in a prompt of at most `limit` tokens."""
    prompt = inputs.in_model(inputs.prompt_tokens) * (1 + inputs.prompt_relative_error)
    instructions = inputs.in_model(inputs.fixed_tokens - inputs.prompt_tokens) * inputs.policy.safety
    before = prompt + instructions + inputs.policy.overhead
    return int((limit - before) / inputs.policy.safety / inputs.model.token_ratio)


def with_room_for(inputs: PlanInputs, tokens: int, *, least: int) -> PlanInputs:
    """The same inputs with answers as much shorter as a message of that size needs, but not below `least` tokens."""
    free = room_below(inputs, inputs.model.context_window - 2) - tokens
    left = int(free * inputs.policy.safety * inputs.model.token_ratio)
    if left >= inputs.max_tokens:
        return inputs
    return replace(inputs, max_output=min(inputs.max_tokens, max(left, least)))


NO_GAPS: Final = GlobalGaps()

OtherModel = tuple[PlanInputs, CacheState]
"""Another model that answers in the same thread: its inputs and its cache state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchState:
    """A branch of a thread as one model's request finds it at `now` (milliseconds since 1970 UTC).

    path: the messages no summary stands for (or the newest of them), oldest first; summary: what stands before them; cache_state: of the
    model; others: the thread's other models; global_gaps: the idle gaps of all threads with this model.
    """

    path: Sequence[Message]
    summary: Summary | None = None
    cache_state: CacheState
    now: int
    others: Sequence[OtherModel] = ()
    global_gaps: GlobalGaps = NO_GAPS


def cost_model(
    inputs: PlanInputs, branch: BranchState, *, floor_tokens: int, floor_most: float = inf
) -> CostModel:
    """Sizes and prices of a cache state whose window is `branch.path`, of which `floor_tokens` stay verbatim.

    `floor_most`: what they may grow to; both in estimated tokens.

    A compaction moves the window of all models of a thread: those whose cache is alive have to write again what is kept.
    """
    messages, now = branch.path, branch.now
    summary_tokens = 0 if branch.summary is None else branch.summary.tokens
    total = inputs.fixed_tokens + summary_tokens + sum(message.tokens for message in messages)
    floor_size, summary_size = inputs.in_model(floor_tokens), inputs.in_model(summary_tokens)
    turn = turn_tokens(turn_sizes(messages, branch.cache_state)) * inputs.model.token_ratio

    def costs_of(model_inputs: PlanInputs, cache_state: CacheState) -> CostModel:
        return CostModel(
            system=model_inputs.in_model(model_inputs.fixed_tokens),
            summary=summary_size,
            floor=floor_size,
            turn=turn,
            prices=model_inputs.prices.at(model_inputs.in_model(total)),
            summarizer=model_inputs.summarizer.prices,
            policy=model_inputs.policy,
            floor_most=floor_most * model_inputs.model.token_ratio,
            share=share_at(cache_state, messages[-1].depth, policy=model_inputs.policy),
            renewals=cache_state.renewals,
            minimum=model_inputs.model.min_cacheable,
            shared=model_inputs.shared_prompt,
        )

    own, rewriting, others = costs_of(inputs, branch.cache_state), 0.0, list[ModelShare]()
    for other_inputs, other in branch.others:
        costs = costs_of(other_inputs, other)
        # As if it were cached: models that are not because the others are not would all be dearer together.
        write = costs.write("5m" if other.window_ttl == "none" else other.window_ttl)
        read = costs.prices.cache_read
        others.append(ModelShare(share=costs.share, read=read * (1 + costs.renewals), write=write))
        if other.window_ttl != "none" and now < other.alive_until:
            rewriting += min(1.0, costs.share * other_inputs.policy.warm_within_turns) * (write - read)
    return replace(own, rewriting_elsewhere=rewriting, others=tuple(others)) if others else own


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
            sizes[-1] += message.whole_tokens
            answered = answered or message.role == "assistant"
    if not answered and len(sizes) > 1:
        sizes.pop()
    elif not answered and sizes:
        sizes[-1] += int(cache_state.output) or sizes[-1]
    return sizes
