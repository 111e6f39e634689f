"""What a text shows about how much thinking it needs: named numbers, in time that does not grow with the text.

Theory of operation. A text is looked at in two slices, its beginning and its end; what lies between counts by length
alone. Words are looked up in the lexicon, marks are counted by regular expressions that cannot backtrack. Everything is
counted in kinds ("a word of mathematics"), so that a text in another language shows the same signals as its translation.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain, pairwise
from math import log2
from typing import Final

from context.routing.aims import AIMS, Aim, Marks, addressed, aim_signals, asked_for
from context.routing.lexicon import SMALL_TALK, UNSPACED, Kinds, english, foreign_openers, world

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

_CODE = re.compile(
    r"```|[{};]\s*\n|\w\(\)|=>|->|==|!=|::|</\w|\w\[\w|#include|\bdef \w|\bimport \w|\bSELECT\b|\w\.\w+\(|\w_\w"
)
_FORMULA = re.compile(
    r"\\[a-zA-Z]{2,}|\\[\[(]|\$[^\s$]|[∑∫√∞≤≥≠±×÷∈∀∃→∂∆^]|(?<!\w)[πθλμΩ](?!\w)|\d\s?[-+*/=]\s?[\w(]|\b[a-z]\s?=\s?\S|\w\^|[a-z]_[\d{]"
)
_NUMBER = re.compile(r"\d+")
_ITEM = re.compile(r"^\s{0,8}(?:[-*•]|\d{1,3}[.)])\s", re.MULTILINE)
_OPTION = re.compile(r"(?:^|\s)\(?[A-Ha-h][.)]\s")
_ASKS: Final = ("?", "？", "؟")
_SENTENCE = re.compile(r"[.!?;。！？；؟।](?:\s|$)|[。！？]")
# Names of techniques as they are written: SQL, EINTR, JavaScript, QTextEdit, C++, c#, og:image, numpy.linalg, .pptx
_ACRONYM = re.compile(r"(?<![A-Za-z0-9'’])[A-Z][A-Z0-9]{1,6}s?(?![A-Za-z])")
_TECHNICAL = re.compile(r"[a-z][A-Z][a-z]|[A-Za-z](?:\+\+|#)|\.[a-z]{2,5}\b|\w[:_]\w{2}")

# Lengths in characters, from which on a text counts as longer; words likewise.
_LENGTHS: Final = (8, 16, 32, 64, 128, 256, 512, 1_024, 2_048)
_WORDS: Final = ((1, "1"), (2, "2"), (4, "3-4"), (7, "5-7"), (12, "8-12"), (20, "13-20"), (40, "21-40"))
_COUNTED: Final = ("write", "reason", "code", "maths", "expert", "constraint", "steps", "demand", "systems")

# What a word adds: something to talk about, nothing, or small talk.
_OTHER, _PLAIN, _TALK = 0, 1, 2
_UNCOUNTED: Final = frozenset(("english", "foreign", "filler", "personal"))
_EMPTY: Final = frozenset(("english", "foreign", "filler", "self"))

Signals = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A text as read. `size` is its length in Latin letters' worth; `strange`: written in a script or language other than English."""

    size: int
    words: tuple[str, ...]
    signals: Signals
    strange: bool
    small_talk: bool


def read(text: str) -> Reading:
    """The signals of one text."""
    text = text.strip()
    shown, size = _shown(text)
    plain = _CONTRACTION.sub("", shown).lower()
    unspaced: list[str] = []
    if not shown.isascii():
        unspaced = _RUN.findall(plain)
        plain = _RUN.sub(" ", plain) if unspaced else plain
    words = _WORD.findall(plain)
    strange = _strange(shown, words)
    lexicon = world() if strange else english()
    of, openers = lexicon.of, lexicon.openers
    kinds = [of(word) for word in words]
    seen: Counter[str] = Counter(chain.from_iterable(kinds))
    said = [_said(found) if found else _OTHER for found in kinds]
    for place, (first, second) in enumerate(pairwise(words)):
        if first in openers and (pair := of(f"{first}_{second}")):
            seen.update(pair)
            said[place] = max(said[place], _said(pair))
            said[place + 1] = max(said[place + 1], _said(pair))
    talk, rest = said.count(_TALK), said.count(_OTHER)
    begins = {*kinds[0], *of("_".join(words[:2]))} if words else set()
    asked = asked_for(words, kinds, of)
    for place, run in enumerate(unspaced):
        known = lexicon.of_run(run)
        left = len(run)
        for word, its in known:
            seen.update(its)
            adds = _said(its)
            talk += adds == _TALK
            left -= len(word) if adds != _OTHER else 0
        if place == 0 and not words and known and run.startswith(known[0][0]):
            begins = set(known[0][1])
            asked = next((aim for aim in AIMS if any(aim in its for _, its in known[:3])), None)
        rest += (left + 1) // 2
    count = len(words) + sum(map(len, unspaced)) // 2
    spoken = "self" in seen if strange else addressed(words)
    return Reading(
        size=size,
        words=tuple(words),
        signals=_signals(shown, size, count, seen, begins, Aim(asked=asked, addressed=spoken), rest),
        strange=strange,
        small_talk=talk > 0 and rest == 0,
    )


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


