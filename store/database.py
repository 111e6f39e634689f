"""Database connections and durable writes, with group commit on SQLite: what was acknowledged survives a power cut.

Theory of operation. On SQLite one connection writes. Writes that arrive while a commit is on its way to the disk share the next
transaction (group commit), each in its own savepoint, and none is acknowledged before the commit has returned. If a batch fails as a
whole, its writes are repeated one by one, so that one bad write harms only itself: a write is a function of the connection that may
run more than once. On Postgres each write is its own transaction, because the server groups commits itself. Reads use other
connections and never wait for writers.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from sqlalchemy import Insert
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from store import sqlite
from store.errors import StoreError, StoreFull, StoreUnavailable
from store.url import parse_postgres

T = TypeVar("T")
Write = Callable[[AsyncConnection], Awaitable[T]]
Dialect = Literal["sqlite", "postgresql"]

BATCH = 256  # most writes in one transaction: bounds how long the first of them waits
READERS = 4
TRIES = 4  # attempts of a write that loses against a concurrent one: two that collide rarely collide again


@dataclass(slots=True)
class _Pending:
    """A write that waits for its commit. Rows of the same INSERT are merged into one statement; anything else is a function."""

    work: Write[Any] | tuple[Insert, list[dict[str, Any]]]
    done: asyncio.Future[Any]


class Database:
    """One open database. `url` as in SQLAlchemy: `sqlite:///path` or `postgresql://user:password@host/name`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.dialect: Dialect
        self._queue: asyncio.Queue[_Pending] = asyncio.Queue()
        self._writer_task: asyncio.Task[None] | None = None
        if url.startswith("sqlite:///"):
            path = url.removeprefix("sqlite:///")
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            self.dialect = "sqlite"
            self._writer = sqlite.engine(path, writing=True, connections=1)
            self._readers = sqlite.engine(path, writing=False, connections=READERS)
        else:
            self.dialect = "postgresql"
            self._writer = create_async_engine(
                "postgresql+asyncpg://",
                connect_args=parse_postgres(url).connect_args,
                pool_size=10,
                max_overflow=10,
                pool_pre_ping=True,
                hide_parameters=True,  # texts of conversations must not appear in errors, and so in logs
            )
            # Same pool; two queries of a read see the same snapshot, as on SQLite (the default would let them see two).
            self._readers = self._writer.execution_options(isolation_level="REPEATABLE READ")

    @property
    def engine(self) -> AsyncEngine:
        """The writing engine, for migrations."""
        return self._writer

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection to read from: one consistent snapshot for as long as it is held."""
        with translated():
            async with self._readers.connect() as connection:
                yield connection

    async def write(self, work: Write[T]) -> T:
        """Run `work` in a transaction; returns when it is durable. Raises what `work` raises, or StoreError."""
        if self.dialect == "postgresql":
            return await self._write_retrying(work)
        result: T = await self._submit(work)
        return result

    async def _write_retrying(self, work: Write[T]) -> T:
        """Run `work` on Postgres; retry when the server rolled it back in favor of a concurrent transaction."""
        with translated():
            for _ in range(TRIES - 1):
                try:
                    async with self._writer.begin() as connection:
                        return await work(connection)
                except DBAPIError as failure:
                    if not _lost_to_concurrent(failure):
                        raise
            async with self._writer.begin() as connection:
                return await work(connection)

    async def append(self, statement: Insert, rows: list[dict[str, Any]]) -> None:
        """Insert rows; returns when they are durable. On SQLite waiting rows of the same statement are inserted together."""
        if self.dialect == "postgresql":
            await self.write(lambda connection: connection.execute(statement, rows))
        else:
            await self._submit((statement, rows))

    async def close(self) -> None:
        """Finish the waiting writes, then close every connection."""
        if self._writer_task is not None:
            await self._queue.join()
            self._writer_task.cancel()
            with suppress(asyncio.CancelledError):
                await self._writer_task
            self._writer_task = None
        await self._readers.dispose()
        await self._writer.dispose()

    async def _submit(self, work: Any) -> Any:
        if self._writer_task is None:
            self._writer_task = asyncio.create_task(self._write_forever(), name="store-writer")
        pending = _Pending(work, asyncio.get_running_loop().create_future())
        self._queue.put_nowait(pending)
        # A cancelled caller stops waiting; the write itself completes.
        return await asyncio.shield(pending.done)

    async def _write_forever(self) -> None:
        while True:
            batch = [await self._queue.get()]
            while len(batch) < BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            try:
                await self._commit_together(batch)
            finally:
                for _ in batch:
                    self._queue.task_done()

    async def _commit_together(self, batch: list[_Pending]) -> None:
        try:
            outcomes = await self._transaction(batch)
        except Exception as failure:  # noqa: BLE001 - whatever it was, it goes to the callers it belongs to
            if len(batch) == 1:
                _settle(batch[0], failure)
                return
            for pending in batch:
                await self._commit_together([pending])
            return
        for pending, outcome in zip(batch, outcomes, strict=True):
            _settle(pending, outcome)

    async def _transaction(self, batch: list[_Pending]) -> list[Any]:
        """Carry out a batch in one transaction. A result per write, or the exception that write alone raised."""
        outcomes: list[Any] = [None] * len(batch)
        merged: dict[int, tuple[Insert, list[dict[str, Any]]]] = {}
        with translated():
            async with self._writer.begin() as connection:
                for index, pending in enumerate(batch):
                    if isinstance(pending.work, tuple):
                        statement, rows = pending.work
                        merged.setdefault(id(statement), (statement, []))[1].extend(rows)
                    elif len(batch) == 1:
                        outcomes[index] = await pending.work(connection)
                    else:
                        outcomes[index] = await _in_savepoint(connection, pending.work)
                for statement, rows in merged.values():
                    await connection.execute(statement, rows)
        return outcomes


async def _in_savepoint(connection: AsyncConnection, work: Write[Any]) -> Any:
    """Run `work` in a savepoint: its result, or the exception it raised with its changes undone. Raises errors of the database itself."""
    try:
        async with connection.begin_nested():
            return await work(connection)
    except (OperationalError, InterfaceError):
        raise
    except Exception as failure:  # noqa: BLE001 - belongs to this one writer
        return failure


def _settle(pending: _Pending, outcome: Any) -> None:
    if pending.done.done():
        return
    if isinstance(outcome, Exception):
        pending.done.set_exception(outcome)
        pending.done.exception()  # marks it as retrieved: the caller may have left
    else:
        pending.done.set_result(outcome)


def _lost_to_concurrent(failure: DBAPIError) -> bool:
    """Whether Postgres rolled a transaction back because of a concurrent one: a deadlock or a serialization failure."""
    return str(getattr(failure.orig, "sqlstate", None) or "") in ("40P01", "40001")


class translated:
    """Translate driver errors into StoreError; constraint violations pass as they are."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, IntegrityError | StoreError):
            return
        if isinstance(error, DBAPIError):
            if "disk is full" in str(error.orig).lower() or "no space left" in str(error.orig).lower():
                raise StoreFull("the disk is full") from error
            if "not a database" in str(error.orig):
                raise StoreUnavailable("the file is not a database") from error
            sqlstate = str(getattr(error.orig, "sqlstate", None) or "")
            if sqlstate.startswith(("28", "3D")):  # wrong user or password; no such database
                raise StoreUnavailable("the database server refuses the login") from error
            if sqlstate.startswith(("53", "57P")):  # out of connections or memory; shutting down
                raise StoreUnavailable("the database does not answer") from error
            if _lost_to_concurrent(error):
                raise StoreUnavailable("too many transactions want the same rows") from error
            if isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated:
                raise StoreUnavailable("the database does not answer") from error
        if isinstance(error, PoolTimeout):  # every connection of the pool has been in use for too long
            raise StoreUnavailable("the database does not answer in time") from error
        if isinstance(error, OSError):
            raise StoreUnavailable("the database cannot be reached") from error
