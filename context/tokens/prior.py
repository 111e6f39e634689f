"""Counts the features of a text in one pass, with the shipped vocabularies.

Rules:
- a text is cut into short pieces by one pattern, every piece is classified once and remembered, so ordinary text costs a
  dictionary look-up per word; nothing depends on what was remembered;
- no piece is longer than `LONGEST`, and every character is looked at a bounded number of times: a megabyte without a
  space, or of spaces alone, costs what a megabyte of prose costs;
- any `str` is fine, lone surrogates and NUL included.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from functools import cache
from importlib import resources
from itertools import groupby
from typing import Any, Final

from tokenizers import models

from context.tokens.features import INDEX, NAMES, SCRIPTS, Features

LONGEST: Final = 32
UNKNOWN: Final = "?"  # stands in the vocabulary for letters it has never seen
REMEMBERED: Final = 65_536  # pieces: about 10 MB; prose of one language repeats within a few thousand

_LATIN_LETTERS: Final = "A-Za-zªºÀ-ÖØ-öø-ɏḀ-ỿ\u0300-\u036f"
_OTHER_LETTERS: Final = "".join(f"{chr(first)}-{chr(last)}" for _, first, last, _ in SCRIPTS)
# One space belongs to what follows it, as in every tokenizer since GPT-2; longer gaps keep their last space for the word.
_PIECE: Final = re.compile(
    rf" ?[{_LATIN_LETTERS}]{{1,{LONGEST}}}"
    rf"| ?[0-9]{{1,{LONGEST}}}"
    rf"| ?[!-/:-@\[-`{{-~]{{1,{LONGEST}}}"
    rf"|\s{{1,{LONGEST}}}(?= \S)|\s{{1,{LONGEST}}}"
    rf"| ?[{_OTHER_LETTERS}\u200c\u200d]{{1,{LONGEST}}}"
    r"|.",
    re.DOTALL,
)

Counts = tuple[tuple[int, int], ...]

_WORD, _GLUED = INDEX["word"], INDEX["glued_word"]
_ENGLISH, _WORLD = INDEX["english_extra"], INDEX["world_extra"]
_ACCENTED, _VIETNAMESE, _COMBINING = INDEX["accented"], INDEX["vietnamese"], INDEX["combining"]
_DIGIT, _GROUP, _SPACED = INDEX["digit"], INDEX["digit_group"], INDEX["spaced_number"]
_SIGN, _SIGN_EXTRA = INDEX["sign_run"], INDEX["sign_extra"]
_BREAK, _BREAK_EXTRA, _GAP, _GAP_EXTRA = (
    INDEX["line_break"],
    INDEX["line_extra"],
    INDEX["space_run"],
    INDEX["space_extra"],
)


def _kinds() -> bytes:
    """For every code point below 65,536 the number of its script in `SCRIPTS` plus one, 0 for everything else."""
    kinds = bytearray(0x10000)
    for number, (_, first, last, _) in enumerate(SCRIPTS, 1):
        kinds[first : last + 1] = bytes([number]) * (last + 1 - first)
    return bytes(kinds)


_KIND: Final = _kinds()
_LETTERS: Final = (INDEX["joiner"], *(INDEX[name] for name, *_ in SCRIPTS))
_PIECES: Final = (None, *(INDEX.get(f"{name}_pieces") for name, *_ in SCRIPTS))


class Vocabulary:
    """A byte-pair vocabulary over words; tells how many pieces a word is."""

    def __init__(self, alphabet: list[str], merges: list[str]) -> None:
        pairs = [(first, second) for first, _, second in (merge.partition(" ") for merge in merges)]
        self._whole = {piece: i for i, piece in enumerate(dict.fromkeys([*alphabet, *map("".join, pairs)]))}
        self._model = models.BPE(self._whole, pairs, unk_token=UNKNOWN)

    def pieces(self, word: str) -> int:
        """At least one; unknown letters are one each. The word must be valid UTF-8."""
        return 1 if word in self._whole else len(self._model.tokenize(word))


class TokenPrior:
    """The shipped vocabularies, with a bounded memory of pieces seen. Safe to share between threads."""

    def __init__(self, english: Vocabulary, world: Vocabulary) -> None:
        self._english = english
        self._world = world
        self._seen: dict[str, Counts] = {}

    @staticmethod
    @cache
    def load() -> TokenPrior:
        """The one instance of this process; reads 180 kB once."""
        packed = resources.files("context.tokens").joinpath("prior.json.gz").read_bytes()
        shipped: dict[str, Any] = json.loads(gzip.decompress(packed))
        return TokenPrior(Vocabulary(**shipped["english"]), Vocabulary(**shipped["world"]))

    def features(self, text: str) -> Features:
        """What is counted in `text`, in the order of `NAMES`; linear in its length."""
        counts = [0] * len(NAMES)
        seen = self._seen
        for piece, times in Counter(_PIECE.findall(text)).items():
            found = seen.get(piece)
            if found is None:
                found = self._classify(piece)
                if len(seen) >= REMEMBERED:
                    seen = self._seen = {}
                seen[piece] = found
            for index, count in found:
                counts[index] += count * times
        return tuple(counts)

    def _classify(self, piece: str) -> Counts:
        """What one match of the pattern adds; its last character says which alternative matched."""
        last = piece[-1]
        word = piece[1:] if piece[0] == " " and len(piece) > 1 else piece
        spaced = word is not piece
        if last.isspace():
            return _blank(piece)
        if "0" <= last <= "9":
            digits = len(word)
            return ((_DIGIT, digits), (_GROUP, -(-digits // 3)), (_SPACED, int(spaced)))
        if word.isascii() and last.isprintable():
            if last.isalpha():
                return self._ascii_word(word, _WORD if spaced else _GLUED)
            return ((_SIGN, 1), (_SIGN_EXTRA, len(word) - 1))
        code = ord(last)
        if code < len(_KIND) and (_KIND[code] or code in _JOINERS):
            return self._foreign(word)
        if last.isalpha() or 0x300 <= code < 0x370:
            return self._latin_word(word, _WORD if spaced else _GLUED)
        return ((_symbol(code), 1),)

    def _ascii_word(self, word: str, kind: int) -> Counts:
        english, world = self._english.pieces(word) - 1, self._world.pieces(word) - 1
        return ((kind, 1), (_ENGLISH, english), (_WORLD, world)) if english or world else ((kind, 1),)

    def _latin_word(self, word: str, kind: int) -> Counts:
        beyond = [code for code in map(ord, word) if code > 0x7F]
        marks = sum(0x300 <= code < 0x370 for code in beyond)
        double = sum(code >= 0x1E00 for code in beyond)
        world = max(0, self._world.pieces(word) - 1 - marks)
        # The English vocabulary knows none of these letters: each ends a piece and begins the next.
        english = world + len(beyond) - marks
        return (
            (kind, 1),
            (_ENGLISH, english),
            (_WORLD, world),
            (_ACCENTED, len(beyond) - marks),
            (_VIETNAMESE, double),
            (_COMBINING, marks),
        )

    def _foreign(self, run: str) -> Counts:
        """A run of other scripts, which may change script without a space, as Japanese does."""
        counts: list[tuple[int, int]] = []
        for kind, letters in groupby(run, lambda letter: _KIND[ord(letter)]):
            part = "".join(letters)
            counts.append((_LETTERS[kind], len(part)))
            pieces = _PIECES[kind]
            if pieces is not None:
                counts.append((pieces, self._world.pieces(part)))
        return tuple(counts)


_JOINERS: Final = frozenset({0x200C, 0x200D, *range(0xFE00, 0xFE10)})


def _blank(run: str) -> Counts:
    """White space: what comes up to the last line feed, and the gap or indentation after it."""
    lines = max(run.rfind("\n"), run.rfind("\r")) + 1
    gap = len(run) - lines
    broken = ((_BREAK, 1), (_BREAK_EXTRA, lines - 1)) if lines else ()
    return (*broken, (_GAP, 1), (_GAP_EXTRA, gap - 1)) if gap else broken


def _symbol(code: int) -> int:
    """The feature of one character that is neither letter, ASCII digit, ASCII sign nor white space."""
    if code in _JOINERS:
        return INDEX["joiner"]
    if code >= 0x1F000 or 0x2600 <= code < 0x27C0:
        return INDEX["emoji"] if code < 0x20000 else INDEX["rest"]
    return INDEX["symbol"] if 0xA0 <= code < 0x3040 or 0xFF00 <= code < 0xFFF0 else INDEX["rest"]
