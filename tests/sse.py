"""Reading Server-Sent Events in tests, strictly: what our wire promises is asserted here for every stream any test reads."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from tests.event_schema import check_event


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its number and its JSON."""

    seq: int
    data: dict[str, Any]

    @property
    def type(self) -> str:
        return str(self.data["type"])


async def read_events(chunks: AsyncIterator[bytes], *, described: bool = True) -> AsyncIterator[Event]:
    """The events of a native stream. Asserts the framing (LF only, `data:` before `id:`, no `event:` lines, gap-free numbers), and that
    each event is `described` in the OpenAPI document.
    """
    rest = b""
    last: int | None = None
    async for chunk in chunks:
        assert b"\r" not in chunk
        rest += chunk
        *blocks, rest = rest.split(b"\n\n")
        for block in blocks:
            event = _block(block)
            if described:
                check_event(event.data)
            assert last is None or event.seq == last + 1, f"{event.seq} after {last}"
            last = event.seq
            yield event


def _block(block: bytes) -> Event:
    lines = [line for line in block.split(b"\n") if not line.startswith((b":", b"retry:"))]
    assert len(lines) == 2, block
    assert lines[0].startswith(b"data: "), block
    assert lines[1].startswith(b"id: "), block
    data = json.loads(lines[0][6:])
    seq = int(lines[1][4:])
    assert data["seq"] == seq
    assert None not in data.values()
    return Event(seq, data)


def text_of(events: list[Event]) -> str:
    """The answer's text as a client puts it together."""
    kinds = {event.data["part_id"]: event.data["kind"] for event in events if event.type == "part.started"}
    return "".join(
        event.data["text"]
        for event in events
        if event.type == "part.delta" and kinds.get(event.data["part_id"], "text") == "text"
    )


def parts_of(events: list[Event]) -> list[str]:
    """The words of each part of the answer as a reader has them in the end."""
    parts: dict[str, str] = {}
    for event in events:
        data = event.data
        if event.type == "part.started":
            assert data["part_id"] not in parts, "no name is used twice"
            parts[data["part_id"]] = ""
        elif event.type == "part.delta":
            parts[data["part_id"]] += data["text"]
        elif event.type == "note" and data["name"] == "discard":
            for part_id in data["data"]["part_ids"]:
                del parts[part_id]
    return list(parts.values())
