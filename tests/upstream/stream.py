"""A message as the server-sent events of the Messages API, every frame ready as bytes before the first is sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import orjson

from tests.upstream.answers import Answer
from tests.upstream.replies import Gateway

PING = b'event: ping\ndata: {"type":"ping"}\n\n'
MESSAGE_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
ODD_EVENT = b'event: weather_report\ndata: {"type":"weather_report","sky":"clear"}\n\n'
DELTA = b"event: content_block_delta\n"
BLANK = b"data:\n\ndata: \n\n"
DONE = b"data: [DONE]\n\n"
TOOL_CHUNK = 12
"""Characters of tool input JSON per delta."""


def frame(event: str, data: dict[str, Any]) -> bytes:
    return b"event: " + event.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"


def message_start(message: dict[str, Any]) -> bytes:
    return frame("message_start", {"type": "message_start", "message": message})


def content_frames(answer: Answer, chunk: int, *, open_ended: bool = False) -> list[bytes]:
    """All frames between message_start and message_delta; `open_ended` leaves the last block without its stop."""
    frames: list[bytes] = []
    for index, block in enumerate(answer.content):
        match block["type"]:
            case "thinking":
                frames.append(_block_start(index, {"type": "thinking", "thinking": "", "signature": ""}))
                frames += _deltas(index, "thinking_delta", "thinking", block["thinking"], chunk)
                frames.append(_delta(index, {"type": "signature_delta", "signature": block["signature"]}))
            case "text":
                frames.append(_block_start(index, {"type": "text", "text": ""}))
                frames += _deltas(index, "text_delta", "text", block["text"], chunk)
            case "tool_use":
                frames.append(_block_start(index, {**block, "input": {}}))
                whole = orjson.dumps(block["input"]).decode()
                frames.append(_delta(index, {"type": "input_json_delta", "partial_json": ""}))
                frames += _deltas(index, "input_json_delta", "partial_json", whole, TOOL_CHUNK)
        frames.append(frame("content_block_stop", {"type": "content_block_stop", "index": index}))
    if open_ended and frames:
        frames.pop()
    return frames


def message_end(answer: Answer, usage: dict[str, Any]) -> list[bytes]:
    """`message_delta`, whose usage holds the cumulative output side only, and `message_stop`."""
    delta: dict[str, Any] = {"stop_reason": answer.stop_reason, "stop_sequence": answer.stop_sequence}
    if answer.stop_details is not None:
        delta["stop_details"] = answer.stop_details
    output = {"output_tokens": usage["output_tokens"]}
    if "output_tokens_details" in usage:
        output["output_tokens_details"] = usage["output_tokens_details"]
    return [frame("message_delta", {"type": "message_delta", "delta": delta, "usage": output}), MESSAGE_STOP]


def error_event(body: dict[str, Any]) -> bytes:
    return frame("error", body)


def is_delta(data: bytes) -> bool:
    """Whether a gate holds this frame: content only, not the signature that closes a thinking block."""
    return data.startswith(DELTA) and b'"signature_delta"' not in data


def with_odd_events(frames: list[bytes]) -> Iterator[bytes]:
    """The same frames with an unknown event before each and an unknown delta type before each block's stop."""
    for data in frames:
        yield ODD_EVENT
        if data.startswith(b"event: content_block_stop"):
            index = orjson.loads(data.split(b"data: ", 1)[1])["index"]
            yield _delta(index, {"type": "mood_delta", "mood": "calm"})
        yield data


def from_gateway(
    opening: bytes, content: list[bytes], ending: list[bytes], kind: Gateway
) -> tuple[bytes, list[bytes], list[bytes]]:
    """The same stream as a compatible endpoint sends it."""
    if kind == "no_message_delta":
        return opening, content, [MESSAGE_STOP, DONE]
    spread = [data for block in content for data in (BLANK, block)]
    return _with_floats(opening), spread, [*map(_with_floats, ending), BLANK, DONE]


def _with_floats(data: bytes) -> bytes:
    return re.sub(rb'(_tokens":\d+)(?=[,}])', rb"\1.0", data)


@lru_cache(maxsize=256)
def _deltas(index: int, kind: str, field: str, text: str, chunk: int) -> tuple[bytes, ...]:
    """One frame per `chunk` characters; cached, since benchmarks send the same reply thousands of times."""
    head = (
        DELTA
        + f'data: {{"type":"content_block_delta","index":{index},"delta":{{"type":"{kind}","{field}":'.encode()
    )
    step = max(1, chunk)
    return tuple(head + orjson.dumps(text[at : at + step]) + b"}}\n\n" for at in range(0, len(text), step))


def _block_start(index: int, block: dict[str, Any]) -> bytes:
    return frame(
        "content_block_start", {"type": "content_block_start", "index": index, "content_block": block}
    )


def _delta(index: int, delta: dict[str, Any]) -> bytes:
    return frame("content_block_delta", {"type": "content_block_delta", "index": index, "delta": delta})
