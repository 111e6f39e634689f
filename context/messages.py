"""Messages and their parts: the immutable values a conversation consists of. Messages form a tree."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, assert_never

Role = Literal["user", "assistant"]
Status = Literal["complete", "streaming", "interrupted", "failed", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPart:
    """Text of a person or a model."""

    text: str
    type: Literal["text"] = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasoningPart:
    """A model's thinking, kept to be shown, never sent back. `seconds` it took, where known."""

    text: str
    seconds: float | None = None
    type: Literal["reasoning"] = "reasoning"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolPart:
    """A search the model made on the way to its answer: the query, and how many messages it found. Shown, never sent back."""

    name: str
    query: str
    found: int
    type: Literal["tool"] = "tool"


Part = TextPart | ReasoningPart | ToolPart


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortReply:
    """A reply that is sent up to its character `end`, with `closing` behind that (the end of a code block, say); about so many tokens."""

    id: str
    end: int
    closing: str
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One entry of a thread, immutable once its status is no longer `streaming`.

    `depth` counts from 0 at a root; `tokens` is the estimated size of what is sent of it; `refused` marks an answer the provider
    withdrew, which must not be shown to a model again.

    short: how far a reply is sent that is not sent whole, `rest` the tokens that are not sent; noted: the message before it is such a reply
    (`context.request.shortened`). As it is stored a message has none of these.
    """

    id: str
    parent_id: str | None
    role: Role
    status: Status
    parts: tuple[Part, ...]
    depth: int
    tokens: int
    refused: bool = False
    short: ShortReply | None = None
    rest: int = 0
    noted: bool = False

    @property
    def whole_tokens(self) -> int:
        """The estimated size of all its text."""
        return self.tokens + self.rest

    @property
    def text(self) -> str:
        """All text parts, joined by blank lines."""
        return "\n\n".join(part.text for part in self.parts if isinstance(part, TextPart))


def part_to_json(part: Part) -> dict[str, Any]:
    """One part as it is stored and sent to clients; absent fields are left out, never null."""
    match part:
        case TextPart():
            return {"type": "text", "text": part.text}
        case ReasoningPart():
            seconds = {} if part.seconds is None else {"seconds": part.seconds}
            return {"type": "reasoning", "text": part.text, **seconds}
        case ToolPart():
            return {
                "type": "tool",
                "name": part.name,
                "input": {"query": part.query},
                "result": {"found": part.found},
            }
        case _:
            assert_never(part)


def part_from_json(value: Mapping[str, Any]) -> Part:
    """The inverse of `part_to_json`. Raises ValueError on a type it does not know."""
    match value["type"]:
        case "text":
            return TextPart(text=value["text"])
        case "reasoning":
            return ReasoningPart(text=value["text"], seconds=value.get("seconds"))
        case "tool":
            return ToolPart(name=value["name"], query=value["input"]["query"], found=value["result"]["found"])
        case other:
            raise ValueError(f"unknown part type: {other!r}")
