"""The text of a stored message, from its parts as JSON."""

from collections.abc import Iterable, Mapping
from typing import Any


def text_of(parts: Iterable[Mapping[str, Any]], *, between: str = "\n\n") -> str:
    """The text parts, joined."""
    return between.join(part["text"] for part in parts if part["type"] == "text")
