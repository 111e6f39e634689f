"""A TCP proxy that breaks connections: after so many bytes of the answer, or before the first."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit


@dataclass(slots=True, kw_only=True)
class CuttingProxy:
    """Relays to `target`, which may change. `limits`: for each of the next connections the bytes that pass from the server until it breaks.

    With a limit of 0 the server has answered, and nobody learns of it. Connections beyond the list are not broken. `stalls`: where one
    would break, it stays open and says nothing more.
    """

    url: str
    target: str
    limits: deque[int] = field(default_factory=deque)
    stalls: bool = False
    connections: int = 0
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def open(self) -> int:
        """Connections that are open now."""
        return len(self._writers)

    def cut(self) -> None:
        """Break all connections that are open now."""
        for writer in list(self._writers):
            self._break(writer)

    cuts: int = 0

    def _break(self, writer: asyncio.StreamWriter) -> None:
        self.cuts += 1
        if self.cuts % 2:
            writer.transport.abort()  # as when a machine or a middlebox is gone
        else:
            writer.close()  # as when a proxy restarts: the end of a body that is not complete

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        limit = self.limits.popleft() if self.limits else None
        parts = urlsplit(self.target)
        to_server: asyncio.StreamWriter | None = None
        try:
            from_server, to_server = await asyncio.open_connection(parts.hostname, parts.port)
            pumps = [
                asyncio.create_task(_pump(reader, to_server)),
                asyncio.create_task(self._down(from_server, writer, limit)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass  # nobody listens there, or the test is over
        finally:
            self._writers.discard(writer)
            for end in (writer, to_server):
                if end is not None:
                    end.close()

    async def _down(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: int | None
    ) -> None:
        passed = 0
        with suppress(ConnectionError):
            while chunk := await reader.read(65_536):
                if limit is not None and passed + len(chunk) > limit:
                    writer.write(chunk[: limit - passed])
                    await writer.drain()
                    if self.stalls:
                        await asyncio.get_running_loop().create_future()
                    self._break(writer)
                    return
                passed += len(chunk)
                writer.write(chunk)
                await writer.drain()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()


@asynccontextmanager
async def cutting(target: str) -> AsyncIterator[CuttingProxy]:
    """A proxy in front of a server, on a free port of loopback."""
    tasks: set[asyncio.Task[Any]] = set()
    proxy = CuttingProxy(url="", target=target)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        await proxy.relay(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
