"""What a test scripts: one reply, its pace, and the way it goes wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.upstream.errors import ApiError
from tests.upstream.gate import Gate

Gateway = Literal["numbers", "no_message_delta"]
Ending = Literal["reset", "eof", "error", "silence", "no_message_stop", "garbled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A `tool_use` block the model asks for."""

    name: str
    input: Mapping[str, Any] = field(default_factory=dict)
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpFault:
    """No reply at all: an error status instead, its headers after `delay` seconds."""

    error: ApiError
    delay: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NoResponse:
    """The connection is reset before a single byte of the response."""

    delay: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenEnding:
    """The content is sent, then instead of the closing events the stream ends like this.

    `reset` is a TCP reset, `eof` closes inside the body, `error` sends an error event, `silence` says nothing
    for `seconds` (None: until the client leaves or `Simulator.release_silence`), `no_message_stop` ends cleanly,
    `garbled` sends an event that is no JSON.
    """

    how: Ending
    error: ApiError | None = None
    seconds: float | None = None
    share: float = 1.0
    """The part of the content frames that still gets out, for replies whose text is not known beforehand."""
    late: bool = False
    """All of the content and `message_delta` get out first: only `message_stop` is missing."""


Fault = HttpFault | NoResponse | BrokenEnding


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer of the model. Times are real seconds; `chunk` is characters per delta.

    `text=None` derives the text from the request. `thinking=None` means "as the model would": a block whenever
    the request leaves thinking on; `""` means none. Where the request turns thinking off there is never one. `stop_reason=None` follows from the content.
    """

    text: str | None = None
    thinking: str | None = None
    tools: tuple[ToolCall, ...] = ()
    stop_reason: str | None = None
    stop_details: Mapping[str, Any] | None = None
    chunk: int = 24
    delay: float = 0.0
    first_delay: float = 0.0
    head_delay: float = 0.0
    gate: Gate | None = None
    """Holds each delta and the ending."""
    head_gate: Gate | None = None
    """Holds the response status itself: until it passes, the response has not begun."""
    hold: bool = False
    """Hold on the simulator's own gate, `Simulator.held`."""
    pings: int = 1
    """Pings after message_start."""
    ping_every: float | None = None
    """Seconds between pings while the first delta or a silence is awaited."""
    odd_events: bool = False
    """Send event and delta types nobody knows yet, which clients must tolerate."""
    gateway: Gateway | None = None
    """Frames as compatible endpoints send them: blank `data:` lines, `10.0` for integers, `[DONE]` at the end; or without `message_delta`."""
    diagnostics: Mapping[str, Any] | None = None
    """Overrides the computed cache diagnostics."""
    billed: bool = True
    """False for a refusal before output, which costs nothing."""
    fault: Fault | None = None
