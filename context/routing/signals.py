"""Extract features ("signals") from a text that show how much thinking it needs, in time that does not grow with the text.

Theory of operation. A text is looked at in two slices, its beginning and its end; what lies between counts by length
alone. Words are looked up in the lexicon, marks are counted by regular expressions that cannot backtrack. Everything is
counted in kinds ("a word of mathematics"), so that a text in another language shows the same signals as its translation.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from math import log2
from typing import Final

from context.routing.aims import AIMS, Aim, Marks, addressed, aim_signals, asked_for, problem_signals
from context.routing.lexicon import SMALL_TALK, UNSPACED, Kinds, Lexicon, english, foreign_openers, world
from context.routing.marks import mark_counts, mark_signals, without_identifiers

# Characters looked at, from the beginning and from the end. A request stands at either end of what it is about; twice as
# much changed no figure of the evaluation and doubles the time.
HEAD, TAIL = 800, 400
# A letter of an unspaced script says about as much as three Latin ones.
DENSITY: Final = 3

_DENSE = re.compile("[\u1100-\u11ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]")
_RUN = re.compile(f"[{UNSPACED}]+")
_RUN_LETTER = re.compile(f"[{UNSPACED}]")
# Letters and, for scripts that write vowels as marks, the marks.
_WORD = re.compile("(?:[^\\W\\d_]|[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u0900-\u0dff])+")
_FOREIGN_LETTER = re.compile("[^\\W\\d_\\u0000-\\u024f\\u1e00-\\u1eff]")
_ACCENTED = re.compile("[\u00c0-\u024f\u1e00-\u1eff]")
_CONTRACTION = re.compile("['’](?=(?:s|t|m|re|ll|ve|d)\\b)")
# "Not right now" puts off and does not correct; "I made a mistake" is about the one who says it.
_NOT_NOW = re.compile(r"\bnot (?:right now|just now|at the moment|for the moment|at this time|today|now)\b")
_OWN_MISTAKE = re.compile(
    r"\b(?:my (?:mistake|bad|fault|error)|i (?:made|meant|misspoke|mistyped|typed|gave you|had)\b|by mistake)"
)

# Lengths in characters, from which on a text counts as longer; words likewise.
_LENGTHS: Final = (8, 16, 32, 64, 128, 256, 512, 1_024, 2_048)
_WORDS: Final = ((1, "1"), (2, "2"), (4, "3-4"), (7, "5-7"), (12, "8-12"), (20, "13-20"), (40, "21-40"))
_OTHERS: Final = ((0, "0"), (1, "1"), (3, "2-3"), (6, "4-6"))
_SHORT: Final = 12
_ASKING: Final = frozenset(("who", "how", "request", "write", "reason", "code", "maths"))
_COUNTED: Final = ("write", "reason", "code", "maths", "expert", "constraint", "steps", "demand", "systems")

# What a word adds: something to talk about, nothing, or small talk.
_OTHER, _PLAIN, _TALK = 0, 1, 2
_UNCOUNTED: Final = frozenset(("english", "foreign", "filler", "personal"))
_EMPTY: Final = frozenset(("english", "foreign", "filler", "self"))

Signals = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The signals of a text. `size` is its length in Latin letters' worth; `foreign`: written in a script or language other than English."""

    size: int
    words: tuple[str, ...]
    signals: Signals
    foreign: bool
    small_talk: bool


def read(text: str) -> Reading:
    """The signals of one text."""
    text = text.strip()
    shown, size = _shown(text)
    shown, identifiers = without_identifiers(shown)
    plain = _NOT_NOW.sub("not now", _CONTRACTION.sub("", shown).lower())
    unspaced: list[str] = []
    if not shown.isascii():
        unspaced = _RUN.findall(plain)
        plain = _RUN.sub(" ", plain) if unspaced else plain
    words = _WORD.findall(plain)
    foreign = _foreign(shown, words)
    lexicon = world() if foreign else english()
    kinds = [lexicon.of(word) for word in words]
    counts = _WordCounts(
        seen=Counter(chain.from_iterable(kinds)),
        begins={*kinds[0], *lexicon.of("_".join(words[:2]))} if words else set(),
        aim=asked_for(words, kinds, lexicon.of),
    )
    _count_words(counts, words, kinds, lexicon)
    _count_runs(counts, unspaced, lexicon, only=not words)
    if "correction" in counts.seen and _OWN_MISTAKE.search(plain):
        del counts.seen["correction"]
    count = len(words) + sum(map(len, unspaced)) // 2
    addresses = "self" in counts.seen if foreign else addressed(words)
    return Reading(
        size=size,
        words=tuple(words),
        signals=_signals(shown, size, count, counts, Aim(kind=counts.aim, addressed=addresses), identifiers),
        foreign=foreign,
        small_talk=counts.talk > 0 and counts.other == 0,
    )


@dataclass(slots=True)
class _WordCounts:
    """The words of a text: how many of each kind (`seen`), the kinds it begins with, the first thing asked for, words of small talk, and others."""

    seen: Counter[str]
    begins: set[str]
    aim: str | None
    talk: int = 0
    other: int = 0


def _count_words(counts: _WordCounts, words: list[str], kinds: list[Kinds], lexicon: Lexicon) -> None:
    """Count small talk and other words, and the kinds of pairs of words, in `counts`."""
    adds = [_adds(word_kinds) if word_kinds else _OTHER for word_kinds in kinds]
    for place, (first, second) in enumerate(pairwise(words)):
        if first in lexicon.openers and (pair := lexicon.of(f"{first}_{second}")):
            counts.seen.update(pair)
            adds[place] = max(adds[place], _adds(pair))
            adds[place + 1] = max(adds[place + 1], _adds(pair))
    counts.talk, counts.other = adds.count(_TALK), adds.count(_OTHER)


