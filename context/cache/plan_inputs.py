"""What a lane's requests are made under: constant from turn to turn, so that the cached prefix holds."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from context.cache.cache_state import Lane, lane_share
from context.cache.cost_model import Economy, Reader, turn_tokens
from context.cache.idle_gaps import Evidence
from context.messages import Message
from context.models.catalog import Model
from context.models.pricing import PriceTable
from context.policy import DEFAULT, Policy
from context.request.prompts import Prompt
from context.request.recipe import LAYOUT
from context.request.summary_blocks import Ladder


@dataclass(frozen=True, slots=True, kw_only=True)
class Summariser:
    """The cheap model that writes summaries. `same_model`: quality settings ask for the lane's own model instead."""

    model: str
    prices: PriceTable
    same_model: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """A model with its prices, a system prompt, and who summarises.

    `prompt_tokens` is all that stands before the first message: the system prompt and, among it, `tools_tokens` of tools;
    `max_output` is the wanted output limit in tokens; `shared_prompt` says that other threads keep the system prompt warm;
    `signs` are the evidences of presence the interface gives, none when it gives none.
    """

    model: Model
    prompt: Prompt
    prompt_tokens: int
    max_output: int
    prices: PriceTable
    summariser: Summariser
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


def with_room_for(terms: Terms, tokens: int, *, least: int) -> Terms:
    """The same terms with answers as much shorter as a message of that size needs, but not below `least` tokens."""
    needed = terms.in_model(tokens + terms.prompt_tokens + terms.policy.overhead)
    left = int(terms.model.context_window - 2 - needed * terms.policy.safety)
    return (
        terms
        if left >= terms.max_tokens
        else replace(terms, max_output=min(terms.max_tokens, max(left, least)))
    )


Neighbour = tuple["Terms", Lane]
"""Another lane of the same thread, and the terms it is used under."""


def economy(
    terms: Terms,
    *,
    lane: Lane,
    messages: Sequence[Message],
    floor: int,
    ladder: Ladder | None,
    others: Sequence[Neighbour] = (),
    now: int = 0,
) -> Economy:
    """The standing of a lane whose window is `messages`, of which those from index `floor` on stay verbatim.

    A fold moves all lanes of a thread: `others` that still live have to write again what is kept.
    """
    kept = sum(message.tokens for message in messages[floor:])
    held = 0 if ladder is None else ladder.tokens
    total = terms.prompt_tokens + held + sum(message.tokens for message in messages)
    kept_tokens, held_tokens = terms.in_model(kept), terms.in_model(held)
    turn = turn_tokens(turn_sizes(messages, lane)) * terms.model.token_ratio

    def standing(its: Terms, one: Lane) -> Economy:
        return Economy(
            system=its.in_model(its.prompt_tokens),
            ladder=held_tokens,
            floor=kept_tokens,
            turn=turn,
            prices=its.prices.at(its.in_model(total)),
            reader=its.summariser.prices,
            policy=its.policy,
            share=lane_share(one, messages[-1].depth, policy=its.policy),
            renewals=one.renewals,
            minimum=its.model.min_cacheable,
            shared=its.shared_prompt,
        )

    own, again, readers = standing(terms, lane), 0.0, list[Reader]()
    for its, other in others:
        theirs = standing(its, other)
        # As if it were cached: lanes that are not because the others are not would all be dearer together.
        write, read = theirs.write("5m" if other.life == "none" else other.life), theirs.prices.cache_read
        readers.append(Reader(share=theirs.share, read=read * (1 + theirs.renewals), write=write))
        if other.life != "none" and now < other.alive_until:
            again += min(1.0, theirs.share * its.policy.alive_turns) * (write - read)
    return replace(own, again_elsewhere=again, others=tuple(readers)) if others else own


def arriving(standing: Economy) -> float:
    """Tokens that arrive on the thread from one use of the lane to the next."""
    return standing.turn / max(standing.share, 0.02)


def turn_sizes(messages: Sequence[Message], lane: Lane) -> list[int]:
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
        sizes[-1] += int(lane.output) or sizes[-1]
    return sizes
