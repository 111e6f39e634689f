"""Words of a text for full-text search, in one form for both databases, for the index and for queries.

A word is a run of letters, digits and the marks that normalization keeps; each character of a script that is written without spaces is a
word of its own, so that Chinese, Japanese and Thai are found by phrase. Neither database splits or normalizes anything itself.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from context.recall.normalization import normalized

LONGEST_QUERY: Final = 1_000  # characters
LONGEST_WORD: Final = 200  # characters
LAST_POSITION: Final = 16_383  # of a word in a tsvector; what stands further back is given this one
MOST_POSITIONS: Final = 255  # of one word in a tsvector
LARGEST: Final = 800_000  # bytes of words and positions in a tsvector, which itself ends at 1 MiB

# Thai to Tibetan, Myanmar, Khmer, kana, Han with extensions, half-width kana: written without spaces between words.
_UNSPACED: Final = (
    "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U0003ffff"
)


def _marks() -> frozenset[str]:
    """Vowel signs and other marks that are part of a word: those of Indic and Southeast Asian scripts, and the sound marks of kana."""
    blocks = ((0x0900, 0x1100), (0x1700, 0x1D00), (0x3099, 0x309B), (0xA800, 0xAC00), (0x11000, 0x11A00))
    letters = (chr(code) for first, end in blocks for code in range(first, end))
    return frozenset(letter for letter in letters if unicodedata.category(letter) in ("Mn", "Mc"))


_MARKS: Final = _marks()
_WORD: Final = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])(?:[^\W_]|[{''.join(sorted(_MARKS))}]))+")


def words(text: str) -> Iterator[str]:
    """The words of a text, in order."""
    for match in _WORD.finditer(normalized(text)):
        word = match[0]
        if len(word) > 1 or word.isalnum() or word in _MARKS:  # not the punctuation among unspaced letters
            yield word[:LONGEST_WORD]


def terms(query: str) -> list[list[str]]:
    """A query's terms; each is a run of words that must follow one another (one word, or the characters of a phrase)."""
    return [term for part in query[:LONGEST_QUERY].split() if (term := list(words(part)))]


def fts5(text: str) -> str:
    """The words for FTS5 with its tokenizer `ascii`, which splits at spaces here and changes nothing."""
    return " ".join(words(text))


def tsvector(text: str) -> str:
    """The words as the text of a tsvector: each with its positions. Words that no longer fit are left out."""
    positions: dict[str, list[int]] = {}
    size = 0
    for position, word in enumerate(words(text), start=1):
        if word not in positions:
            size += len(word.encode()) + 4
            if size > LARGEST:
                break
            positions[word] = []
        places = positions[word]
        if len(places) < MOST_POSITIONS and (not places or places[-1] < LAST_POSITION):
            places.append(min(position, LAST_POSITION))
            size += 2
    return " ".join(f"'{word}':{','.join(map(str, places))}" for word, places in positions.items())
