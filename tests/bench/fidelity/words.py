"""The words of a gold answer, and the share of them that stands in a text."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tests.bench.function_words import FUNCTION_WORDS

_WORD = re.compile(r"\w+(?:['’.,:/-]\w+)*")


def answer_words(answer: object) -> frozenset[str]:
    """The words that say something, in small letters; all of them where nothing else is left."""
    listed = answer if isinstance(answer, list) else [answer]
    words = _words(" ".join(map(str, listed)))
    return frozenset(words - _EMPTY) or frozenset(words)


def share_in(words: frozenset[str], texts: Iterable[str]) -> float:
    """The share of the words that stand in the texts."""
    there = _words("\n".join(texts))
    return len(words & there) / len(words) if words else 1.0


def _words(text: str) -> set[str]:
    return {_plain(word) for word in _WORD.findall(text.lower())}


def _plain(word: str) -> str:
    """Without a possessive or plural s, so that "Anna's cats" holds "Anna" and "cat"."""
    word = word.replace("’", "'").removesuffix("'s")
    return word.removesuffix("s") if len(word) > 3 and not word.endswith("ss") else word


_EMPTY = {_plain(word) for word in FUNCTION_WORDS}
