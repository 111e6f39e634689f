"""Count the features of a text in one pass, with the shipped tokenizer.

Most words English knows, and most gaps are single spaces: neither is looked at one by one. Nearly all other pieces of ordinary
text have been seen before, and many count for the same: they are looked up and tallied without a Python loop over the text,
and only the few distinct results are added up. What is remembered changes the time a text takes and nothing else.

A long text is counted part by part, so that a thread that counts one lets go of the interpreter every few milliseconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache, partial
from itertools import chain, filterfalse
from threading import Lock
from typing import Final, Generic, TypeVar

from context.tokens.features import INDEX, NAMES, Features, total
from context.tokens.pieces import (
    END,
    FOREIGN,
    LETTER,
    LETTERS,
    LONGEST,
    MARK,
    SHAPES,
    SPACED,
    WORDS,
    Meaning,
    gap_meaning,
    letter_meaning,
    parts,
    word_meaning,
)
from context.tokens.tokenizer import WordTokenizer

WORD, GLUED, REST = INDEX["word"], INDEX["glued_word"], INDEX["rest"]

REMEMBERED: Final = (
    32_768  # pieces: 3 MB of words, 16 MB at worst; prose of one language repeats within a few thousand
)
PART: Final = 4_096  # characters counted without letting go of the interpreter: 5 ms at worst


class TokenPrior:
    """The shipped tokenizer, with a bounded memory of pieces seen. Safe to share between threads."""

    # Part of the name under which calibrations are stored. It changes with the tokenizer, and when a feature
    # changes its meaning: what was learned before is not read again then.
    name: Final = "words-2"

    def __init__(self, tokenizer: WordTokenizer) -> None:
        self._tokenizer = tokenizer
        self._memory = _Memory(tokenizer)

    @staticmethod
    def load() -> TokenPrior:
        """The one instance of this process. The first call reads the tokenizer; others wait until it has."""
        with _LOADING:
            return _shipped()

    def features(self, text: str) -> Features:
        """What is counted in `text`, in the order of `NAMES`; linear in its length."""
        return (
            total(map(self._part_features, parts(text, PART)))
            if len(text) > PART
            else self._part_features(text)
        )

    def _part_features(self, text: str) -> Features:
        memory = self._memory
        if len(memory) > REMEMBERED:
            memory = self._memory = _Memory(self._tokenizer)
        counts = [0] * len(NAMES)
        foreign = ""
        if not text.isascii():
            runs = FOREIGN.split(text)  # Latin, foreign, Latin, ...
            text, foreign = MARK.join(runs[::2]), "".join(runs[1::2]).replace(" ", "")
            counts[REST] -= len(runs) // 2  # the marks, which count like characters of the text
        data = text.encode()
        words = data.translate(WORDS).decode().split()
        shape = data.translate(SHAPES)
        gaps = shape.replace(SPACED, LETTERS).split()
        if shape:
            if shape[0] == LETTER:
                counts[GLUED] += 1
            if shape[-1] != LETTER:
                gaps[-1] += END
        meanings = chain(
            map(memory.words.__getitem__, filterfalse(self._tokenizer.whole.__contains__, words)),
            map(memory.gaps.__getitem__, gaps),
            map(memory.letters.__getitem__, foreign),
        )
        for meaning, times in Counter(meanings).items():
            for index, count in meaning.counts:
                counts[index] += count * times
        counts[WORD] += len(words) - counts[GLUED]
        return tuple(counts)


_LOADING: Final = Lock()


@cache
def _shipped() -> TokenPrior:
    return TokenPrior(WordTokenizer.load())


Piece = TypeVar("Piece", str, bytes)


class _Known(dict[Piece, Meaning], Generic[Piece]):
    """Piece to meaning, filled on first sight; long pieces are counted anew every time, for they hardly come again."""

    def __init__(self, meaning: Callable[[Piece], Meaning]) -> None:
        super().__init__()
        self._meaning: Callable[[Piece], Meaning] = meaning

    def __missing__(self, piece: Piece) -> Meaning:
        meaning = self._meaning(piece)
        if len(piece) <= LONGEST:
            self[piece] = meaning
        return meaning


class _Memory:
    """All pieces seen, by what they are."""

    def __init__(self, tokenizer: WordTokenizer) -> None:
        self.words = _Known(partial(word_meaning, tokenizer))
        self.gaps = _Known(gap_meaning)
        self.letters = _Known(letter_meaning)

    def __len__(self) -> int:
        return len(self.words) + len(self.gaps) + len(self.letters)
