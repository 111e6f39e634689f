"""Count tokens exactly, with the model's own tokenizer where it is public.

Rules:
- text is text: control tokens that somebody types (`<|im_end|>`) are counted as the characters they are, which is never less;
- a file's truncation and padding, made for training, are switched off;
- a text longer than `SEGMENT` is counted in parts, cut before a word, where nearly every tokenizer cuts too: the count can be off by a token
  a part, and whatever a tokenizer does with one endless word, the time grows with the length and not with its square;
- the library works without holding the interpreter.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Final

from context.tokens.features import INDEX, NOTHING, Features
from context.tokens.tokenizer import parse

SEGMENT: Final = 16_384  # characters
REMEMBERED: Final = 8_192  # counts of texts seen, by length and hash: 1 MB
_TOKEN: Final = INDEX["token"]
# Where a text may be cut: before a single space; failing that, before a sign between two letters.
_SEAMS: Final = (re.compile(r"\S(?= \S)"), re.compile(r"[^\W_](?=[^\w\s'’][^\W_])"))
_PROBE: Final = "a 1 é 漢 \N{THUMBS UP SIGN} \0 \ue000\n"


class ExactTokenizer:
    """A public tokenizer. Safe to share between threads."""

    def __init__(self, data: bytes) -> None:
        """From the contents of a `tokenizer.json`. Raises ValueError when it is none, or cannot count every text."""
        self.name = sha256(data).hexdigest()[:12]
        self._tokenizer = parse(data)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._tokenizer.encode_special_tokens = True
        self._known: dict[tuple[int, int], int] = {}
        try:
            self._encoded([_PROBE])
        except Exception as problem:  # the library raises nothing narrower
            raise ValueError(f"a tokenizer that cannot count every text: {problem}") from problem

    def features(self, text: str) -> Features:
        """The count, as the one feature that `Calibration` charges a whole token for."""
        return (*NOTHING[:_TOKEN], self.count(text), *NOTHING[_TOKEN + 1 :])

    def count(self, text: str) -> int:
        """Tokens of a text, without what a chat template puts around it."""
        key = (len(text), hash(text))
        tokens = self._known.get(key)
        if tokens is None:
            # Broken surrogates, which the library refuses, count as question marks.
            tokens = self._encoded(segments(text.encode(errors="replace").decode()))
            if len(self._known) >= REMEMBERED:
                self._known = {}
            self._known[key] = tokens
        return tokens

    def _encoded(self, texts: list[str]) -> int:
        return sum(map(len, self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)))


def segments(text: str) -> list[str]:
    """The text in parts of at most `SEGMENT` characters; a text that is short enough is one part."""
    parts, start = [], 0
    while len(text) - start > SEGMENT:
        middle, end = start + SEGMENT // 2, start + SEGMENT
        seams = (seam.search(text, middle, end) for seam in _SEAMS)
        seam = next(filter(None, seams), None)
        cut = end if seam is None else seam.end()
        parts.append(text[start:cut])
        start = cut
    return [*parts, text[start:]]
