"""An accepted request with its defaults resolved: what the rest of the simulator works from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.upstream.models import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One Messages request. `workspace` isolates caches; `body` is the parsed JSON, never changed."""

    body: dict[str, Any]
    model: Model
    workspace: str
    batch: bool = False

    @property
    def stream(self) -> bool:
        return bool(self.body.get("stream"))

    @property
    def max_tokens(self) -> int:
        return int(self.body.get("max_tokens", 0))

    @property
    def speed(self) -> str:
        return self.body.get("speed") or "standard"

    @property
    def thinking(self) -> str:
        """The thinking type in force, the model's default when the request names none."""
        named = (self.body.get("thinking") or {}).get("type")
        return named or self.model.thinking_default

    @property
    def effort(self) -> str | None:
        return (self.body.get("output_config") or {}).get("effort") or self.model.effort_default

    @property
    def display(self) -> str:
        chosen = (self.body.get("thinking") or {}).get("display")
        return chosen or ("omitted" if self.model.new_tokenizer else "summarized")

    @property
    def forces_tool(self) -> bool:
        return (self.body.get("tool_choice") or {}).get("type") in ("any", "tool")

    @property
    def thinks(self) -> bool:
        """Whether this reply opens with a thinking block."""
        if self.forces_tool and self.model.forced_tools == "without_thinking":
            return False
        if self.thinking == "between_tools":
            last = self.body["messages"][-1]["content"]
            return isinstance(last, list) and any(block.get("type") == "tool_result" for block in last)
        return self.thinking in ("adaptive", "enabled")


def blocks_of(content: Any) -> list[dict[str, Any]]:
    """A string content equals one text block; an empty one equals none."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return list(content or [])


def last_user_text(body: dict[str, Any]) -> str:
    """The text of the last user message, joined; empty when it has none."""
    for message in reversed(body["messages"]):
        if message["role"] == "user":
            texts = [block["text"] for block in blocks_of(message["content"]) if block.get("type") == "text"]
            if texts:
                return "\n".join(texts)
    return ""
