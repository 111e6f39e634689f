"""What is counted in a text: the coordinates in which a model's tokenizer is described.

Every tokenizer of today is, nearly, a price list over these counts: a whole word costs about one token everywhere, a rare
word costs more where the vocabulary is small, a digit costs one token or a third of one, a Thai letter costs a third of a
token or three. Two vectors add up to the vector of both texts, which is what lets the bill of a whole request teach
something about the texts in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

Features = tuple[int, ...]

# Scripts written in one Unicode block or a few neighbouring ones: (name, first, last code point, counted in pieces too).
# Pieces of the multilingual vocabulary tell common words from rare ones; they need words, so scripts written without
# spaces are counted in letters alone.
SCRIPTS: Final = (
    ("greek", 0x0370, 0x03FF, True),
    ("cyrillic", 0x0400, 0x052F, True),
    ("armenian", 0x0530, 0x058F, True),
    ("hebrew", 0x0590, 0x05FF, True),
    ("arabic", 0x0600, 0x08FF, True),
    ("devanagari", 0x0900, 0x097F, True),
    ("bengali", 0x0980, 0x09FF, True),
    ("gurmukhi", 0x0A00, 0x0A7F, False),
    ("gujarati", 0x0A80, 0x0AFF, True),
    ("odia", 0x0B00, 0x0B7F, False),
    ("tamil", 0x0B80, 0x0BFF, True),
    ("telugu", 0x0C00, 0x0C7F, True),
    ("kannada", 0x0C80, 0x0CFF, True),
    ("malayalam", 0x0D00, 0x0D7F, True),
    ("sinhala", 0x0D80, 0x0DFF, False),
    ("thai", 0x0E00, 0x0E7F, False),
    ("lao", 0x0E80, 0x0EFF, False),
    ("myanmar", 0x1000, 0x109F, False),
    ("georgian", 0x10A0, 0x10FF, True),
    ("ethiopic", 0x1200, 0x139F, True),
    ("khmer", 0x1780, 0x17FF, False),
    ("kana", 0x3040, 0x30FF, False),
    ("han", 0x3400, 0x9FFF, False),
    ("hangul", 0xAC00, 0xD7AF, True),
)

LATIN: Final = (
    "word",  # Latin words after a space: one token each in every large vocabulary
    "glued_word",  # Latin words after anything else: path parts, camelCase, line starts
    "english_extra",  # pieces beyond the first, by the vocabulary of English and code
    "world_extra",  # pieces beyond the first, by the vocabulary of ninety languages
    "accented",  # letters beyond a-z: two bytes each, one token in vocabularies that know the language
    "vietnamese",  # letters with two marks: three bytes
    "combining",  # marks written apart from their letter: they tear words to pieces
)
SIGNS: Final = (
    "digit",
    "digit_group",  # three digits each, as most large vocabularies split numbers
    "spaced_number",  # a number after a space: the space is a token of its own where digits never join it
    "sign_run",  # ASCII punctuation, in runs
    "sign_extra",  # and what runs have beyond their first sign
    "line_break",  # white space with a line feed, in runs
    "line_extra",
    "space_run",  # indentation and wide gaps, in runs; single spaces belong to the word they precede
    "space_extra",
    "symbol",  # typographic quotes, dashes, arrows, mathematics
    "emoji",
    "joiner",  # zero-width joiners and variation selectors
    "rest",  # anything else, private use and broken surrogates included
)
FRAME: Final = (
    "message",  # what a message costs besides its text
    "request",  # what a request costs besides its messages
)

NAMES: Final = (
    *LATIN,
    *SIGNS,
    *FRAME,
    *(name for name, *_ in SCRIPTS),
    *(f"{name}_pieces" for name, *_, pieces in SCRIPTS if pieces),
)
INDEX: Final = {name: i for i, name in enumerate(NAMES)}
NOTHING: Final[Features] = (0,) * len(NAMES)


def total(features: Iterable[Features]) -> Features:
    """The features of all the texts together; of none at all, `NOTHING`."""
    return tuple(map(sum, zip(NOTHING, *features, strict=True)))


def frame(messages: int, requests: int = 1) -> Features:
    """What surrounds the texts of a request: add it to theirs before estimating or observing a whole request."""
    counts = dict.fromkeys(NAMES, 0) | {"message": messages, "request": requests}
    return tuple(counts.values())
