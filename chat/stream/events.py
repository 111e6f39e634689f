"""The events of a turn's log, as a closed union, and how they are encoded for clients (`palaver.v1`).

A turn's log begins with `turn.started` (seq 1) and ends with exactly one of `turn.completed`, `turn.failed`, `turn.cancelled`.
Parts do not interleave, and every part that was started is ended before the terminal event. `seq` counts from 1 without gaps.
"""

from typing import Any, Literal

import msgspec

from chat.stream.one_line import one_line

PROTOCOL = "palaver.v1"

FinishReason = Literal["stop", "length", "tool_calls"]
"""Why an answer is complete. `content_filter`, which the protocol also knows, is never sent: an answer that the provider's safety
system stops fails with the code `content_filtered`."""


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    """The fields of all events. The journal numbers an event when it stores it."""

    seq: int = 0
    turn_id: str = ""


class TurnStarted(Event, frozen=True, kw_only=True, tag="turn.started"):
    """The first event, stored with the turn. No model is chosen yet: the `route` note names it."""

    protocol: str
    thread_id: str
    message_id: str
    user_message_id: str
    created_at: str


class PartStarted(Event, frozen=True, kw_only=True, tag="part.started"):
    """`kind`: text, reasoning or tool; a tool has a `name` and an `input`."""

    part_id: str
    kind: str
    name: str | None = None
    input: dict[str, Any] | None = None


class PartDelta(Event, frozen=True, kw_only=True, tag="part.delta"):
    """The next piece of a part's text."""

    part_id: str
    text: str


class PartEnded(Event, frozen=True, kw_only=True, tag="part.ended"):
    """A part is whole. `seconds`: how long the model reasoned; `result`: of a tool."""

    part_id: str
    seconds: float | None = None
    result: dict[str, Any] | None = None


class Note(Event, frozen=True, kw_only=True, tag="note"):
    """Optional news beside the answer. `chat.stream.notes` has every name with its fields."""

    name: str
    data: dict[str, Any]


class TurnError(msgspec.Struct, frozen=True, kw_only=True):
    """Why a turn failed: a code, and a sentence for a person. `retryable`: the same request may succeed later."""

    code: str
    message: str
    retryable: bool


class TokenUsage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Tokens of a turn; the details are parts of the totals."""

    input_tokens: int
    output_tokens: int
    total_tokens: int
    reasoning_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None


class TurnCompleted(Event, frozen=True, kw_only=True, tag="turn.completed"):
    """The answer is complete, or as long as it may be (`length`)."""

    finish_reason: FinishReason
    usage: TokenUsage


class TurnFailed(Event, frozen=True, kw_only=True, tag="turn.failed"):
    """The answer could not be given, or broke off: what was written before is kept."""

    error: TurnError
    usage: TokenUsage | None = None


class TurnCancelled(Event, frozen=True, kw_only=True, tag="turn.cancelled"):
    """Somebody stopped the answer: what was written before is kept."""

    reason: str | None = None
    usage: TokenUsage | None = None


TurnEvent = (
    TurnStarted | PartStarted | PartDelta | PartEnded | Note | TurnCompleted | TurnFailed | TurnCancelled
)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[TurnEvent] = msgspec.json.Decoder(TurnEvent)
_TERMINAL = tuple(f'{{"type":"turn.{name}"' for name in ("completed", "failed", "cancelled"))


def encode(event: Event, *, seq: int, turn_id: str) -> str:
    """An event as single-line JSON with its number; absent fields are left out, never null."""
    return one_line(_encoder.encode(msgspec.structs.replace(event, seq=seq, turn_id=turn_id)).decode())


def decode(payload: str | bytes) -> TurnEvent:
    """The inverse of `encode`. Raises msgspec.ValidationError on anything else."""
    return _decoder.decode(payload)


def is_terminal(payload: str) -> bool:
    """Whether an encoded event ends its turn."""
    return payload.startswith(_TERMINAL)


def frame(seq: int, payload: str) -> bytes:
    """One SSE block. `data:` stands before `id:`, so that a torn connection never moves a client past an event it lacks."""
    return f"data: {one_line(payload)}\nid: {seq}\n\n".encode()


def payload(frame: bytes) -> str:
    """The event of a block that `frame` made."""
    return frame[len(b"data: ") : frame.rindex(b"\nid: ")].decode()
