"""Signatures of thinking blocks: who thought, how long, behind which conversation, and after which earlier thought.

A real signature is opaque; this one carries its facts in base64 with a checksum, so that a changed, moved or
forged block can be told from a good one (upstream-facts 1.6).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Any

import orjson

from tests.upstream.models import BY_ID, Model, reads_thinking_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """`prefix` digests everything before the block, `previous` names the thought before it, if there was one."""

    model: str
    tokens: int
    prefix: str
    previous: str | None
    text: str

    def encode(self) -> str:
        facts = orjson.dumps([self.model, self.tokens, self.prefix, self.previous, self.text])
        return base64.b64encode(_checksum(facts) + facts).decode()


def decode(encoded: Any) -> Signature | None:
    """The facts, or None when it is not one of ours."""
    if not isinstance(encoded, str):
        return None
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    if _checksum(raw[8:]) != raw[:8]:
        return None
    model, tokens, prefix, previous, text = orjson.loads(raw[8:])
    return Signature(model=model, tokens=tokens, prefix=prefix, previous=previous, text=text)


def digest(text: object) -> str:
    """A short name for a thinking text or for a whole signature."""
    return hashlib.sha256(str(text).encode()).hexdigest()[:16]


def thinking_tokens(block: dict[str, Any]) -> int | None:
    """The full thinking is in the prompt even where its text was omitted."""
    signature = decode(block.get("signature"))
    return None if signature is None else signature.tokens


def readable_by(block: dict[str, Any], model: Model) -> bool:
    """False: the block leaves the prompt silently and is not billed."""
    if block.get("type") != "thinking":
        return True
    signature = decode(block.get("signature"))
    author = BY_ID.get(signature.model) if signature else None
    return author is None or reads_thinking_of(model, author)


def _checksum(facts: bytes) -> bytes:
    return hashlib.sha256(b"palaver simulator" + facts).digest()[:8]