def _count_runs(counts: _WordCounts, runs: list[str], lexicon: Lexicon, *, only: bool) -> None:
    """The same for runs of letters of scripts without spaces. `only`: the text has no other words."""
    for place, run in enumerate(runs):
        known = lexicon.of_run(run)
        unknown = len(run)
        for word, kinds in known:
            counts.seen.update(kinds)
            adds = _adds(kinds)
            counts.talk += adds == _TALK
            unknown -= len(word) if adds != _OTHER else 0
        if place == 0 and only and known and run.startswith(known[0][0]):
            counts.begins = set(known[0][1])
            counts.aim = next((aim for aim in AIMS if any(aim in kinds for _, kinds in known[:3])), None)
        counts.other += (unknown + 1) // 2


def _shown(text: str) -> tuple[str, int]:
    """The slices looked at, and the length of the whole in Latin letters' worth."""
    size = len(text)
    shown = text if size <= HEAD + TAIL else f"{text[:HEAD]}\n{text[-TAIL:]}"
    if shown.isascii():
        return shown, size
    dense = len(_DENSE.findall(shown))
    size += round(size * dense / max(1, len(shown)) * (DENSITY - 1))
    if len(_RUN_LETTER.findall(shown)) * 4 > len(shown):
        head, tail = HEAD // DENSITY, TAIL // DENSITY
        shown = shown if len(shown) <= head + tail else f"{shown[:head]}\n{shown[-tail:]}"
    return shown, size


def _adds(kinds: Kinds) -> int:
    """What a word of these kinds adds: something to talk about, nothing, or small talk."""
    if not SMALL_TALK.isdisjoint(kinds):
        return _TALK
    return _OTHER if _EMPTY.isdisjoint(kinds) else _PLAIN


def _foreign(shown: str, words: list[str]) -> bool:
    """Whether the text is written in another language or script than English, as far as its letters and small words tell."""
    if shown.isascii():
        accents = foreign_letters = 0
    else:
        foreign_letters = len(_FOREIGN_LETTER.findall(shown))
        accents = len(_ACCENTED.findall(shown))
    letters = max(1, sum(map(len, words)))
    if foreign_letters * 3 > letters:
        return True
    known, all_languages = english(), world()
    english_words = foreign_words = 0
    for word in words[:80]:
        if "english" in known.of(word):
            english_words += 1
        elif len(word) > 1 and not known.of(word) and (all_languages.of(word) or word in foreign_openers()):
            foreign_words += 1
    return (
        foreign_words > english_words
        or (accents > 0 and foreign_words >= english_words and foreign_words > 0)
        or (accents * 12 > letters and english_words * 4 < len(words[:80]))
    )


def _signals(
    shown: str, size: int, count: int, counts: _WordCounts, aim: Aim, identifiers: int
) -> dict[str, float]:
    """All signals, in a fixed order: sums over them depend on it. `count`: words."""
    seen, marks = counts.seen, mark_counts(shown)
    signals = {
        **_length_signals(size, count),
        **_kind_signals(seen, counts.begins),
        **_talk_signals(seen, counts.other, count),
        **mark_signals(marks, len(shown), identifiers),
    }
    named = marks["acronyms"] + marks["technical"]
    signals |= aim_signals(
        seen, aim, count, Marks(code=marks["code"], formula=marks["formula"], named=named, asks=marks["asks"])
    )
    signals |= problem_signals(seen, count, marks)
    if count <= _SHORT:
        signals |= _short_signals(seen, counts.begins, asks="question" in signals)
    return signals


def _length_signals(size: int, count: int) -> dict[str, float]:
    signals = {f"longer than {length}": min(1.0, log2(size / length)) for length in _LENGTHS if size > length}
    return {**signals, f"words {_bucket(count, _WORDS, '41 or more')}": 1.0}


def _kind_signals(seen: Mapping[str, int], begins: set[str]) -> dict[str, float]:
    signals: dict[str, float] = {}
    for kind, number in seen.items():
        if kind in _UNCOUNTED:
            continue
        signals[kind] = 1.0
        if kind in _COUNTED and number > 1:
            signals[f"much {kind}"] = min(log2(number), 4.0)
    return signals | {f"begins {kind}": 1.0 for kind in sorted(begins) if kind not in _UNCOUNTED}


def _talk_signals(seen: Mapping[str, int], other: int, count: int) -> dict[str, float]:
    """How much of the text is small talk, and how many words are something else."""
    signals = {f"other words {_bucket(other, _OTHERS, '7 or more')}": 1.0}
    if not SMALL_TALK.isdisjoint(seen):
        signals["small talk share"] = 1.0 - min(1.0, other / max(1, count))
    return signals


def _short_signals(seen: Mapping[str, int], begins: set[str], *, asks: bool) -> dict[str, float]:
    """What only a short text shows. `asks`: it has a question mark."""
    talk, request = not SMALL_TALK.isdisjoint(begins), asks or "request" in seen
    values = (
        ("about the assistant", "self" in seen and ("who" in seen or "how" in seen)),
        ("only an answer", talk and not request),
        ("answer and request", talk and request),
        ("asks for nothing", not asks and _ASKING.isdisjoint(seen)),
    )
    return {name: 1.0 for name, holds in values if holds}


def _bucket(number: int, names: Sequence[tuple[int, str]], above: str) -> str:
    """The name of the first bucket that holds a number."""
    return next((name for most, name in names if number <= most), above)
