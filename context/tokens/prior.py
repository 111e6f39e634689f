"""Counts the features of a text in one pass, with the shipped vocabularies.

Nearly all the pieces of ordinary text have been seen before, and many count for the same: the pieces are looked up and
tallied without a Python loop over the text, and only the few distinct results are added up. What is remembered changes the
time a text takes and nothing else.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from functools import cache
from importlib import resources
from itertools import chain
from typing import Any, Final

from context.tokens.features import INDEX, NAMES, Features
from context.tokens.pieces import FOREIGN, GAP, PIECE, Counts, Vocabulary, classify

REST: Final = INDEX["rest"]

REMEMBERED: Final = 65_536  # pieces: about 10 MB; prose of one language repeats within a few thousand


class TokenPrior:
    """The shipped vocabularies, with a bounded memory of pieces seen. Safe to share between threads."""

    def __init__(self, english: Vocabulary, world: Vocabulary) -> None:
        self._english = english
        self._world = world
        self._memory = _Memory(english, world)

    @staticmethod
    @cache
    def load() -> TokenPrior:
        """The one instance of this process; reads 300 kB once, in about a tenth of a second."""
        packed = resources.files("context.tokens").joinpath("prior.json.gz").read_bytes()
        shipped: dict[str, Any] = json.loads(gzip.decompress(packed))
        return TokenPrior(Vocabulary(**shipped["english"]), Vocabulary(**shipped["world"]))

    def features(self, text: str) -> Features:
        """What is counted in `text`, in the order of `NAMES`; linear in its length."""
        memory = self._memory
        if len(memory) > REMEMBERED:
            memory = self._memory = _Memory(self._english, self._world)
        counts = [0] * len(NAMES)
        foreign = ""
        if not text.isascii():
            parts = FOREIGN.split(text)  # Latin, foreign, Latin, ...
            text, foreign = GAP.join(parts[::2]), "".join(parts[1::2])
            counts[REST] -= len(parts) // 2  # the gaps, which are cut and counted like characters of the text
        for meaning, times in Counter(map(memory.__getitem__, chain(PIECE.findall(text), foreign))).items():
            for index, count in meaning.counts:
                counts[index] += count * times
        return tuple(counts)


class _Meaning:
    """What a piece counts for; pieces that count for the same share one, so it is tallied by identity."""

    __slots__ = ("counts",)

    def __init__(self, counts: Counts) -> None:
        self.counts = counts


class _Memory(dict[str, _Meaning]):
    """Piece to meaning, filled on first sight. `setdefault` keeps it right when threads meet."""

    def __init__(self, english: Vocabulary, world: Vocabulary) -> None:
        super().__init__()
        self._english = english
        self._world = world
        self._meanings: dict[Counts, _Meaning] = {}
        self._word = self._meaning(classify(" a", english, world))
        self._glued = self._meaning(classify("a", english, world))

    def __missing__(self, piece: str) -> _Meaning:
        # Most first sights are of plain English words, which all count for one of two things.
        if piece in self._english.whole:
            meaning = self._glued
        elif piece[0] == " " and piece[1:] in self._english.whole:
            meaning = self._word
        else:
            meaning = self._meaning(classify(piece, self._english, self._world))
        self[piece] = meaning
        return meaning

    def _meaning(self, counts: Counts) -> _Meaning:
        return self._meanings.get(counts) or self._meanings.setdefault(counts, _Meaning(counts))
