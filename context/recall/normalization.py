"""Normalize text for comparison, for the index and for queries alike: what people type in different ways becomes one spelling.

Rules, by Unicode's data: compatibility forms (NFKC) and case (full case folding) are one; accents, Arabic and Hebrew vowel points, the
Arabic tatweel, soft hyphens and zero-width characters are dropped; letters that carry a stroke instead of an accent (ł, ø, đ), the
dotless i, and the Arabic letters that Persian and Urdu encode anew are their plain letter. Vowel signs of Indic and Southeast Asian
scripts and the sound marks of kana are letters in all but name and stay. A change of these rules needs a migration that
indexes every message anew.

Time is linear in the length of the text: it is normalized in pieces, because canonical ordering is quadratic in a run of marks and a
single call on a long text would hold the interpreter; and the result is cut at twice the text's length, because one ligature
can stand for eighteen letters.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Final

LONGEST: Final = 200_000  # characters of one message that are indexed
PIECE: Final = 256  # characters normalized in one call
GROWTH: Final = 2  # times its length that a text may have when it is normalized; prose stays below 1.1
SHORT: Final = 1_000  # characters that a text may have in any case: a name may be one ligature

_ACCENTS: Final = "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_POINTS: Final = "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed"
_INVISIBLE: Final = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\U000e0000-\U000e0fff"
)
_DROPPED: Final = re.compile(f"[{_ACCENTS}{_POINTS}{_INVISIBLE}]+")
_APOSTROPHES: Final = {"\u2018": "'", "\u2019": "'", "\u02bc": "'"}
_LETTERS: Final = str.maketrans(
    {
        **_APOSTROPHES,
        "ı": "i",
        "ł": "l",
        "ø": "o",
        "đ": "d",
        "ħ": "h",
        "ŧ": "t",
        "æ": "ae",
        "œ": "oe",
        # Arabic alef maksura, teh marbuta; Persian and Urdu yeh, keheh, heh goal
        "\u0649": "\u064a",
        "\u0629": "\u0647",
        "\u06cc": "\u064a",
        "\u06a9": "\u0643",
        "\u06c1": "\u0647",
    }
)
_ACCENTED_LETTERS: Final = str.maketrans(_APOSTROPHES)
_OTHERS_DROPPED: Final = re.compile(f"[{_POINTS}{_INVISIBLE}]+")
_MANY_ACCENTS: Final = re.compile(f"([{_ACCENTS}]{{2}})[{_ACCENTS}]+")
_ACCENTS_LEFT: Final = re.compile(
    f"[{_ACCENTS}]+"
)  # those that no letter is written with: the dot of a Turkish i in lower case
# What belongs to the character before it: conjoining vowels and finals of Hangul, half-width sound marks.
_JOINS: Final = re.compile("[\u1160-\u11ff\uff9e\uff9f]")


def normalized(text: str) -> str:
    """The one spelling under which a text is indexed and looked for; at most LONGEST characters of it."""
    return _in_pieces(text, _normalized)


def accented(text: str) -> str:
    """The same with the accents and letters that a text is written with, for rules that need them (`stems`)."""
    return _in_pieces(text, _accented)


def _in_pieces(text: str, form: Callable[[str], str]) -> str:
    text = text[:LONGEST]
    if text.isascii():
        return text.lower()
    most = max(SHORT, GROWTH * len(text))
    if len(text) <= PIECE:
        return form(text)[:most]
    made: list[str] = []
    size = 0
    for piece in pieces(text):
        made.append(form(piece))
        size += len(made[-1])
        if size >= most:
            break
    return "".join(made)[:most]


def pieces(text: str) -> Iterator[str]:
    """The text in parts of about PIECE characters; a mark stays with its letter."""
    start = 0
    while start < len(text):
        end = start + PIECE
        while end < min(len(text), start + 2 * PIECE) and joins(text[end]):
            end += 1
        yield text[start:end]
        start = end


def clusters(text: str) -> Iterator[str]:
    """Each character of a text with the marks and sounds that belong to it."""
    start = 0
    for end in range(1, len(text) + 1):
        if end == len(text) or not joins(text[end]):
            yield text[start:end]
            start = end


def joins(character: str) -> bool:
    """Whether a character belongs to the one before it."""
    return unicodedata.category(character)[0] == "M" or _JOINS.match(character) is not None


def _normalized(piece: str) -> str:
    if piece.isascii():
        return piece.lower()
    # Most marks go before anything is put in order: sorting a long run of them takes long.
    plain = unicodedata.normalize("NFKC", _DROPPED.sub("", piece)).casefold()
    if not plain.isascii():
        plain = _DROPPED.sub("", unicodedata.normalize("NFD", plain))
        plain = unicodedata.normalize("NFC", plain).translate(_LETTERS)
    return plain


def _accented(piece: str) -> str:
    if piece.isascii():
        return piece.lower()
    # Without what is dropped anyway, and with no more than two marks on a letter: sorting a long run of them takes long.
    plain = _MANY_ACCENTS.sub(r"\1", _OTHERS_DROPPED.sub("", piece))
    composed = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", plain).casefold())
    return _ACCENTS_LEFT.sub("", composed).translate(_ACCENTED_LETTERS)
