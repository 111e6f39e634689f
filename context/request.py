"""From a recipe and the messages it names to the exact bytes of a Messages API request, and their digest.

Canonical form: UTF-8 JSON, fixed key order, no white space, no escapes that are not needed. The SDK sends these bytes as they
are, so the digest in the store is the digest of what went over the wire.
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from context.messages import Message
from context.plan import Recipe
from context.window import spoken


def build(recipe: Recipe, system: str, messages: Sequence[Message]) -> bytes:
    """The canonical request body. `messages` are the recipe's window, oldest first; raises ValueError for another layout."""
    if recipe.layout != 1:
        raise ValueError(f"no renderer for layout {recipe.layout}")
    marks = {mark.at: mark.ttl for mark in recipe.breakpoints}
    body: dict[str, Any] = {
        "model": recipe.model,
        "max_tokens": recipe.max_tokens,
        "system": [_text(system, marks.get("system"))],
        "messages": _turns(messages, marks),
    }
    if recipe.thinking == "adaptive":
        body["thinking"] = {"type": "adaptive", "display": "summarized"}
    if recipe.user_ref is not None:
        body["metadata"] = {"user_id": recipe.user_ref}
    body["stream"] = True
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def digest(body: bytes) -> str:
    """SHA-256 of a request body, in hexadecimal."""
    return sha256(body).hexdigest()


def _turns(messages: Sequence[Message], marks: Mapping[str, str]) -> list[dict[str, Any]]:
    """Messages as the API takes them: neighbours of one role share a turn, silent ones are left out."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        words = spoken(message)
        if not words:
            continue
        if not turns or turns[-1]["role"] != message.role:
            turns.append({"role": message.role, "content": []})
        turns[-1]["content"].append(_text(words, marks.get(message.id)))
    return turns


def _text(text: str, ttl: str | None) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "text", "text": text}
    if ttl is not None:
        block["cache_control"] = {"type": "ephemeral"} if ttl == "5m" else {"type": "ephemeral", "ttl": ttl}
    return block
