"""One response on one real connection: the ASGI calls, plus the ways of breaking them that ASGI has no words for."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Mapping

import orjson
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from tests.upstream.errors import too_large

DRAIN_ABOVE = 64 * 1024
"""Bytes waiting in the socket buffer above which a writer pauses."""


class Protocol(H11Protocol):
    """uvicorn's HTTP/1.1, with the connection's transport handed to the application."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class Disconnected(Exception):
    """The client has left."""


class Wire:
    """Reads one request, writes one response."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._transport: asyncio.Transport = scope["state"]["transport"]
        self._straight = False
        self.started = False

    async def read_body(self, limit: int, declared: int | None) -> bytes:
        """The whole body; 413 when it is (or claims to be) larger than `limit` bytes."""
        if declared is not None and declared > limit:
            raise too_large()
        parts: list[bytes] = []
        size = 0
        while True:
            event = await self._receive()
            if event["type"] == "http.disconnect":
                raise Disconnected
            part = event.get("body", b"")
            size += len(part)
            if size > limit:
                raise too_large()
            parts.append(part)
            if not event.get("more_body"):
                return b"".join(parts)

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        self.started = True
        raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def json(self, status: int, value: object, headers: Mapping[str, str]) -> None:
        body = value if isinstance(value, bytes) else orjson.dumps(value)
        sized = {"content-type": "application/json", "content-length": str(len(body)), **headers}
        await self.start(status, sized)
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def write(self, data: bytes) -> None:
        """One piece of the body: one HTTP chunk, one write to the socket.

        The first goes through the server so that the head is out; the rest are chunked here and handed to the
        transport, which costs less than half of the way through h11: the simulator is the floor of our benchmarks.
        """
        if not self._straight:
            await self._send({"type": "http.response.body", "body": data, "more_body": True})
            self._straight = True
            return
        if self._transport.is_closing():
            await self._gone()
            raise Disconnected
        self._transport.write(b"%x\r\n%b\r\n" % (len(data), data))
        if self._transport.get_write_buffer_size() > DRAIN_ABOVE:
            await self._send({"type": "http.response.body", "body": b"", "more_body": True})

    async def finish(self) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def reset(self) -> None:
        """TCP reset: what was written may be lost on the way, as in life."""
        sock = self._transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()
        await self._gone()

    async def close(self) -> None:
        """Orderly close inside the body: everything written arrives, then the connection ends."""
        self._transport.close()
        await self._gone()

    async def _gone(self) -> None:
        """Wait until the server has noticed, or it would report an unfinished response."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    @contextlib.asynccontextmanager
    async def until_disconnect(self) -> AsyncIterator[None]:
        """Run the block; leave it with `Disconnected` as soon as the client goes."""
        task = asyncio.current_task()
        assert task is not None
        disconnected = False

        async def watch() -> None:
            nonlocal disconnected
            while (await self._receive())["type"] != "http.disconnect":
                pass
            disconnected = True
            task.cancel()

        watcher = asyncio.create_task(watch())
        try:
            yield
        except asyncio.CancelledError:
            if disconnected and task.uncancel() == 0:  # ours, not somebody who stops the whole server
                raise Disconnected from None
            raise
        finally:
            watcher.cancel()
