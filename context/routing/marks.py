"""Count the marks in a text that no word list knows: code, formulae, measured quantities, identifiers, lists. No pattern can backtrack.

Prices, times of day, ranges and phone numbers are none of them: "20-50 euros at 14:30" is an ordinary request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import log2
from typing import Final

_CODE = re.compile(
    r"```|[{};]\s*\n|\w\(\)|=>|->|==|!=|::|</\w|\w\[\w|#include|\bdef \w|\bimport \w|\bSELECT\b|\w\.\w+\(|\w_\w"
)
# TeX, signs, `3*x`, `2+y`, `x = 4`, `)/(`, `x^2`, `a_1`, `f(x)`, `zeta(2)`, `[[1`. A minus or a slash alone may be a range or a date.
_FORMULA = re.compile(
    r"\\[a-zA-Z]{2,}|\\[\[(]|\$(?:[^\s$\d]|\d{1,9}[a-z]\W?[-+=^])|[∑∫√∞≤≥≠±×÷∈∀∃→∂∆^²³]|(?<!\w)[πθλμΩ](?!\w)"
    r"|\d\s?[*=]\s?[\w(]|\d\+[\w(]|[\w)]\s\+\s[\w(]|\)[*/^]|\)\s?[-+=]\s?[\d(]|\b[a-z]\s?=\s?\S|\b[a-z]\s?[-+/]\s?\d"
    r"|\d[a-z]\s?[-+=]|\w\^|[a-z]_[\d{]|[a-z]\([-\d]|\b[a-z]\([a-z]\)|\[\[\s?-?\d"
)
_UNIT = re.compile(
    r"\d\s?(?:m/s|km/h|mph|m²|м/с|км/ч|°|(?:kg|km|cm|mm|mol|Hz|Pa|кг|см|мм|моль|Гц|Дж|Вт|Па|Ом|мкКл|[mgNJWVKΩмгНВАК])\b"
    "|米|千克|公斤|厘米|公里|牛|焦|伏|欧|秒|升)"
)
_NUMBER = re.compile(r"\d+")
_ITEM = re.compile(r"^\s{0,8}(?:[-*•]|\d{1,3}[.)])\s", re.MULTILINE)
_OPTION = re.compile(r"(?:^|\s)\(?[A-Ha-h][.)]\s")
_ASKS: Final = ("?", "？", "؟")
_SENTENCE = re.compile(r"[.!?;。！？；؟।](?:\s|$)|[。！？]")
# Names of techniques as they are written: SQL, EINTR, JavaScript, QTextEdit, C++, c#, og:image, numpy.linalg, .pptx
_ACRONYM = re.compile(r"(?<![A-Za-z0-9'’])[A-Z][A-Z0-9]{1,6}s?(?![A-Za-z])")
_TECHNICAL = re.compile(r"[a-z][A-Z][a-z]|[A-Za-z](?:\+\+|#)|\.[a-z]{2,5}\b|[A-Za-z_][:_][A-Za-z_]\w")

_PATTERNS: Final = {
    "code": _CODE,
    "formula": _FORMULA,
    "units": _UNIT,
    "items": _ITEM,
    "options": _OPTION,
    "sentences": _SENTENCE,
    "acronyms": _ACRONYM,
    "technical": _TECHNICAL,
}

# Order numbers, bank accounts, serial numbers: capitals with digits, or long runs of digits and letters of hexadecimal numbers.
_TOKEN = re.compile(r"(?<![\w.,^*+=/(-])[A-Za-z0-9][A-Za-z0-9-]{4,63}(?![\w(^*+=/])")
_MENTION = re.compile(r"(?<![\w.])@\w{2,40}")
_SHORTEST_RUN: Final = 6  # digits that are an identifier by themselves

Marks = Mapping[str, int]


def without_identifiers(text: str) -> tuple[str, int]:
    """The text without identifiers and mentions of accounts, which are no words of any language; and how many identifiers there were."""
    count = 0

    def blank(match: re.Match[str]) -> str:
        nonlocal count
        if not _is_identifier(match[0]):
            return match[0]
        count += 1
        return " "

    text = _MENTION.sub(" ", text) if "@" in text else text
    return _TOKEN.sub(blank, text), count


def _is_identifier(token: str) -> bool:
    digits = sum(map(str.isdigit, token))
    letters = [letter for letter in token if letter.isalpha()]
    if not letters:
        return digits >= _SHORTEST_RUN
    upper = all(map(str.isupper, letters))
    hexadecimal = all(letter in "abcdef" for letter in letters)
    return digits >= 2 and (upper or (hexadecimal and digits + len(letters) >= _SHORTEST_RUN))


def mark_counts(shown: str) -> dict[str, int]:
    """How often each sort of mark occurs."""
    numbers = _NUMBER.findall(shown)
    return {
        **{name: len(pattern.findall(shown)) for name, pattern in _PATTERNS.items()},
        "asks": sum(shown.count(mark) for mark in _ASKS),
        "numbers": len(numbers),
        "digits": sum(map(len, numbers)),
        "lines": shown.count("\n"),
    }


def mark_signals(marks: Marks, length: int, identifiers: int) -> dict[str, float]:
    """The signals of the marks of a text of that many characters, in a fixed order."""
    values = (
        ("question", float(marks["asks"] > 0)),
        ("questions", beyond_one(marks["asks"], 3.0)),
        ("code marks", from_one(marks["code"], 4.0)),
        ("formula", from_one(marks["formula"], 4.0)),
        ("quantities", from_one(marks["units"], 3.0)),
        ("identifier", float(identifiers > 0)),
        ("number", float(marks["numbers"] > 0)),
        ("numbers", beyond_one(marks["numbers"], 4.0)),
        ("mostly digits", float(marks["digits"] * 4 > length)),
        ("lines", from_one(marks["lines"], 4.0)),
        ("list items", from_one(marks["items"], 3.0)),
        ("answer options", min(marks["options"], 4) / 4),
        ("sentences", beyond_one(marks["sentences"], 4.0)),
        ("acronyms", from_one(marks["acronyms"], 3.0)),
        ("technical names", from_one(marks["technical"], 3.0)),
    )
    return {name: value for name, value in values if value}


def from_one(number: int, most: float) -> float:
    """0 for none, 1 for one, one more with each doubling, up to `most`."""
    return min(log2(1 + number), most)


def beyond_one(number: int, most: float) -> float:
    """0 for none or one, 1 for two, one more with each doubling, up to `most`."""
    return min(log2(max(1, number)), most)
