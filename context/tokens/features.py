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

# Scripts counted letter by letter: (name, first, last code point). What a letter costs depends on how much of the script the
# vocabulary's makers saw, between a quarter of a token and all three bytes.
SCRIPTS: Final = (
    ("greek", 0x0370, 0x03FF),
    ("cyrillic", 0x0400, 0x052F),
    ("armenian", 0x0530, 0x058F),
    ("hebrew", 0x0590, 0x05FF),
    ("arabic", 0x0600, 0x08FF),
    ("devanagari", 0x0900, 0x097F),
    ("bengali", 0x0980, 0x09FF),
    ("gurmukhi", 0x0A00, 0x0A7F),
    ("gujarati", 0x0A80, 0x0AFF),
    ("odia", 0x0B00, 0x0B7F),
    ("tamil", 0x0B80, 0x0BFF),
    ("telugu", 0x0C00, 0x0C7F),
    ("kannada", 0x0C80, 0x0CFF),
    ("malayalam", 0x0D00, 0x0D7F),
    ("sinhala", 0x0D80, 0x0DFF),
    ("thai", 0x0E00, 0x0E7F),
    ("lao", 0x0E80, 0x0EFF),
    ("myanmar", 0x1000, 0x109F),
    ("georgian", 0x10A0, 0x10FF),
    ("ethiopic", 0x1200, 0x139F),
    ("khmer", 0x1780, 0x17FF),
    ("kana", 0x3040, 0x30FF),
    ("han", 0x3400, 0x9FFF),
    ("hangul", 0xAC00, 0xD7AF),
)
# Letters that the most written language of a script does not use, counted beside the script: (name, first, last code point).
# A vocabulary that knows Russian or Arabic may not know Ukrainian or Persian.
MINORITIES: Final = (
    ("cyrillic_minor", 0x0450, 0x052F),
    ("arabic_minor", 0x0671, 0x08FF),
)

LATIN: Final = (
    "word",  # Latin words after a space: one token each in every large vocabulary
    "glued_word",  # Latin words after anything else: path parts, camelCase, line starts
    "rare_piece",  # pieces beyond a word's first, by the shipped tokenizer of English and code
    "rare_word",  # words that it does not know whole
    "accent",  # bytes beyond one a letter: one token each in vocabularies that do not know the language
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
EXACT: Final = (
    "token",  # of a model whose tokenizer is public: then nothing else is counted in a text
)

NAMES: Final = (
    *LATIN,
    *SIGNS,
    *FRAME,
    *(name for name, *_ in SCRIPTS),
    *(name for name, *_ in MINORITIES),
    *EXACT,
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
