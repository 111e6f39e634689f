"""The tiers that something certain about a message demands at least, whatever the trained weights say: each with its reason."""

from __future__ import annotations

from typing import Final

from context.models.catalog import TIERS, Tier
from context.routing.lexicon import SMALL_TALK
from context.routing.signals import Reading
from context.routing.thread import COMPLEX as HARD
from context.routing.thread import ThreadSignals

# Latin letters' worth of text that is never simple.
LONG = 240
# A text that begins by asking for work is at least standard; from this length on, complex.
WORK = 100
# A greeting up to this length, every word of it small talk, is simple even when it asks how one is.
SHORT = 60
# A turn that only goes on with a hard one passes a little less on, so that a thread comes down by itself.
FADES: Final = 0.05
GOES_ON: Final = "it goes on with a hard turn"

_UNFAMILIAR = frozenset(("demand", "write", "reason", "code", "maths", "systems", "correction"))
# Words that refer to what was said before.
_REFERRING = frozenset(("it", "its", "this", "that", "these", "those", "them", "same"))
_BEGINNINGS = frozenset(("begins write", "begins reason"))
# Words besides, from which on a correction brings what is right with it.
_BRINGS = frozenset(("other words 4-6", "other words 7 or more"))
# What a long message in another language says that is a customer's or a traveler's.
_EVERYDAY = frozenset(("request", "own", "greeting", "thanks", "question", "detail"))
_CLOSES = frozenset(("begins thanks", "begins praise", "begins goodbye"))
_CLOSING = frozenset(("thanks", "praise", "goodbye", "yes"))
_WORKING = frozenset(
    ("write", "reason", "code", "maths", "systems", "demand", "problem", "question", "request", "follow_up")
)


def floors(reading: Reading, thread: ThreadSignals, attachments: int) -> list[tuple[Tier, str]]:
    """The tiers that something certain demands at least, each with the reason."""
    signals, substance = reading.signals.keys(), not reading.small_talk
    better: Tier = above(tier_at(thread.need)) if thread.need is not None else "standard"
    long, foreign = reading.size > LONG, reading.foreign
    task = not signals.isdisjoint(_BEGINNINGS)
    wrong = thread.answered and "correction" in signals
    closing = not signals.isdisjoint(_CLOSING) and signals.isdisjoint(_WORKING)
    follows = (
        thread.need is not None and "only answers a question" not in dict(thread.signals) and not closing
    )
    hard = follows and thread.need is not None and thread.need >= HARD
    refers = reading.size <= WORK and not _REFERRING.isdisjoint(reading.words)
    goes_on = hard and thread.need is not None and thread.need - FADES >= HARD and (refers or thread.goes_on)
    work = foreign and _asks_for_work(reading)
    unknown = foreign and long and signals.isdisjoint(_EVERYDAY)
    rules: tuple[tuple[bool, Tier, str], ...] = (
        (attachments > 0, "standard", "it comes with an attachment"),
        (wrong and signals.isdisjoint(_BRINGS), better, "it says that the last answer was wrong"),
        (wrong, "standard", "it corrects the last answer"),
        (substance and long, "standard", "it is long"),
        (substance and task, "standard", "it begins with a task"),
        (substance and task and reading.size > WORK, "complex", "it begins with a task and goes on"),
        (substance and "asks demand" in signals, "complex", "it asks for a proof, a design or an analysis"),
        (substance and foreign and not _familiar(reading, thread), "standard", "it is not in English"),
        (substance and unknown, "complex", "it is long and in words that are not known"),
        (substance and work, "complex", "it asks for work in a language other than English"),
        (substance and hard, "standard", "it follows a hard turn"),
        (substance and goes_on, "complex", GOES_ON),
        (substance and thread.goes_on and follows, "standard", "it goes on with the last turn"),
        (substance and thread.repeated, better, "it repeats an earlier question"),
        (substance and thread.disliked, better, "the last answer was disliked"),
    )
    return [(tier, reason) for holds, tier, reason in rules if holds]


def closes(reading: Reading) -> bool:
    """Whether a short message begins with thanks, praise or a goodbye and asks for nothing."""
    signals = reading.signals.keys()
    return (
        reading.size <= SHORT
        and not signals.isdisjoint(_CLOSES)
        and signals.isdisjoint(_WORKING | {"correction", "formula", "code marks"})
    )


def _familiar(reading: Reading, thread: ThreadSignals) -> bool:
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
    if "a short translation" in signals:
        return False
    kinds = sum(kind in signals for kind in ("write", "reason", "code", "maths", "systems"))
    return (
        kinds >= 2
        or not signals.keys().isdisjoint(("demand", "much write", "much reason"))
        or "begins write" in signals
        or "begins reason" in signals
        or "formula" in signals
        or "a problem in numbers" in signals
    )


def tier_at(score: float) -> Tier:
    """The tier a score falls in: a third of the scale each."""
    return TIERS[min(2, int(score * 3))]


def above(tier: Tier) -> Tier:
    """The next tier up, or the top one."""
    return TIERS[min(2, TIERS.index(tier) + 1)]
