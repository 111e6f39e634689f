"""Words of a text for full-text search, in one form for both databases, for the index and for queries.

A word is a run of letters, digits and the marks that normalization keeps; each character of a script that is written without spaces is a
word of its own, so that Chinese, Japanese and Thai are found by phrase. Stems stand in the index beside the words, behind a sign that no word has. Neither
database splits or normalizes anything itself.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from context.recall.normalization import accented, normalized
from context.recall.stems import by_normalized, default_stem, language_of_text, marked_letter, other_stems

LONGEST_QUERY: Final = 1_000  # characters
LONGEST_WORD: Final = 200  # characters
MOST_STEMMED: Final = 16  # words of a query that are looked for in other forms
SHORTEST_PREFIX: Final = 4  # letters from which any word of a query may be the beginning of one
FEW: Final = 12  # words of a text of unknown language that get the stems of every one
# What stands before a stem in the index: one by the default language of its script, or by another. English ones stand apart, because
# other languages' rules would make words of one stem that have nothing to do with each other.
STEM: Final = "\u2248"
OTHER_STEM: Final = "\u224b"
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
WORD: Final = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])(?:[^\W_]|[{''.join(sorted(_MARKS))}]))+")


def words(text: str) -> Iterator[str]:
    """The words of a text, in order."""
    return (word for word, _ in word_spans(normalized(text)))


def word_spans(plain: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """The words of a normalized text, in order, and where each stands."""
    for match in WORD.finditer(plain):
        word = match[0]
        if len(word) > 1 or word.isalnum() or word in _MARKS:  # not the punctuation among unspaced letters
            yield word[:LONGEST_WORD], match.span()


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """What a query looks for: `words` that follow one another, the last one perhaps a prefix; or one of `forms`, as they are indexed."""

    words: tuple[str, ...]
    prefix: bool
    forms: tuple[str, ...] = ()


def terms(query: str) -> list[Term]:
    """A query's terms: the words between spaces, each a word, or the characters of a phrase.

    A term matches as a prefix when somebody may still be writing it (the last one), in scripts whose endings and particles have no rules
    here, and from SHORTEST_PREFIX letters on. The first MOST_STEMMED words also find other forms of themselves, in every language.
    """
    parts = [(part, found) for part in query[:LONGEST_QUERY].split() if (found := tuple(words(part)))]
    made: list[Term] = []
    for number, (part, found) in enumerate(parts):
        last = found[-1]
        long = len(found) == 1 and last.isalpha() and len(last) >= SHORTEST_PREFIX
        stemmed = len(found) == 1 and number < MOST_STEMMED
        made.append(
            Term(
                words=found,
                prefix=number == len(parts) - 1 or long or not last.isascii(),
                forms=_forms(last, _marked(part).get(last, last)) if stemmed else (),
            )
        )
    return made


def _forms(word: str, marked: str) -> tuple[str, ...]:
    """What is indexed for other forms of a word of unknown language."""
    default = default_stem(word, marked)
    if default is None:
        return ()
    others = (f"{OTHER_STEM}{stem}" for stem in other_stems(word, marked))
    own = () if default == word else (default, f"{STEM}{word}")
    return (*own, f"{STEM}{default}", *others)


def signed_stems(text: str, distinct: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The stems that are indexed for the words of a text, behind their signs; words with none are absent.

    A stem by the script's default language that is the word itself is left out. A short text of unknown language has the stems of every
    language of its script.
    """
    language, marked = language_of_text(text), _marked(text)
    unknown = language is None and len(distinct) <= FEW
    made: dict[str, tuple[str, ...]] = {}
    for word in distinct:
        written = marked.get(word, word)
        others = other_stems(word, written, language) if language or unknown else ()
        default = default_stem(word, written) if unknown or not others else None
        signed = (f"{OTHER_STEM}{stem}" for stem in others)
        if default is not None and default != word:
            made[word] = (f"{STEM}{default}", *signed)
        elif others:
            made[word] = tuple(signed)
    return made


def _marked(text: str) -> dict[str, str]:
    """The words of a text with the accents they were written with, by their normalized form."""
    if not marked_letter(text):
        return {}
    return by_normalized(match[0] for match in WORD.finditer(accented(text)))


def fts5(text: str) -> str:
    """The words for FTS5 with its tokenizer `ascii`, which splits at spaces here and changes nothing; their stems follow."""
    found = list(words(text))
    stems = {stem for stems in signed_stems(text, dict.fromkeys(found)).values() for stem in stems}
    return " ".join((*found, *sorted(stems)))


def tsvector(text: str) -> str:
    """The words as the text of a tsvector: each with its positions, each stem with its first. What no longer fits is left out."""
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
    for word, stems in signed_stems(text, dict(positions)).items():
        for stem in stems:
            if stem not in positions and size < LARGEST:
                size += len(stem.encode()) + 6
                positions[stem] = positions[word][:1]
    return " ".join(_lexeme(word, places) for word, places in positions.items())


def _lexeme(word: str, places: list[int]) -> str:
    """A lexeme of a tsvector; what is written counts more than stems (weights A and D)."""
    weight = "" if word[0] in (STEM, OTHER_STEM) else "A"
    return f"'{word}':{','.join(f'{place}{weight}' for place in places)}"