def _said(kinds: Kinds) -> int:
    if not SMALL_TALK.isdisjoint(kinds):
        return _TALK
    return _OTHER if _EMPTY.isdisjoint(kinds) else _PLAIN


def _strange(shown: str, words: list[str]) -> bool:
    """Whether the text is written in another language or script than English, as far as its letters and small words tell."""
    if shown.isascii():
        accents = foreign = 0
    else:
        foreign = len(_FOREIGN_LETTER.findall(shown))
        accents = len(_ACCENTED.findall(shown))
    letters = max(1, sum(map(len, words)))
    if foreign * 3 > letters:
        return True
    known, other = english(), world()
    ours = theirs = 0
    for word in words[:80]:
        if "english" in known.of(word):
            ours += 1
        elif not known.of(word) and (other.of(word) or word in foreign_openers()):
            theirs += 1
    return (
        theirs > ours
        or (accents > 0 and theirs >= ours and theirs > 0)
        or (accents * 12 > letters and ours * 4 < len(words[:80]))
    )


def _signals(
    shown: str,
    size: int,
    count: int,
    seen: Counter[str],
    first: set[str],
    aim: Aim,
    rest: int,
) -> dict[str, float]:
    found: dict[str, float] = {}
    for length in _LENGTHS:
        if size > length:
            found[f"longer than {length}"] = min(1.0, log2(size / length))
    found[f"words {next((name for most, name in _WORDS if count <= most), '41 or more')}"] = 1.0
    for kind, n in seen.items():
        if kind in _UNCOUNTED:
            continue
        found[kind] = 1.0
        if kind in _COUNTED and n > 1:
            found[f"much {kind}"] = min(log2(n), 4.0)
    for kind in first:
        if kind not in _UNCOUNTED:
            found[f"begins {kind}"] = 1.0
    found[
        "other words "
        + (
            "0"
            if rest <= 0
            else "1"
            if rest == 1
            else "2-3"
            if rest <= 3
            else "4-6"
            if rest <= 6
            else "7 or more"
        )
    ] = 1.0
    if not SMALL_TALK.isdisjoint(seen):
        found["small talk share"] = 1.0 - min(1.0, rest / max(1, count))
    asks = sum(shown.count(mark) for mark in _ASKS)
    if asks:
        found["question"] = 1.0
        if asks > 1:
            found["questions"] = min(log2(asks), 3.0)
    code = len(_CODE.findall(shown))
    if code:
        found["code marks"] = min(log2(1 + code), 4.0)
    formula = len(_FORMULA.findall(shown))
    if formula:
        found["formula"] = min(log2(1 + formula), 4.0)
    numbers = _NUMBER.findall(shown)
    if numbers:
        found["number"] = 1.0
        if len(numbers) > 1:
            found["numbers"] = min(log2(len(numbers)), 4.0)
        digits = sum(map(len, numbers))
        if digits * 4 > len(shown):
            found["mostly digits"] = 1.0
    lines = shown.count("\n")
    if lines:
        found["lines"] = min(log2(1 + lines), 4.0)
    if items := len(_ITEM.findall(shown)):
        found["list items"] = min(log2(1 + items), 3.0)
    if options := len(_OPTION.findall(shown)):
        found["answer options"] = min(options, 4) / 4
    sentences = len(_SENTENCE.findall(shown))
    if sentences > 1:
        found["sentences"] = min(log2(sentences), 4.0)
    acronyms = len(_ACRONYM.findall(shown))
    if acronyms:
        found["acronyms"] = min(log2(1 + acronyms), 3.0)
    technical = len(_TECHNICAL.findall(shown))
    if technical:
        found["technical names"] = min(log2(1 + technical), 3.0)
    named = acronyms + technical
    found.update(aim_signals(seen, aim, count, Marks(code=code, formula=formula, named=named, asks=asks)))
    if count <= 12:
        short = {"self", "who", "how"} & seen.keys()
        if "self" in short and len(short) > 1:
            found["about the assistant"] = 1.0
        if not SMALL_TALK.isdisjoint(first) and "question" not in found and "request" not in seen:
            found["only an answer"] = 1.0
        if not SMALL_TALK.isdisjoint(first) and ("question" in found or "request" in seen):
            found["answer and request"] = 1.0
        if (
            not seen.keys() & {"who", "how", "request", "write", "reason", "code", "maths"}
            and "question" not in found
        ):
            found["asks for nothing"] = 1.0
    return found
