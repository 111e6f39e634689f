"""Readers as cheap as they can be: no task per stream, no parser, only a count of deltas and the time of each read.

Every delta ends with a character that is in nothing else, so that counting it tells how far an answer has come, whatever frames it
comes in. What comes after the last delta (a server may repeat the whole answer) is not counted.
"""

import asyncio
import gc
import json
import time
from dataclasses import dataclass
from typing import Any, cast

import uvloop

from tests.bench.stream_path.model import WORDS
from tests.bench.stream_path.workers import obey

MARK = WORDS[-1].encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRequest:
    """One request whose answer is read to its end. `name`: as the model knows the stream."""

    name: str
    path: str
    body: Any
    headers: tuple[str, ...] = ()

    def encoded(self) -> str:
        body = json.dumps(self.body)
        lines = (
            f"POST {self.path} HTTP/1.1",
            "host: 127.0.0.1",
            "connection: close",
            "content-type: application/json",
            f"content-length: {len(body.encode())}",
            *self.headers,
        )
        return "\r\n".join(lines) + "\r\n\r\n" + body


class Reader(asyncio.Protocol):
    """One stream: connects, asks, and notes after each read how many deltas have come."""

    def __init__(self, request: bytes, deltas: int) -> None:
        self._request, self._deltas = request, deltas
        self._transport: asyncio.Transport | None = None
        self.opened = time.monotonic()
        self.head = b""
        self.times: list[float] = []
        self.counts: list[int] = []
        self.count = 0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is of no such class
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self.head:
            self.head = data[:200]
        count = data.count(MARK)
        if count and self.count < self._deltas:
            self.count = min(self._deltas, self.count + count)
            self.times.append(time.monotonic())
            self.counts.append(self.count)

    def connection_lost(self, _: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def cut(self) -> None:
        """Leave, whether or not the answer is complete."""
        if self._transport is not None:
            self._transport.abort()
        self.connection_lost(None)

    def row(self) -> dict[str, Any]:
        return {
            "opened": self.opened,
            "times": self.times,
            "counts": self.counts,
            "head": self.head.decode(errors="replace"),
        }


async def carry_out(order: dict[str, Any]) -> Any:
    """Open each stream at its time, read them all, and tell what came when.

    `port`; `requests`: name, seconds from now, and bytes of each; `deltas` of an answer; `seconds` after which all that is left is cut.
    """
    loop = asyncio.get_running_loop()
    gc.disable()
    readers: dict[str, Reader] = {}
    connecting: set[asyncio.Task[Any]] = set()

    async def connect(name: str, request: str) -> None:
        readers[name] = Reader(request.encode(), order["deltas"])
        try:
            await loop.create_connection(lambda: readers[name], "127.0.0.1", order["port"])
        except OSError:
            readers[name].cut()

    def open_stream(name: str, request: str) -> None:
        connecting.add(loop.create_task(connect(name, request)))

    for name, at, request in order["requests"]:
        loop.call_later(at, open_stream, name, request)
    until = loop.time() + order["seconds"]
    while loop.time() < until:
        await asyncio.sleep(0.05)
        if len(readers) == len(order["requests"]) and all(reader.done.done() for reader in readers.values()):
            break
    await asyncio.gather(*connecting)
    for reader in readers.values():
        reader.cut()
    rows = {name: reader.row() for name, reader in readers.items()}
    gc.enable()
    return rows


async def main() -> None:
    await obey(carry_out)


if __name__ == "__main__":
    uvloop.run(main())
