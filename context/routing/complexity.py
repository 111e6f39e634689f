"""How much thinking a message needs: a score, the tier it falls in, and what spoke for it.

Rules. The trained weights (`model`) propose a tier; what the thread and the form of the text make certain overrules them, and only
upwards: an answer that did not please, a repeated question and an attachment are never met with a weaker model, and a text that is
long, or written in what the model was not trained on, is never simple unless every word of it is known small talk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from context.models.catalog import TIERS, Tier
from context.routing.floors import FADES, GOES_ON, SHORT, closes, floors, tier_at
from context.routing.gain import expected_gain
from context.routing.model import Verdict, Weights, judge, shipped
from context.routing.signals import Reading, read
from context.routing.thread import COMPLEX as HARD
from context.routing.thread import EarlierMessage, ThreadSignals, look_back

# Chances from which on the heads are believed. Below even odds for `complex`: on sources left out of training it finds more hard
# requests and costs the others nothing.
MORE_THAN_SIMPLE = 0.5
COMPLEX = 0.4
# A turn with at least this chance of being complex is not simple, whatever else: a wrong cheap answer costs more than a
# needless good one.
NEVER_SIMPLE = 0.06
# Chances this close to a bound are unsure: 3 % of turns like those trained on, more of others.
MARGIN = 0.25
# The score in the middle of the top tier.
_PLAINLY_HARD = 5 / 6
# How many signals are stored and shown, the strongest first.
SHOWN = 8

_FLOORS: Mapping[str, Tier] = {f"at least {tier}": tier for tier in TIERS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One signal of a message: its value, and in words how much it counted. `floor`: the lowest tier that it permits by itself."""

    name: str
    value: float
    weight: str
    floor: Tier | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Complexity:
    """What a turn needs. `score` 0..1, a third of it per tier; `unsure`: close to a threshold; `why` in words.

    `gain`: the quality a stronger model is expected to add, on a scale of its own.
    """

    score: float
    tier: Tier
    unsure: bool
    gain: float
    signals: tuple[Signal, ...]
    why: str

    def to_json(self) -> dict[str, Any]:
        """As it is stored with a route."""
        return {
            "score": self.score,
            "tier": self.tier,
            "unsure": self.unsure,
            "gain": self.gain,
            "why": self.why,
            "signals": [[signal.name, signal.value, signal.weight] for signal in self.signals],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Complexity:
        """The inverse of `to_json`."""
        signals = tuple(
            Signal(name=name, value=value, weight=weight, floor=_FLOORS.get(weight))
            for name, value, weight in stored["signals"]
        )
        return cls(**{**stored, "signals": signals})


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The signals of a message and its thread, and what the trained weights make of them."""

    reading: Reading
    thread: ThreadSignals
    signals: tuple[tuple[str, float], ...]
    verdict: Verdict
    gain: float


def assess(
    text: str,
    earlier: Sequence[EarlierMessage] = (),
    *,
    attachments: int = 0,
    at_least: tuple[Tier, str] | None = None,
) -> Complexity:
    """What a message needs, given the messages before it, oldest first; at most a millisecond however long they are.

    `at_least`: a tier that is needed for a reason outside the text.
    """
    return complexity_of(judge_message(read(text), earlier, shipped()), attachments, at_least)


def with_classifier(complexity: Complexity, tier: Tier) -> Complexity:
    """The same after the classifier named a tier. That decides what was unsure, and never below what is certain."""
    certain = [TIERS.index(signal.floor) for signal in complexity.signals if signal.floor is not None]
    place = max([TIERS.index(tier), *certain])
    if TIERS[place] == complexity.tier:
        return replace(complexity, unsure=False, why=f"{complexity.why}; the classifier agrees")
    why = f"{_looks_like(TIERS[place], None)}, says the classifier"
    return replace(complexity, unsure=False, tier=TIERS[place], score=round((place + 0.5) / 3, 4), why=why)


def judge_message(reading: Reading, earlier: Sequence[EarlierMessage], weights: Weights) -> Judgement:
    """Apply the trained weights to a message and its thread."""
    need = None
    question = next((message for message in reversed(earlier) if message.role == "user"), None)
    if question is not None:
        need = question.score
        if need is None:
            before = read(question.text)
            need = _score(judge(weights, before.signals.items(), _words(before)))
            if need >= HARD:
                need = max(need, _PLAINLY_HARD)  # only what a stored score passed on fades
    thread = look_back(reading, earlier, need)
    signals = (*reading.signals.items(), *thread.signals)
    verdict = judge(weights, signals, _words(reading))
    return Judgement(
        reading=reading,
        thread=thread,
        signals=signals,
        verdict=verdict,
        gain=expected_gain(reading, weights.gain, verdict.complex),
    )


def complexity_of(
    judgement: Judgement, attachments: int = 0, at_least: tuple[Tier, str] | None = None
) -> Complexity:
    """The score and the tier: what the trained weights propose, raised by what is certain."""
    verdict, reading, thread = judgement.verdict, judgement.reading, judgement.thread
    score = _score(verdict)
    if thread.goes_on and thread.need is not None and thread.need >= HARD:
        score = min(score, thread.need - FADES)
    proposed = tier_at(score)
    certain = [] if at_least is None else [at_least]
    certain += floors(reading, thread, attachments)
    tier, why = proposed, _looks_like(proposed, reading)
    if reading.small_talk and "greeting" in reading.signals and reading.size <= SHORT and not thread.signals:
        tier, why = "simple", "a greeting"
    elif thread.answered and closes(reading):
        tier, why = "simple", "it closes the last turn"
    for floor, reason in certain:
        if TIERS.index(floor) > TIERS.index(tier):
            tier, why = floor, f"{_looks_like(floor, None)}: {reason}"
    if tier != proposed:
        score = (TIERS.index(tier) + 0.5) / 3
        if why.endswith(GOES_ON) and thread.need is not None:
            score = max(HARD, min(score, thread.need - FADES))
    near = min(
        abs(verdict.more_than_simple - MORE_THAN_SIMPLE) if proposed != "complex" else 1.0,
        abs(verdict.complex - COMPLEX),
    )
    return Complexity(
        score=round(score, 4),
        tier=tier,
        unsure=near < MARGIN or (tier != proposed and reading.foreign),
        gain=round(judgement.gain, 4),
        signals=_strongest(verdict, certain),
        why=why,
    )


def chance_of_complex(complexity: Complexity) -> float:
    """The chance that a turn needs the top tier, from its score: the inverse of `_score` for what is in that tier."""
    return COMPLEX + (1 - COMPLEX) * (complexity.score * 3 - 2) if complexity.tier == "complex" else 0.0


def _score(verdict: Verdict) -> float:
    more, hard = verdict.more_than_simple, verdict.complex
    if hard >= COMPLEX:
        return min(1.0, (2 + (hard - COMPLEX) / (1 - COMPLEX)) / 3)
    if more < MORE_THAN_SIMPLE and hard < NEVER_SIMPLE:
        return more / MORE_THAN_SIMPLE / 3 * 0.999
    return (1 + hard / COMPLEX * 0.999) / 3


def _words(reading: Reading) -> tuple[str, ...]:
    return () if reading.foreign else reading.words


def _looks_like(tier: Tier, reading: Reading | None) -> str:
    match tier:
        case "simple":
            return "small talk" if reading is not None and reading.small_talk else "short and simple"
        case "standard":
            return "an ordinary request"
        case "complex":
            return "needs thought"


def _strongest(verdict: Verdict, floors: Sequence[tuple[Tier, str]]) -> tuple[Signal, ...]:
    strongest = sorted(verdict.shares, key=lambda share: (-abs(share[2]), share[0]))[:SHOWN]
    return (
        *(Signal(name=reason, value=1.0, weight=f"at least {tier}", floor=tier) for tier, reason in floors),
        *(
            Signal(name=name, value=round(value, 3), weight=_weight(share))
            for name, value, share in strongest
        ),
    )


def _weight(share: float) -> str:
    """A share in log-odds, in words: 3 turns even odds into 20 to 1."""
    size = "strongly " if abs(share) >= 3 else "" if abs(share) >= 1 else "slightly "
    return f"{size}{'towards more' if share > 0 else 'towards less'}"
