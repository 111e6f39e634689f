"""How likely the answer to a message needs a message older than the window: a small logistic model over features of any language.

Theory of operation. Most turns go on from what was just said: thanks, values, the next step. A message needs something old when it asks, when the thread
has words for what it asks, and when it neither reacts to nor points at what was just said. The weights were fitted on questions
about long conversations and on ordinary turns of conversations and of customer support, whole sources left out to check them (README.md);
`PRIOR` is how often a turn of a long thread is taken to need something old.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log, log1p
from typing import Final

from context.recall.asking import Manner, ends_asking, manner
from context.recall.policy import RecallPolicy
from context.recall.query import Query
from context.recall.rank import rarity
from context.recall.stems import word_stems
from context.recall.thread import Outline

WINDOW_READ: Final = 30_000  # characters of the window's newest messages that are looked through
PAIR: Final = 0.5  # what a pair of characters counts of a word, in scripts without spaces
PRIOR: Final = 0.05  # of the fit

# Fitted; each is the weight of the feature of that name.
BIAS: Final = -8.07
WEIGHTS: Final[Mapping[str, float]] = {
    "marked": 1.83,
    "opens": 2.86,
    "looks_back": 0.72,
    "past": 0.80,
    "reacts": -6.38,
    "points": -1.59,
    "orders": -1.00,
    "names_speaker": 1.5,  # set by hand: no conversation that may be trained on has names (README.md)
    "answers": -1.04,
    "words": 3.63,
    "length": -1.30,
    "in_window": -1.70,
    "unknown": -6.79,
    "coverage": 0.38,
    "rarest": -2.60,
    "evidence": -1.85,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What is known of a message before anything is recalled for it.

    manner: what it does, by its words; names_speaker: whether it names somebody who speaks in the thread; answers: the message before it ended with a question; words: how many words tell what it is about (logarithm of one
    more); length: of the message beside the thread's usual one of a user (logarithm). Of the weight of its words, by their rarity in the thread:
    in_window: the share that the window holds; unknown: the share that no older message holds; coverage: what the best message
    has of it; rarest: the rarest word that an older message holds, 1 when it stands once; evidence: all such words (logarithm of one more).
    """

    manner: Manner
    names_speaker: bool = False
    answers: bool = False
    words: float = 0.0
    length: float = 0.0
    in_window: float = 0.0
    unknown: float = 0.0
    coverage: float = 0.0
    rarest: float = 0.0
    evidence: float = 0.0

    def values(self) -> dict[str, float]:
        """Each feature as a number, under the names of `WEIGHTS`."""
        of_manner = ("marked", "opens", "looks_back", "past", "reacts", "points", "orders")
        measured = ("words", "length", "in_window", "unknown", "coverage", "rarest", "evidence")
        return {
            **{name: float(getattr(self.manner, name)) for name in of_manner},
            "names_speaker": float(self.names_speaker),
            "answers": float(self.answers),
            **{name: getattr(self, name) for name in measured},
        }


def probability(features: Features) -> float:
    """How likely an older message is needed, 0 to 1: 0 when the message neither asks nor looks back, or has no telling word."""
    if not features.manner.may_need or features.words <= 0:
        return 0.0
    total = BIAS + sum(WEIGHTS[name] * value for name, value in features.values().items())
    return 1 / (1 + exp(-max(-30.0, min(30.0, total))))


def may_need(text: str) -> bool:
    """Whether older messages can matter to a message at all: decided by its text alone, before anything is searched."""
    return manner(text).may_need


def features(
    question: str,
    query: Query,
    counts: Mapping[str, int],
    outline: Outline,
    *,
    size: int,
    window: Sequence[str],
    best: float,
    policy: RecallPolicy,
) -> Features:
    """The features of a message.

    `counts`: how many of the thread's older messages, which `outline` describes, hold each stem of `query`; `size`: tokens of this message;
    `window`: the texts that are sent anyway, oldest first; `best`: the score of the best older message. A date on which older messages were
    written is not unknown, though no message says it: its words are left aside.
    """
    held, messages = stems_of(window), len(outline)
    aside = query.date_words if _some_time_of(query, outline) else frozenset[str]()
    if aside.issuperset(query.weights):
        aside = frozenset()
    total = known = shown = rarest = words = evidence = 0.0
    for stem, weight in query.weights.items():
        if stem in aside:
            continue
        share = PAIR if _is_pair(stem) else 1.0
        words += share
        holding = counts.get(stem, 0)
        worth = weight * rarity(messages, holding)
        total += worth
        if holding:
            known += worth
            rarest = max(rarest, worth)
            evidence += share * min(1.0, weight) * rarity(messages, holding)
        if not held.isdisjoint((stem, *query.others.get(stem, ()))):
            shown += worth
    unit = log(messages + 1)
    return Features(
        manner=manner(question),
        names_speaker=bool(outline.speaking),
        answers=bool(window) and ends_asking(window[-1]),
        words=log1p(words),
        length=log(max(1, size) / outline.typical),
        in_window=shown / total if total else 0.0,
        unknown=1 - known / total if total else 0.0,
        coverage=best ** (1 / policy.cover) / total if total else 0.0,
        rarest=rarest / unit,
        evidence=log1p(evidence / unit),
    )


def _some_time_of(query: Query, outline: Outline) -> bool:
    """Whether an older message was written on a date that is asked about."""
    return any(start <= at < end for start, end in query.dates for at in outline.at)


def stems_of(window: Sequence[str]) -> set[str]:
    """The stems of the window's newest messages."""
    held: set[str] = set()
    room = WINDOW_READ
    for text in reversed(window):
        if room <= 0:
            break
        held.update(stem for stems in word_stems(text[:room]).values() for stem in stems)
        room -= len(text)
    return held


def _is_pair(stem: str) -> bool:
    return len(stem) == 2 and ord(stem[0]) > 0xE00
