"""Split text into words, for the index and for queries. The same rules on both sides matter more than the rules.

Words that stand between spaces are words; scripts without spaces, and Korean with its particles, give pairs of characters.
Numbers are one word with their points, without the commas between thousands. A change of these rules needs a new rebuild of
the search indexes (`store.search.rebuild`).
"""

import re
from collections.abc import Iterator

from context.recall.normalization import normalized

# A number, a run of an unspaced script or of Hangul, or a word with the vowel signs and points some scripts write apart.
_TOKEN = re.compile(
    r"(?P<number>\d+(?:[.,:]\d+)*)"
    r"|(?P<pairs>[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    r"\U00020000-\U0003ffff]+)"
    r"|(?P<word>(?:(?![\d\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff])"
    r"[^\W_]|[\u0591-\u05c7\u064b-\u065f\u0900-\u0dff])+(?:'[^\W\d_]{1,3}\b)?)"
)
_PLAIN_TOKEN = re.compile(
    r"\d+(?:[.,:]\d+)*|[a-z]+(?:'[a-z]{1,3}\b)?"
)  # the same for ASCII, which most text is
_THOUSANDS = re.compile(r",(?=\d{3}(?!\d))")


def tokens(text: str) -> Iterator[str]:
    """The words of a text as they are compared with lists of words: normalized, not stemmed, in order."""
    plain = normalized(text)
    if plain.isascii():
        for word in _PLAIN_TOKEN.findall(plain):
            yield word if word.isalnum() else _joined(word)
        return
    for match in _TOKEN.finditer(plain):
        run = match[0]
        if match.lastgroup == "pairs":
            yield from _pairs(run)
        else:
            yield _joined(run)


def vocabulary(text: str) -> set[str]:
    """The words that a text consists of, each once: what `tokens` gives, in half the time."""
    return set(spellings(normalized(text)).values())


def spellings(plain: str) -> dict[str, str]:
    """The words of a normalized text in order, by what stands for each in it: with apostrophes and the commas between thousands."""
    if plain.isascii():
        return {
            word: word if word.isalnum() else _joined(word)
            for word in dict.fromkeys(_PLAIN_TOKEN.findall(plain))
        }
    made: dict[str, str] = {}
    for match in _TOKEN.finditer(plain):
        run = match[0]
        if match.lastgroup == "pairs":
            made.update((pair, pair) for pair in _pairs(run))
        else:
            made[run] = _joined(run)
    return made


def _pairs(run: str) -> Iterator[str]:
    return (run[index : index + 2] for index in range(max(1, len(run) - 1)))


def _joined(word: str) -> str:
    """A number without the commas between thousands, a word without its apostrophe and what a possessive adds."""
    if word[0].isdigit():
        return _THOUSANDS.sub("", word)
    return word[:-2] if word.endswith("'s") else word.replace("'", "")
