"""A deterministic stand-in for the tokenizer, with the published sizes: about 0.30 tokens per character of
English on the older models and 0.40 on Opus 4.7 and later (upstream-facts 5).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import orjson

from tests.upstream.models import Model

PIECE = re.compile(r"[A-Za-z]{1,4}|\d{1,3}|[^\sA-Za-z\d]|\s{2,}|\n")
PATCH = 28
"""Pixels per side of one image token."""
PDF_PAGE_TOKENS = 2_000
PDF_PAGE_BYTES = 40_000
"""Assumed bytes per PDF page, since nothing here parses PDF."""


Counter = Callable[[str, str], int]
"""Tokens of a text for a model id."""

_counters: list[Counter] = []  # the last one counts


@contextmanager
def counted_by(counter: Counter) -> Iterator[None]:
    """Count with another tokenizer until the block ends."""
    _counters.append(counter)
    try:
        yield
    finally:
        _counters.pop()


def count(text: str, model: Model) -> int:
    return _counters[-1](text, model.id) if _counters else _scale(_pieces(text), model)


def cut(text: str, tokens: int, model: Model) -> str:
    """The longest beginning of `text` that costs at most `tokens`."""
    if count(text, model) <= tokens:
        return text
    if _counters:
        return text[: bisect_right(range(len(text)), tokens, key=lambda end: count(text[:end], model)) - 1]
    allowed = tokens * 3 // 4 if model.new_tokenizer else tokens
    end = 0
    for number, piece in enumerate(PIECE.finditer(text), start=1):
        if number > allowed:
            break
        end = piece.end()
    return text[:end]


def count_json(value: Any, model: Model) -> int:
    return count(orjson.dumps(value).decode(), model)


def count_image(block: dict[str, Any], model: Model) -> int:
    """`ceil(w/28)·ceil(h/28)` where the size can be read (PNG, GIF), else the cap; never above the cap."""
    cap = 4_784 if model.new_tokenizer else 1_568
    size = _pixels(block.get("source", {}))
    return cap if size is None else min(cap, -(-size[0] // PATCH) * -(-size[1] // PATCH))


def count_document(block: dict[str, Any], model: Model) -> int:
    source = block.get("source", {})
    data = source.get("data", "")
    if source.get("type") == "text":
        return count(data, model)
    if source.get("type") == "base64":
        return PDF_PAGE_TOKENS * max(1, len(data) * 3 // 4 // PDF_PAGE_BYTES)
    return PDF_PAGE_TOKENS


def estimate(tokens: int, salt: bytes) -> int:
    """What count_tokens answers: near the truth and never equal to it, always the same for the same request."""
    percent = (-3, -2, -1, 1, 2, 3)[hashlib.sha256(salt).digest()[0] % 6]
    off = round(tokens * percent / 100) or (1 if percent > 0 else -1)
    return max(1, tokens + off)


def _scale(pieces: int, model: Model) -> int:
    return -(-pieces * 4 // 3) if model.new_tokenizer else pieces


@lru_cache(maxsize=2048)
def _pieces(text: str) -> int:
    return len(PIECE.findall(text))


def _pixels(source: dict[str, Any]) -> tuple[int, int] | None:
    if source.get("type") != "base64":
        return None
    try:
        head = base64.b64decode(source.get("data", "")[:64], validate=True)
    except (binascii.Error, ValueError):
        return None
    if head.startswith(b"\x89PNG") and len(head) >= 24:
        width, height = struct.unpack(">II", head[16:24])
        return width, height
    if head.startswith(b"GIF8") and len(head) >= 10:
        width, height = struct.unpack("<HH", head[6:10])
        return width, height
    return None
