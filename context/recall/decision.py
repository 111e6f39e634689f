"""What was decided about recall on a turn, as a code with numbers, and the words that say it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, Final, Literal

from context.models.pricing import usd
from context.recall.need import Features, probability
from context.request.recipe import HEADINGS, Recalled

Code = Literal["off", "nothing_older", "asks_nothing", "unlikely", "nothing_found", "in_summary", "recalled"]
Because = Literal[
    "asks",
    "looks_back",
    "names_speaker",
    "words_are_old",
    "words_in_window",
    "words_unknown",
    "reacts",
    "points",
]

_WORDS: Final[Mapping[Code, str]] = {
    "off": "recall is switched off",
    "nothing_older": "nothing is older than the window",
    "asks_nothing": "the message asks nothing that older messages answer",
    "unlikely": "that the message needs something older is too unlikely to pay for it",
    "nothing_found": "no older message has to do with the message",
    "in_summary": "the summary says already what the older messages say",
    "recalled": "",
}
_FOR: Final[Mapping[Because, str]] = {
    "asks": "the message asks",
    "looks_back": "it speaks of earlier",
    "names_speaker": "it names somebody who speaks in this conversation",
    "words_are_old": "its words stand in older messages",
}
_AGAINST: Final[Mapping[Because, str]] = {
    "words_in_window": "its words stand in the recent messages",
    "words_unknown": "older messages lack its words",
    "reacts": "it reacts to what was just said",
    "points": "it points at what was just said",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Why something was recalled, or nothing.

    probability: that an older message is needed, 0 to 1; value: what an answer without it costs, in tokens at this turn's price (None: no
    limit was set); messages, tokens: what was recalled; cost: its price in picodollars, None when the model has no known price;
    because: what spoke for it and against it.
    """

    code: Code
    probability: float = 0.0
    value: int | None = 0
    messages: int = 0
    tokens: int = 0
    cost: int | None = None
    because: tuple[Because, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As it is stored with the plan and shown."""
        return {
            "code": self.code,
            "probability": round(self.probability, 4),
            "value_tokens": self.value,
            "messages": self.messages,
            "tokens": self.tokens,
            "cost_pico_usd": self.cost,
            "because": list(self.because),
        }

    @property
    def words(self) -> str:
        """The decision as a sentence."""
        if self.code != "recalled":
            return f"nothing recalled: {_WORDS[self.code]}"
        count = "1 message" if self.messages == 1 else f"{self.messages:,} messages"
        price = "" if self.cost is None else f", ${usd(self.cost):.4f}"
        reasons = " and ".join(_FOR[reason] for reason in self.because if reason in _FOR)
        doubts = " and ".join(_AGAINST[reason] for reason in self.because if reason in _AGAINST)
        although = f", although {doubts}" if doubts else ""
        return (
            f"recalled {count}, {self.tokens:,} tokens{price}, because {reasons or 'the message may need them'}{although}"
            f": {self.probability:.0%} likely that it needs them"
        )


NO_RECALL: Final = Decision(code="off")


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """How likely an older message is needed, 0 to 1, and what speaks for and against it. `features`: what it was judged by."""

    probability: float
    because: tuple[Because, ...] = ()
    features: Features | None = None

    @staticmethod
    def of(features: Features) -> Need:
        manner = features.manner
        known: dict[Because, bool] = {
            "asks": manner.marked or manner.opens,
            "looks_back": manner.looks_back,
            "names_speaker": features.names_speaker,
            "words_are_old": features.words > 0 and features.unknown < 0.5,
            "words_unknown": features.unknown >= 0.5,
            "words_in_window": features.in_window >= 0.5,
            "reacts": manner.reacts,
            "points": manner.points,
        }
        return Need(
            probability=probability(features),
            because=tuple(name for name, holds in known.items() if holds),
            features=features,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recollection:
    """What was recalled for a turn, as blocks to send, the decision that led to it, and the features it was judged by."""

    blocks: tuple[Recalled, ...]
    decision: Decision
    features: Features | None = None

    @staticmethod
    def nothing(code: Code, value: float = 0.0, need: Need | None = None) -> Recollection:
        """Nothing, for that reason."""
        need = Need(probability=0.0) if need is None else need
        return Recollection(
            blocks=(),
            decision=Decision(
                code=code, probability=need.probability, value=_whole(value), because=need.because
            ),
            features=need.features,
        )

    @staticmethod
    def of(blocks: Sequence[Recalled], value: float, need: Need, *, known: int) -> Recollection:
        """These blocks. `known`: how many messages were left out because the summary says what they say."""
        if not blocks:
            return Recollection.nothing("in_summary" if known else "unlikely", value, need)
        return Recollection(
            blocks=tuple(blocks),
            decision=Decision(
                code="recalled",
                probability=need.probability,
                value=_whole(value),
                messages=sum(block.id not in HEADINGS for block in blocks),
                tokens=sum(block.tokens for block in blocks),
                because=need.because,
            ),
            features=need.features,
        )

    def priced(self, price: int | None) -> Recollection:
        """The same with what it costs, at that price of a token in picodollars."""
        cost = None if price is None else price * self.decision.tokens
        return replace(self, decision=replace(self.decision, cost=cost))


def _whole(value: float) -> int | None:
    return round(value) if isfinite(value) else None
