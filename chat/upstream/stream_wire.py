"""The events of a Messages stream as they come over the wire, and how they are read.

Compatible endpoints send what the Claude API does not: `10.0` for an integer, null for a text, unknown fields. The strict reader is fast
and takes what the documentation describes; an event it refuses is read field by field, and a field that cannot be read is absent.
"""

import json
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

import msgspec

S = TypeVar("S", bound=msgspec.Struct)


class Cache(msgspec.Struct):
    ephemeral_5m_input_tokens: int = 0
    ephemeral_1h_input_tokens: int = 0


class OutputDetails(msgspec.Struct):
    thinking_tokens: int | None = None


class ReportedUsage(msgspec.Struct):
    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation: Cache | None = None
    output_tokens: int | None = None
    output_tokens_details: OutputDetails | None = None


class Message(msgspec.Struct):
    id: str = ""
    model: str = ""
    usage: ReportedUsage = msgspec.field(default_factory=ReportedUsage)
    diagnostics: dict[str, Any] | None = None
    stop_reason: str | None = None


class Delta(msgspec.Struct):
    type: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    partial_json: str = ""
    stop_reason: str | None = None


class Block(msgspec.Struct):
    type: str = ""
    text: str = ""
    id: str = ""
    name: str = ""
    data: str = ""
    thinking: str = ""
    signature: str = ""


class Event(msgspec.Struct):
    type: str = ""
    message: Message | None = None
    content_block: Block | None = None
    delta: Delta | None = None
    usage: ReportedUsage | None = None
    error: dict[str, object] | None = None


_decode_event = msgspec.json.Decoder(Event).decode
_UNREADABLE = object()


def read_event(data: bytes) -> Event:
    """An event from its JSON. Raises ValueError when it is no JSON, or when text of the answer cannot be read."""
    try:
        return _decode_event(data)
    except msgspec.MsgspecError:
        pass
    try:
        value = json.loads(data)  # takes NaN and lone surrogates too
    except RecursionError as problem:
        raise ValueError("nested too deeply") from problem
    if not isinstance(value, dict):
        return Event()
    _check_text(value)
    return _read(value, Event)


def read_usage(data: bytes) -> ReportedUsage:
    """The usage of an answer. Raises ValueError when it is no JSON."""
    value = json.loads(data)
    return _read(value, ReportedUsage) if isinstance(value, dict) else ReportedUsage()


def read_message(data: bytes) -> Message:
    """Id, model, usage and stop reason of an answer that was not streamed. Raises ValueError when it is no JSON object."""
    value = json.loads(data)
    if not isinstance(value, dict):
        raise ValueError("the answer is no JSON object")
    return _read(value, Message)


def _check_text(event: dict[str, Any]) -> None:
    """Raises ValueError for text that is there and is no text: it would be lost."""
    for holder in (event.get("delta"), event.get("content_block")):
        if isinstance(holder, dict) and not isinstance(holder.get("text"), str | None):
            raise ValueError("text of the answer is no text")


def _read(raw: dict[str, Any], shape: type[S]) -> S:
    values = {
        field.name: value
        for field in msgspec.structs.fields(shape)
        if field.encode_name in raw
        and (value := _coerced(raw[field.encode_name], field.type)) is not _UNREADABLE
    }
    return shape(**values)


def _coerced(value: Any, wanted: Any) -> Any:
    if get_origin(wanted) in (Union, UnionType):
        [wanted] = [choice for choice in get_args(wanted) if choice is not type(None)]
    if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct):
        return _read(value, wanted) if isinstance(value, dict) else _UNREADABLE
    if wanted is int:
        return _integer(value)
    kind = get_origin(wanted) or wanted
    return value if isinstance(value, kind) else _UNREADABLE


def _integer(value: Any) -> Any:
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 16:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**53:
        return _UNREADABLE  # NaN too: it compares false
    return int(value)
