"""How a text is cut, and what each piece counts for.

A text is three lists: its Latin words; the gaps between them, of which only the shape matters; and, one by one, the letters
and symbols of everything else. Bytes are translated and split, in C; a regular expression sees only gaps never met before.

Rules:
- no piece is longer than `LONGEST` and every character is looked at a bounded number of times: a megabyte without a
  space, or of spaces alone, costs little more than a megabyte of prose;
- any `str` is fine, lone surrogates and NUL included;
- a piece's counts depend on the piece alone, so they can be remembered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import chain
from typing import Final

from context.tokens.features import INDEX, MINORITIES, SCRIPTS
from context.tokens.tokenizer import WordTokenizer

LONGEST: Final = 32
MARK: Final = "\0"  # what foreign runs leave behind

Counts = tuple[tuple[int, int], ...]  # (feature, how often): a feature may occur twice


class Meaning:
    """What a piece counts for. Pieces that count for the same share one where that is easily arranged: it is tallied by identity."""

    __slots__ = ("counts",)

    def __init__(self, counts: Counts) -> None:
        self.counts = counts


_LATIN: Final = "A-Za-zªºÀ-ÖØ-öø-ɏ\u0300-\u036fḀ-ỿ"
# The space before a word belongs to it, as in every tokenizer since GPT-2.
FOREIGN: Final = re.compile(f"((?: ?+[^\\0-\x7f{_LATIN}]++)++)")

# Where a text may be cut without a change of its counts: before a single space, or within a foreign run.
_SEAM: Final = re.compile(f"\\S(?= \\S)|[^\\0-\x7f{_LATIN}](?=[^\\0-\x7f{_LATIN}])")

# In the shape of a text, letters are spaces; so `split` leaves the gaps.
_SPACE, _LINE, _BLANK, _DIGIT, _SIGN, _OTHER, _END = b"_nt0!?."
LETTER: Final = ord(" ")
SPACED: Final = bytes([LETTER, _SPACE, LETTER])  # the commonest gap counts for nothing: it may be left out
LETTERS: Final = bytes([LETTER]) * 3
END: Final = bytes([_END])  # stands after the last gap of a text when no word follows


def _shape(byte: int) -> int:
    char = chr(byte)
    if byte > 0x7F or char.isalpha():  # what is not ASCII is Latin here: the foreign runs are out
        return LETTER
    if char.isdigit():
        return _DIGIT
    if char in "\n\r":
        return _LINE
    if char.isspace():
        return _SPACE if char == " " else _BLANK
    return _SIGN if char.isprintable() else _OTHER


SHAPES: Final = bytes(map(_shape, range(256)))
WORDS: Final = bytes(byte if shape == LETTER else LETTER for byte, shape in enumerate(SHAPES))

PIECE: Final = re.compile(
    rb"_?+!{1,%(longest)d}+"
    rb"|_?+0{1,3}+"
    # longer gaps keep their last space for what follows
    rb"|[_nt]{1,%(longest)d}(?=_[^_nt])|[_nt]{1,%(longest)d}+"
    rb"|\?" % {b"longest": LONGEST}
)


def parts(text: str, size: int) -> Iterator[str]:
    """The text in parts of at most `size` characters. Where there is no seam to cut at, a part ends when it is full, which can split a
    piece in two.
    """
    start = 0
    while len(text) - start > size:
        seam = _SEAM.search(text, start + size // 2, start + size)
        cut = start + size if seam is None else seam.end()
        yield text[start:cut]
        start = cut
    yield text[start:]


def word_meaning(tokenizer: WordTokenizer, word: str) -> Meaning:
    """What a run of Latin letters adds beside being a word; nothing if English knows it, for then every vocabulary does."""
    if len(word) > LONGEST:
        parts = [word[i : i + LONGEST] for i in range(0, len(word), LONGEST)]
        meanings = (word_meaning(tokenizer, part) for part in parts)
        more = len(parts) - 1
        return Meaning(
            ((_WORD, more), (_GLUED, more), *chain.from_iterable(part.counts for part in meanings))
        )
    extra = tokenizer.surplus(word)
    if word.isascii():
        return _word(extra, 0, 0)
    return _word(extra, len(word.encode()) - len(word), len(_MARKS(word)))


@cache
def _word(extra: int, accents: int, marks: int) -> Meaning:
    rare = int(extra > 0)
    return Meaning(
        _without_zeros((_RARE_PIECE, extra), (_RARE_WORD, rare), (_ACCENT, accents), (_COMBINING, marks))
    )


def gap_meaning(gap: bytes) -> Meaning:
    """What a gap of this shape adds, and that the word after it is glued to it unless a space comes between."""
    last = gap[-1]
    if last in (_END, _SPACE):
        return Meaning(tuple(chain.from_iterable(map(_piece_counts, PIECE.findall(gap[:-1])))))
    return Meaning(((_GLUED, 1), *chain.from_iterable(map(_piece_counts, PIECE.findall(gap)))))


@lru_cache(maxsize=4_096)
def _piece_counts(piece: bytes) -> Counts:
    """One match of `PIECE`."""
    kind, size = piece[-1], len(piece)
    spaced = piece[0] == _SPACE
    if kind == _SIGN:
        return _without_zeros((_SIGN_RUN, 1), (_SIGN_EXTRA, size - spaced - 1))
    if kind == _DIGIT:
        return _without_zeros((_DIGITS, size - spaced), (_GROUP, 1), (_SPACED, int(spaced)))
    if kind == _OTHER:
        return ((_REST, 1),)
    # White space: what comes up to the last line feed, and the gap or indentation after it.
    lines = piece.rfind(_LINE) + 1
    indent = size - lines
    return _without_zeros(
        (_BREAK, 1 if lines else 0),
        (_BREAK_EXTRA, max(0, lines - 1)),
        (_SPACE_RUN, 1 if indent else 0),
        (_SPACE_EXTRA, max(0, indent - 1)),
    )


def letter_meaning(letter: str) -> Meaning:
    """One character that is neither ASCII nor Latin."""
    code = ord(letter)
    for name, first, last in SCRIPTS:
        if first <= code <= last:
            return _letter(
                name, *(minor for minor, low, high in MINORITIES if low <= code <= min(high, last))
            )
    if 0x200B <= code <= 0x200F or 0xFE00 <= code <= 0xFE0F:
        return _letter("joiner")
    if 0x1F000 <= code <= 0x1FFFF or 0x2600 <= code <= 0x27BF:
        return _letter("emoji")
    if 0x20000 <= code <= 0x3FFFF:
        return _letter("han", "han")  # rare enough to be spelt in bytes
    symbol = 0x80 <= code < 0x3040 or 0xFF00 <= code < 0xFFF0
    return _letter("symbol" if symbol else "rest")


@cache
def _letter(*names: str) -> Meaning:
    return Meaning(tuple((INDEX[name], 1) for name in names))


def _without_zeros(*counts: tuple[int, int]) -> Counts:
    return tuple(count for count in counts if count[1])


_MARKS: Final = re.compile("[\u0300-\u036f]").findall
_WORD, _GLUED = INDEX["word"], INDEX["glued_word"]
_RARE_PIECE, _RARE_WORD = INDEX["rare_piece"], INDEX["rare_word"]
_ACCENT, _COMBINING = INDEX["accent"], INDEX["combining"]
_DIGITS, _GROUP, _SPACED = INDEX["digit"], INDEX["digit_group"], INDEX["spaced_number"]
_SIGN_RUN, _SIGN_EXTRA = INDEX["sign_run"], INDEX["sign_extra"]
_BREAK, _BREAK_EXTRA = INDEX["line_break"], INDEX["line_extra"]
_SPACE_RUN, _SPACE_EXTRA = INDEX["space_run"], INDEX["space_extra"]
_REST: Final = INDEX["rest"]
