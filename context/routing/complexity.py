"""How much thinking a message needs: a score, the tier it falls in, and what spoke for it.

Rules. The trained heads (`model`) propose; what the thread and the looks of the text make certain overrules them, and only
upwards: an answer that did not please, a repeated question and an attachment are never met with a weaker model, and a text that is
long, or written in what the model was not trained on, is never simple unless every word of it is known small talk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from context.models.catalog import TIERS, Tier
from context.routing.gain import expected_gain
from context.routing.lexicon import SMALL_TALK
from context.routing.model import Verdict, Weights, judge, shipped
from context.routing.signals import Reading, read
from context.routing.thread import COMPLEX as HARD
from context.routing.thread import Said, Thread, look_back

# Chances from which on the heads' word is taken. Below even odds for `complex`: on sources left out of training it finds more hard
# requests and costs the others nothing.
MORE_THAN_SIMPLE = 0.5
COMPLEX = 0.4
# A turn with at least this chance of being complex is not simple, whatever else: a wrong cheap answer costs more than a
# needless good one.
NEVER_SIMPLE = 0.06
# Latin letters' worth of text that is never simple.
LONG = 240
# A text that begins by asking for work is at least standard; from this length on, complex.
WORK = 100
# A greeting up to this length, every word of it small talk, is simple even when it asks how one is.
SHORT = 60
# Chances this close to a bound are unsure: 3 % of turns like those trained on, more of others.
MARGIN = 0.25
# Signals told, the strongest first.
TOLD = 8

_UNFAMILIAR = frozenset(("demand", "write", "reason", "code", "maths", "systems", "correction"))
# Words that refer to what was said before.
_BACK = frozenset(("it", "its", "this", "that", "these", "those", "them", "same"))
_BEGINNINGS = frozenset(("begins write", "begins reason"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One thing seen, and how much it counted, in words."""

    name: str
    value: float
    weight: str

    @property
    def floor(self) -> Tier | None:
        """The tier a certain thing demands at least."""
        return next((tier for tier in TIERS if self.weight == f"at least {tier}"), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Complexity:
    """What a turn needs. `score` 0..1, a third of it per tier; `unsure`: close to a bound; `gain`: the quality a stronger model is expected to add, on a scale of its own."""

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
            "signals": [[one.name, one.value, one.weight] for one in self.signals],
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Complexity:
        """As `to_json` wrote it."""
        signals = tuple(
            Signal(name=name, value=value, weight=weight) for name, value, weight in kept["signals"]
        )
        return cls(**{**kept, "signals": signals})


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A message as the heads see it."""

    reading: Reading
    thread: Thread
    signals: tuple[tuple[str, float], ...]
    verdict: Verdict
    gain: float


def assess(
    text: str,
    said: Sequence[Said] = (),
    *,
    attachments: int = 0,
    at_least: tuple[Tier, str] | None = None,
) -> Complexity:
    """What a message needs, given the messages before it, oldest first; at most a millisecond however long they are.

    `at_least`: a tier that is needed for a reason outside the text.
    """
    return tiers_of(judged(read(text), said, shipped()), attachments, at_least)


def opined(found: Complexity, tier: Tier) -> Complexity:
    """The same after a second opinion. It decides between what was unsure, and never below what is certain."""
    certain = [TIERS.index(one.floor) for one in found.signals if one.floor is not None]
    place = max([TIERS.index(tier), *certain])
    if TIERS[place] == found.tier:
        return replace(found, unsure=False, why=f"{found.why}; a second opinion agrees")
    said = f"{_looks_like(TIERS[place], None)}, says a second opinion"
    return replace(found, unsure=False, tier=TIERS[place], score=round((place + 0.5) / 3, 4), why=said)


def judged(reading: Reading, said: Sequence[Said], weights: Weights) -> Judged:
    """The heads' verdict on a message and its thread."""
    need = None
    asked = next((one for one in reversed(said) if one.role == "user"), None)
    if asked is not None:
        need = asked.score
        if need is None:
            before = read(asked.text)
            need = _score(judge(weights, before.signals.items(), _words(before)))
    thread = look_back(reading, said, need)
    signals = (*reading.signals.items(), *thread.signals)
    return Judged(
        reading=reading,
        thread=thread,
        signals=signals,
        verdict=judge(weights, signals, _words(reading)),
        gain=expected_gain(reading, weights.gain),
    )


def tiers_of(found: Judged, attachments: int = 0, at_least: tuple[Tier, str] | None = None) -> Complexity:
    """The score and the tier: what the heads propose, raised by what is certain."""
    verdict, reading, thread = found.verdict, found.reading, found.thread
    score = _score(verdict)
    proposed = tier_at(score)
    raised: list[tuple[Tier, str]] = [] if at_least is None else [at_least]
    if attachments:
        raised.append(("standard", "it comes with an attachment"))
    above = _above(tier_at(thread.need)) if thread.need is not None else "standard"
    if thread.answered and "correction" in reading.signals:
        raised.append((above, "it says that the last answer was wrong"))
    if not reading.small_talk:
        if reading.size > LONG:
            raised.append(("standard", "it is long"))
        if not reading.signals.keys().isdisjoint(_BEGINNINGS):
            raised.append(("standard", "it begins with a task"))
            if reading.size > WORK:
                raised.append(("complex", "it begins with a task and goes on"))
        if "asks demand" in reading.signals:
            raised.append(("complex", "it asks for a proof, a design or an analysis"))
        if reading.strange:
            if not _familiar(reading, thread):
                raised.append(("standard", "it is not in English"))
            if reading.size > LONG:
                raised.append(("complex", "it is long and not in English"))
            elif _asks_for_work(reading):
                raised.append(("complex", "it asks for work in a language other than English"))
        if (
            thread.need is not None
            and thread.need >= HARD
            and "only answers a question" not in dict(thread.signals)
        ):
            raised.append(("standard", "it follows a hard turn"))
            if reading.size <= WORK and not _BACK.isdisjoint(reading.words):
                raised.append(("complex", "it goes on with a hard turn"))
        if thread.repeated:
            raised.append((above, "it repeats an earlier question"))
        if thread.disliked:
            raised.append((above, "the last answer was disliked"))
    tier, why = proposed, _looks_like(proposed, reading)
    if reading.small_talk and "greeting" in reading.signals and reading.size <= SHORT and not thread.signals:
        tier, why = "simple", "a greeting"
    for floor, reason in raised:
        if TIERS.index(floor) > TIERS.index(tier):
            tier, why = floor, f"{_looks_like(floor, None)}: {reason}"
    if tier != proposed:
        score = (TIERS.index(tier) + 0.5) / 3
    near = min(
        abs(verdict.more_than_simple - MORE_THAN_SIMPLE) if proposed != "complex" else 1.0,
        abs(verdict.complex - COMPLEX),
    )
    return Complexity(
        score=round(score, 4),
        tier=tier,
        unsure=near < MARGIN or (tier != proposed and reading.strange),
        gain=round(found.gain, 4),
        signals=_told(verdict, raised),
        why=why,
    )


def tier_at(score: float) -> Tier:
    """The tier a score falls in: a third of the scale each."""
    return TIERS[min(2, int(score * 3))]


def _score(verdict: Verdict) -> float:
    more, hard = verdict.more_than_simple, verdict.complex
    if hard >= COMPLEX:
        return min(1.0, (2 + (hard - COMPLEX) / (1 - COMPLEX)) / 3)
    if more < MORE_THAN_SIMPLE and hard < NEVER_SIMPLE:
        return more / MORE_THAN_SIMPLE / 3 * 0.999
    return (1 + hard / COMPLEX * 0.999) / 3


def _familiar(reading: Reading, thread: Thread) -> bool:
    """Whether words that are known say that a short text in another language is a command, small talk or an answer."""
    signals = reading.signals.keys()
    if reading.size > SHORT:
        return False
    if "a short command" in signals and "question" not in signals:
        return True
    if "the assistant in person" in signals:
        return signals.isdisjoint(_UNFAMILIAR)
    if not signals.isdisjoint(_UNFAMILIAR | {"how", "question"}):
        return False
    answers = "asks for nothing" in signals or any(
        name == "only answers a question" for name, _ in thread.signals
    )
    return "control" in signals or (answers and not signals.isdisjoint(SMALL_TALK))


def _asks_for_work(reading: Reading) -> bool:
    """Outside English fewer words are known, so that one or two say what five would."""
    signals = reading.signals
    kinds = sum(kind in signals for kind in ("write", "reason", "code", "maths", "systems"))
    return (
        kinds >= 2
        or not signals.keys().isdisjoint(("demand", "much write", "much reason"))
        or "begins write" in signals
        or "begins reason" in signals
        or "formula" in signals
    )


def _words(reading: Reading) -> tuple[str, ...]:
    return () if reading.strange else reading.words


def _above(tier: Tier) -> Tier:
    return TIERS[min(2, TIERS.index(tier) + 1)]


def _looks_like(tier: Tier, reading: Reading | None) -> str:
    match tier:
        case "simple":
            return "small talk" if reading is not None and reading.small_talk else "short and simple"
        case "standard":
            return "an ordinary request"
        case "complex":
            return "needs thought"


def _told(verdict: Verdict, raised: Sequence[tuple[Tier, str]]) -> tuple[Signal, ...]:
    strongest = sorted(verdict.shares, key=lambda share: (-abs(share[2]), share[0]))[:TOLD]
    return (
        *(Signal(name=reason, value=1.0, weight=f"at least {tier}") for tier, reason in raised),
        *(
            Signal(name=name, value=round(value, 3), weight=_weight(share))
            for name, value, share in strongest
        ),
    )


def _weight(share: float) -> str:
    """A share in log-odds, in words: 3 turns even odds into 20 to 1."""
    size = "strongly " if abs(share) >= 3 else "" if abs(share) >= 1 else "slightly "
    return f"{size}{'towards more' if share > 0 else 'towards less'}"
