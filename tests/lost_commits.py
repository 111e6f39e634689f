"""Lose the acknowledgement of a COMMIT: the transaction takes effect, and whoever sent it is told that the connection broke."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError

from store.driver_errors import translated
from store.group_commit import GroupCommit, _carry_out

NAME = re.compile(rb"__asyncpg_stmt_\w+__")
PARSE = re.compile(rb"(__asyncpg_stmt_\w+__)\0([^\0]{5,})\0")  # a Parse message: name and statement


@dataclass(slots=True, kw_only=True)
class Losses:
    """The next `count` transactions lose their acknowledgement, of those that contain `statement`. `lost` counts them."""

    count: int = 0
    statement: bytes = b""
    lost: int = 0

    def arm(self, statement: str = "", count: int = 1) -> None:
        self.statement, self.count = statement.encode(), count

    def take(self) -> bool:
        if not self.count:
            return False
        self.count -= 1
        self.lost += 1
        return True


@dataclass(slots=True, kw_only=True)
class _Relayed:
    """A connection through the proxy. `heard`: the statements since its last COMMIT; `prepared`: those it has prepared, by name."""

    heard: bytes = b""
    prepared: dict[bytes, bytes] = field(default_factory=dict)
    losing: bool = False

    def hear(self, chunk: bytes) -> None:
        self.prepared.update(PARSE.findall(chunk))
        self.heard += b"".join(self.prepared.get(name, b"") for name in NAME.findall(chunk))


@asynccontextmanager
async def proxied(url: str) -> AsyncIterator[tuple[str, Losses]]:
    """A way to a Postgres server that drops connections between a COMMIT and its acknowledgement, when armed."""
    losses, parts = Losses(), urlsplit(url)
    assert parts.hostname is not None
    tasks: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        to_server: asyncio.StreamWriter | None = None
        try:
            from_server, to_server = await asyncio.open_connection(parts.hostname, parts.port)
            relayed = _Relayed()
            pumps = [
                asyncio.create_task(_to_server(reader, to_server, relayed, losses)),
                asyncio.create_task(_to_client(from_server, writer, relayed)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            writer.close()
            if to_server is not None:
                to_server.close()
            tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield url.replace(f":{parts.port}/", f":{port}/"), losses
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _to_server(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, relayed: _Relayed, losses: Losses
) -> None:
    with suppress(ConnectionError):
        while chunk := await reader.read(65_536):
            relayed.hear(chunk)
            if b"COMMIT" in chunk:
                if losses.statement in relayed.heard:
                    relayed.losing = losses.take()
                relayed.heard = b""
            writer.write(chunk)
            await writer.drain()


async def _to_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, relayed: _Relayed) -> None:
    with suppress(ConnectionError):
        while chunk := await reader.read(65_536):
            if relayed.losing:
                return  # the server has answered: it is committed
            writer.write(chunk)
            await writer.drain()


@contextmanager
def on_sqlite(monkeypatch: pytest.MonkeyPatch) -> Iterator[Losses]:
    """The same for SQLite's writer, when armed: the commit takes effect, then the write is told that it failed."""
    losses = Losses()

    async def loses(self: GroupCommit, batch: list[Any]) -> Any:
        statements: list[str] = []

        def watched(connection: Connection) -> list[Any]:
            def saw(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
                statements.append(statement)

            event.listen(connection, "before_cursor_execute", saw)
            try:
                return _carry_out(connection, batch=batch)
            finally:
                event.remove(connection, "before_cursor_execute", saw)

        with translated():
            outcomes = await self._run(watched)
            if any(losses.statement.decode() in statement for statement in statements) and losses.take():
                raise OperationalError("COMMIT", None, OSError("the answer was lost"))
        return outcomes

    with monkeypatch.context() as patched:
        patched.setattr(GroupCommit, "_transaction", loses)
        yield losses
