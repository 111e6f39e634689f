"""The model behind every server: answers `POST /v1/messages` with deltas at an exact pace, and remembers when it wrote each.

`tests.upstream` checks and bills requests, which at 20,000 deltas a second would cost more than the servers that are measured. This one does
neither: it parses HTTP by hand, has one timer per stream and no task, and says nothing while the other side does not read.
"""

import asyncio
import gc
import json
import math
import re
import time
from dataclasses import dataclass, field
from typing import Any, cast

import uvloop

from tests.bench.stream_path.workers import obey
from tests.upstream.stream import MESSAGE_STOP, PING, frame

WORDS = "and then some |"  # the text of a delta; its last character, which is in nothing else, is what readers count
STREAM = re.compile(rb"\(stream ([a-z0-9-]+)\)")  # the question says which stream it is of
MAX_TOKENS = re.compile(rb'"max_tokens":\s*(\d+)')
SHORT_ANSWER = 1_000  # tokens: a request for at most so many is one for a title
TICK = 0.01  # seconds between two writes of a stream whose deltas come faster
HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n"
    b"request-id: req_011CSHoEeqs5C35K2UUqR7Fy\r\ntransfer-encoding: chunked\r\n\r\n"
)
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How answers come: `deltas` in all, so many `per_second`, the first after `first_delay` seconds.

    `aligned`: all streams say something at the same instants, else each at the pace of its own start.
    """

    deltas: int
    per_second: float = 20.0
    first_delay: float = 0.5
    aligned: bool = False

    @property
    def per_write(self) -> int:
        return max(1, round(self.per_second * TICK))


@dataclass(slots=True)
class Model:
    """What all connections share. `answers`: one per stream, by the name in its question."""

    pace: Pace = field(default_factory=lambda: Pace(deltas=1))
    answers: dict[str, "Answer"] = field(default_factory=dict)

    async def carry_out(self, order: dict[str, Any]) -> Any:
        """`pace`: answer so from now on, and forget what was. `log`: when each stream was asked for and each write of it was made."""
        if "pace" in order:
            self.pace, self.answers = Pace(**order["pace"]), {}
            gc.collect()
            return {}
        unread = _unread() if order.get("unread") else {}
        return {name: answer.row(unread) for name, answer in self.answers.items()}


class Connection(asyncio.Protocol):
    """One connection; its requests are answered one after the other."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._buffer = b""
        self._answer: Answer | None = None
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is of no such class

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = re.search(rb"(?i)content-length:\s*(\d+)", head)
        if length is None or len(rest) >= int(length[1]):
            self._buffer = b""
            self._respond(head, rest)

    def _respond(self, head: bytes, body: bytes) -> None:
        if not head.startswith(b"POST /v1/messages "):
            self.transport.write(NOT_FOUND)
            return
        most = MAX_TOKENS.search(body)
        names = STREAM.findall(body)
        self._answer = Answer(self.transport, len(body), last=b"connection: close" in head.lower())
        if most is None or int(most[1]) <= SHORT_ANSWER or not names:
            self._answer.title()
        else:
            self._model.answers[names[-1].decode()] = self._answer
            self._answer.begin(self._model.pace)

    def pause_writing(self) -> None:
        if self._answer is not None:
            self._answer.pause()

    def resume_writing(self) -> None:
        if self._answer is not None:
            self._answer.resume()

    def connection_lost(self, _: Exception | None) -> None:
        if self._answer is not None:
            self._answer.stop()


