"""How a text is cut, and what each piece counts for.

Rules:
- letters of other scripts, and symbols, count one by one; what is left is ASCII and Latin, and is cut into words, numbers,
  signs and white space;
- no piece is longer than `LONGEST` and every character is looked at a bounded number of times: a megabyte without a
  space, or of spaces alone, costs what a megabyte of prose costs;
- any `str` is fine, lone surrogates and NUL included;
- a piece's counts depend on the piece alone, so they can be remembered.
"""

from __future__ import annotations

import re
from typing import Final

from tokenizers import models

from context.tokens.features import INDEX, MINORITIES, SCRIPTS

LONGEST: Final = 32
UNKNOWN: Final = "?"  # stands in the vocabulary for letters it has never seen
GAP: Final = "\0"  # what foreign runs leave behind

Counts = tuple[tuple[int, int], ...]  # (feature, how often), zeros left out

_LATIN: Final = "A-Za-zªºÀ-ÖØ-öø-ɏ\u0300-\u036fḀ-ỿ"
# The space before a word belongs to it, as in every tokenizer since GPT-2.
FOREIGN: Final = re.compile(f" ?([^\\0-\x7f{_LATIN}]+)")
PIECE: Final = re.compile(
    rf" ?+[{_LATIN}]{{1,{LONGEST}}}+"
    rf"| ?+[!-/:-@\[-`{{-~]{{1,{LONGEST}}}+"
    r"| ?+[0-9]{1,3}+"
    # longer gaps keep their last space for the word
    rf"|\s{{1,{LONGEST}}}(?= \S)|\s{{1,{LONGEST}}}+"
    r"|.",
    re.DOTALL,
)


class Vocabulary:
    """A byte-pair vocabulary over words; tells how many pieces a word is."""

    def __init__(self, alphabet: list[str], merges: list[str]) -> None:
        pairs = [(first, second) for first, _, second in (merge.partition(" ") for merge in merges)]
        order = {piece: i for i, piece in enumerate(dict.fromkeys([*alphabet, *map("".join, pairs)]))}
        self._model = models.BPE(order, pairs, unk_token=UNKNOWN, cache_capacity=0)
        self.whole = frozenset(order) - {UNKNOWN}

    def surplus(self, word: str) -> int:
        """Pieces beyond the first; unknown letters are one each. The word must be valid UTF-8."""
        whole = self.whole
        if word in whole:
            return 0
        if len(word) > 3:
            return len(self._model.tokenize(word)) - 1
        if len(word) < 3:
            return len(word) - 1
        return 1 if word[:2] in whole or word[1:] in whole else 2


def classify(piece: str, english: Vocabulary, world: Vocabulary) -> Counts:
    """What one match of `PIECE`, or one character of a match of `FOREIGN`, adds."""
    spaced = piece[0] == " "
    word = piece[1:] if spaced else piece
    if not word.isascii():
        return _latin(word, spaced, world) if _STARTS_LATIN(word) else _foreign(ord(word))
    if word.isalpha():
        kind = _WORD if spaced else _GLUED
        # What the vocabulary of English knows, every vocabulary knows.
        if word in english.whole:
            return ((kind, 1),)
        rare = ((kind, 1), (_RARE_PIECE, english.surplus(word)))
        return rare if word in world.whole else (*rare, (_RARE_WORD, 1))
    if word.isdigit():
        number = ((_DIGIT, len(word)), (_GROUP, 1))
        return (*number, (_SPACED, 1)) if spaced else number
    if not word or word.isspace():
        return _blank(piece)
    if word.isprintable():
        return ((_SIGN, 1), (_SIGN_EXTRA, len(word) - 1)) if len(word) > 1 else ((_SIGN, 1),)
    return ((_REST, 1),)


def _latin(word: str, spaced: bool, world: Vocabulary) -> Counts:
    """A Latin word with letters beyond a-z."""
    accents = len(word.encode()) - len(word)
    extra = world.surplus(word)
    # The vocabulary of English knows none of these letters: each ends a piece and begins the next.
    counts: Counts = ((_WORD if spaced else _GLUED, 1), (_RARE_PIECE, extra + accents), (_ACCENT, accents))
    if extra:
        counts = (*counts, (_RARE_WORD, 1))
    if marks := len(_MARKS(word)):
        counts = (*counts, (_COMBINING, marks))
    return counts


def _blank(run: str) -> Counts:
    """White space: what comes up to the last line feed, and the gap or indentation after it."""
    lines = max(run.rfind("\n"), run.rfind("\r")) + 1
    gap = len(run) - lines
    counts = (
        (_BREAK, 1 if lines else 0),
        (_BREAK_EXTRA, max(0, lines - 1)),
        (_SPACE, 1 if gap else 0),
        (_SPACE_EXTRA, max(0, gap - 1)),
    )
    return tuple(count for count in counts if count[1])


def _foreign(code: int) -> Counts:
    """One character that is neither ASCII nor Latin."""
    for name, first, last in SCRIPTS:
        if first <= code <= last:
            minorities = tuple(
                (INDEX[minor], 1) for minor, low, high in MINORITIES if low <= code <= min(high, last)
            )
            return ((INDEX[name], 1), *minorities)
    if 0x200B <= code <= 0x200F or 0xFE00 <= code <= 0xFE0F:
        return ((INDEX["joiner"], 1),)
    if 0x1F000 <= code <= 0x1FFFF or 0x2600 <= code <= 0x27BF:
        return ((INDEX["emoji"], 1),)
    if 0x20000 <= code <= 0x3FFFF:
        return ((INDEX["han"], 2),)  # rare enough to be spelt in bytes
    symbol = 0x80 <= code < 0x3040 or 0xFF00 <= code < 0xFFF0
    return ((INDEX["symbol" if symbol else "rest"], 1),)


_STARTS_LATIN: Final = re.compile(f"[{_LATIN}]").match
_MARKS: Final = re.compile("[\u0300-\u036f]").findall
_WORD, _GLUED = INDEX["word"], INDEX["glued_word"]
_RARE_PIECE, _RARE_WORD = INDEX["rare_piece"], INDEX["rare_word"]
_ACCENT, _COMBINING = INDEX["accent"], INDEX["combining"]
_DIGIT, _GROUP, _SPACED = INDEX["digit"], INDEX["digit_group"], INDEX["spaced_number"]
_SIGN, _SIGN_EXTRA = INDEX["sign_run"], INDEX["sign_extra"]
_BREAK, _BREAK_EXTRA = INDEX["line_break"], INDEX["line_extra"]
_SPACE, _SPACE_EXTRA = INDEX["space_run"], INDEX["space_extra"]
_REST: Final = INDEX["rest"]
