"""From the bytes of a Messages API stream to the few things a turn cares about. Pure; one decoder per stream.

The SDK's typed stream costs ten to thirty times the CPU per delta (upstream facts §9); this reads the same events with msgspec and
owns what the SDK would have done: `error` events, `ping`, unknown types, cumulative usage, and the missing `message_stop`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from chat.upstream.failures import GARBLED, UpstreamFailure, from_error_event
from context.models.pricing import Usage

MAX_EVENT = 8 * 1024 * 1024  # bytes one event may have before the stream counts as garbled


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageStarted:
    """The provider accepted the request and counted its prompt."""

    upstream_id: str
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDelta:
    """More of a part: `kind` is `text` or `reasoning`."""

    kind: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockEnded:
    """A block of the answer is complete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """The answer is complete, or was stopped for a reason."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRequested:
    """The model wants a tool's answer before it goes on. `input` is what it wrote, {} when that was no JSON object."""

    id: str
    name: str
    input: dict[str, Any]


Piece = MessageStarted | TextDelta | BlockEnded | Stopped | ToolRequested


class _Cache(msgspec.Struct):
    ephemeral_5m_input_tokens: int = 0
    ephemeral_1h_input_tokens: int = 0


class _OutputDetails(msgspec.Struct):
    thinking_tokens: int | None = None


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation: _Cache | None = None
    output_tokens: int | None = None
    output_tokens_details: _OutputDetails | None = None


class _Message(msgspec.Struct):
    id: str = ""
    model: str = ""
    usage: _Usage = msgspec.field(default_factory=_Usage)
    diagnostics: dict[str, Any] | None = None


class _Delta(msgspec.Struct):
    type: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    partial_json: str = ""
    stop_reason: str | None = None


class _Block(msgspec.Struct):
    type: str = ""
    text: str = ""
    id: str = ""
    name: str = ""
    data: str = ""
    thinking: str = ""
    signature: str = ""


class _Event(msgspec.Struct):
    type: str = ""
    message: _Message | None = None
    content_block: _Block | None = None
    delta: _Delta | None = None
    usage: _Usage | None = None
    error: dict[str, object] | None = None


_decode = msgspec.json.Decoder(_Event).decode
_decode_usage = msgspec.json.Decoder(_Usage).decode


class Decoder:
    """Feed it bytes as they come; it yields pieces and keeps the usage reported so far."""

    def __init__(self) -> None:
        self.blocks: list[
            dict[str, Any]
        ] = []  # the answer's blocks as they must be sent back to a model that uses tools
        self.diagnostics: dict[str, Any] | None = (
            None  # where this request parts from the one before, as the provider sees it
        )
        self.usage = Usage()
        self.counted = False  # whether the provider's final output count has arrived
        self.stop_reason: str | None = None
        self.finished = False  # whether `message_stop` has arrived
        self._rest = b""
        self._block = _Block()
        self._pieces_of_block: list[str] = []

    @property
    def whole(self) -> bool:
        """Whether all words and the final count have arrived: only `message_stop` may be missing."""
        return self.counted and self.stop_reason is not None

    def feed(self, data: bytes) -> Iterator[Piece]:
        """The pieces completed by these bytes. Raises UpstreamFailure for an error event and for broken framing."""
        self._rest += data
        if len(self._rest) > MAX_EVENT:
            raise UpstreamFailure(GARBLED)
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                yield from self._event(line[5:].strip())

    def take(self, usage: bytes) -> None:
        """The usage of an answer that was not streamed, as JSON."""
        self._count(_decode_usage(usage))
        self.counted = self.finished = True

    def _event(self, data: bytes) -> Iterator[Piece]:
        try:
            event = _decode(data)
        except msgspec.MsgspecError as problem:
            raise UpstreamFailure(GARBLED) from problem
        match event.type:
            case "content_block_delta" if event.delta is not None:
                self._grow(event.delta)
                if event.delta.type == "text_delta":
                    yield TextDelta(kind="text", words=event.delta.text)
                elif event.delta.type == "thinking_delta":
                    yield TextDelta(kind="reasoning", words=event.delta.thinking)
            case "content_block_start" if event.content_block is not None:
                self._pieces_of_block.clear()
                self._block = event.content_block
                if event.content_block.type == "text" and event.content_block.text:
                    yield TextDelta(kind="text", words=event.content_block.text)
            case "content_block_stop":
                yield from self._ended()
                yield BlockEnded()
            case "message_start" if event.message is not None:
                self._count(event.message.usage)
                self.diagnostics = event.message.diagnostics
                yield MessageStarted(upstream_id=event.message.id, model=event.message.model)
            case "message_delta":
                if event.usage is not None:
                    self._count(event.usage)
                    self.counted = event.usage.output_tokens is not None
                if event.delta is not None and event.delta.stop_reason is not None:
                    self.stop_reason = event.delta.stop_reason
                    yield Stopped(reason=event.delta.stop_reason)
            case "message_stop":
                self.finished = True
            case "error" | "server_error":  # the second is how the local model's server breaks off
                raise UpstreamFailure(from_error_event(event.error or {}))
            case _:
                pass  # ping, and whatever the provider adds next

    def _grow(self, delta: _Delta) -> None:
        if delta.signature:
            self._block.signature = delta.signature
        more = delta.text or delta.thinking or delta.partial_json
        if more:
            self._pieces_of_block.append(more)

    def _ended(self) -> Iterator[ToolRequested]:
        """Keep the finished block; a tool's is told of."""
        block, grown = self._block, "".join(self._pieces_of_block)
        match block.type:
            case "text":
                if block.text + grown:
                    self.blocks.append({"type": "text", "text": block.text + grown})
            case "thinking":
                thought = block.thinking + grown
                self.blocks.append({"type": "thinking", "thinking": thought, "signature": block.signature})
            case "redacted_thinking":
                self.blocks.append({"type": "redacted_thinking", "data": block.data})
            case "tool_use":
                try:
                    given = msgspec.json.decode(grown or "{}")
                except msgspec.MsgspecError:
                    given = {}
                asked = given if isinstance(given, dict) else {}
                self.blocks.append({"type": "tool_use", "id": block.id, "name": block.name, "input": asked})
                yield ToolRequested(id=block.id, name=block.name, input=asked)
            case _:
                pass

    def _count(self, reported: _Usage) -> None:
        """Take over reported totals: they replace what was known, and absent ones keep it (upstream facts §3.2)."""
        known = self.usage
        if reported.input_tokens is not None:
            known = replace(known, input=reported.input_tokens)
        if reported.cache_read_input_tokens is not None:
            known = replace(known, cache_read=reported.cache_read_input_tokens)
        if reported.cache_creation is not None:
            split = reported.cache_creation
            known = replace(
                known,
                cache_write_5m=split.ephemeral_5m_input_tokens,
                cache_write_1h=split.ephemeral_1h_input_tokens,
            )
        elif reported.cache_creation_input_tokens is not None and not known.cache_write_1h:
            known = replace(known, cache_write_5m=reported.cache_creation_input_tokens)
        if reported.output_tokens is not None:
            known = replace(known, output=reported.output_tokens)
        if (
            reported.output_tokens_details is not None
            and reported.output_tokens_details.thinking_tokens is not None
        ):
            known = replace(known, reasoning=reported.output_tokens_details.thinking_tokens)
        self.usage = known