class Answer:
    """One answer on its way. Deltas are due at fixed times, so that a late one delays no other."""

    def __init__(self, transport: asyncio.Transport, asked: int, *, last: bool) -> None:
        self.received = time.monotonic()
        self.sent: list[float] = []  # the time of each write
        self._transport = transport
        self._tokens = asked // 4
        self._last = last  # of its connection, as the other side wants it
        self._paused = self._stopped = False
        self._timer: asyncio.TimerHandle | None = None
        self._port = transport.get_extra_info("peername")[1]

    def begin(self, pace: Pace) -> None:
        self._pace = pace
        self._chunk = chunk(delta(WORDS)) * pace.per_write
        self._writes = math.ceil(pace.deltas / pace.per_write)
        self._period = pace.per_write / pace.per_second
        self._due = self.received + pace.first_delay
        if pace.aligned:
            self._due = math.ceil(self._due / self._period) * self._period
        self._transport.write(HEAD + chunk(opening(self._tokens)) + chunk(PING))
        self._later()

    def title(self) -> None:
        text = delta("How the tides work") + ending(4)
        self._transport.write(HEAD + chunk(opening(self._tokens) + text) + b"0\r\n\r\n")

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        if self._timer is None and not self._stopped:
            self._due = max(self._due, time.monotonic())  # what was not said then is not said all at once now
            self._later()

    def stop(self) -> None:
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def _later(self) -> None:
        if len(self.sent) < self._writes:
            self._timer = asyncio.get_running_loop().call_later(self._due - time.monotonic(), self._write)

    def _write(self) -> None:
        self._timer = None
        if self._paused or self._stopped:
            return
        self.sent.append(time.monotonic())
        self._transport.write(self._chunk)
        self._due += self._period
        if len(self.sent) < self._writes:
            self._later()
        else:
            self._stopped = True
            self._transport.write(chunk(ending(self._pace.deltas)) + b"0\r\n\r\n")
            if self._last:
                self._transport.close()

    def row(self, unread: dict[int, int]) -> dict[str, Any]:
        """Times, and how many deltas the other side had not read when `unread` was looked up."""
        waiting = self._transport.get_write_buffer_size() + unread.get(self._port, 0)
        left = waiting / len(self._chunk) * self._pace.per_write
        return {"received": self.received, "sent": self.sent, "unread": round(left)}


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def delta(text: str) -> bytes:
    text_delta = {"type": "text_delta", "text": text}
    return frame("content_block_delta", {"type": "content_block_delta", "index": 0, "delta": text_delta})


def opening(tokens: int) -> bytes:
    """The events before the first delta."""
    usage = {
        "input_tokens": tokens, "output_tokens": 1,
        "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
    }  # fmt: skip
    message: dict[str, Any] = {
        "id": "msg_01XFDUDYJgAACzvnptvVoYEL", "type": "message", "role": "assistant", "model": "claude-sonnet-5-5",
        "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage,
    }  # fmt: skip
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    return frame("message_start", {"type": "message_start", "message": message}) + frame(
        "content_block_start", block
    )


def ending(tokens: int) -> bytes:
    """The events after the last delta."""
    stop = {"stop_reason": "end_turn", "stop_sequence": None}
    usage = {"output_tokens": max(1, tokens * 4)}
    return (
        frame("content_block_stop", {"type": "content_block_stop", "index": 0})
        + frame("message_delta", {"type": "message_delta", "delta": stop, "usage": usage})
        + MESSAGE_STOP
    )


def _unread() -> dict[int, int]:
    """Bytes on their way through the kernel, by the port of the side that is to read them: what one has not sent and the other not read."""
    waiting: dict[int, int] = {}
    try:
        with open("/proc/net/tcp") as connections:
            rows = [line.split() for line in connections][1:]
    except FileNotFoundError:
        return waiting
    for row in rows:
        here, there = (int(row[column].rpartition(":")[2], 16) for column in (1, 2))
        to_send, to_read = (int(size, 16) for size in row[4].split(":"))
        waiting[there] = waiting.get(there, 0) + to_send
        waiting[here] = waiting.get(here, 0) + to_read
    return waiting


async def main() -> None:
    model = Model()
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(model), "127.0.0.1", 0, backlog=4096
    )
    print(json.dumps(server.sockets[0].getsockname()[1]), flush=True)
    gc.freeze()
    await obey(model.carry_out)


if __name__ == "__main__":
    uvloop.run(main())
