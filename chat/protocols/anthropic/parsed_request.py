"""What a request of the Messages API says, as far as anything here depends on it. Everything else is the provider's to read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from chat.errors import BadRequest
from chat.protocols.anthropic.json_parts import Span, check, items, members, start_of

MAX_MESSAGES = 100_000  # Claude API documentation: "at most 100,000 messages"
LARGEST_OUTPUT = 10_000_000  # tokens: far above any model's limit
READ = ("model", "max_tokens", "stream", "messages", "system", "tools", "cache_control")


class Block(msgspec.Struct):
    """A content block: what of it says how hard a turn is."""

    type: str = ""
    text: str = ""


class Message(msgspec.Struct):
    """A message."""

    role: str = ""
    content: str | list[Block] = ""

    @property
    def blocks(self) -> Sequence[Block]:
        return [Block("text", self.content)] if isinstance(self.content, str) else self.content

    @property
    def text(self) -> str:
        """All its text, with empty lines between blocks."""
        return "\n\n".join(block.text for block in self.blocks if block.type == "text")

    def has(self, *kinds: str) -> bool:
        """Whether a block of one of these types is in it."""
        return any(block.type in kinds for block in self.blocks)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedRequest:
    """A request: its bytes, what they say, and where the parts stand that may be changed.

    `marked`: the caller has set cache breakpoints. `start`: where the object begins.
    """

    data: bytes
    start: int
    model: str
    max_tokens: int
    streams: bool
    marked: bool
    parts: dict[str, Span]
    messages: tuple[Span, ...]

    def message(self, index: int) -> Message:
        """One of the messages; without text or blocks where it has a shape that is not known."""
        start, end = self.messages[index]
        try:
            return msgspec.json.decode(self.data[start:end], type=Message)
        except msgspec.MsgspecError:
            return Message()


def parse_request(data: bytes) -> ParsedRequest:
    """The request in these bytes. Raises BadRequest."""
    try:
        check(data)
    except ValueError as problem:
        raise BadRequest(f"the body is not valid JSON: {problem}") from None
    start = start_of(data)
    if data[start : start + 1] != b"{":
        raise BadRequest("the body must be an object")
    parts: dict[str, Span] = {}
    for name, span in members(data, start):
        if name in parts:  # readers differ in which of the two they take
            raise BadRequest(f"{name}: the body has it twice", param=name)
        if name in READ:
            parts[name] = span
    messages: list[Span] = []
    for span in items(data, parts["messages"][0]) if "messages" in parts else ():
        messages.append(span)
        if len(messages) > MAX_MESSAGES:
            raise BadRequest(f"messages: at most {MAX_MESSAGES}", param="messages")
    if not messages:
        raise BadRequest("messages: at least one message is required", param="messages")
    return ParsedRequest(
        data=data,
        start=start,
        model=_value(data, parts, "model", str),
        max_tokens=_value(data, parts, "max_tokens", int, 0),
        streams=_value(data, parts, "stream", bool, False),
        # As a JSON string of its own: inside of a text its quotes would be escaped.
        marked=b'"cache_control"' in data,
        parts=parts,
        messages=tuple(messages),
    )


def _value(data: bytes, parts: dict[str, Span], name: str, kind: type, default: Any = None) -> Any:
    """One of the values that decide what is called. Raises BadRequest when it is missing, or has another type."""
    if name not in parts:
        if default is None:
            raise BadRequest(f"{name}: Field required", param=name)
        return default
    start, end = parts[name]
    try:
        value: Any = msgspec.json.decode(data[start:end], type=kind)
    except msgspec.MsgspecError as problem:
        raise BadRequest(f"{name}: {problem}", param=name) from None
    if kind is int and not 0 <= value <= LARGEST_OUTPUT:
        raise BadRequest(f"{name}: out of range", param=name)
    return value
