"""Database connections and durable writes: what was acknowledged survives a power cut.

Theory of operation. A write is a function of the connection that may run more than once. On SQLite one connection writes, and writes
share commits (store.group_commit). On Postgres each write is its own transaction, because the server groups commits itself, and a
COMMIT whose answer was lost is looked up (store.lost_commit). Reads use other connections and never wait for writers. Reports and
search have connections of their own and a time limit, so that they keep no turn waiting.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

from sqlalchemy import Insert, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from store import sqlite
from store.driver_errors import lost_to_concurrent, translated
from store.errors import StoreBusy, StoreError, StoreTimeout, StoreUnavailable
from store.group_commit import GroupCommit
from store.lost_commit import transaction
from store.url import parse_postgres

T = TypeVar("T")
Write = Callable[[AsyncConnection], Awaitable[T]]
Dialect = Literal["sqlite", "postgresql"]

READERS = 4
TRIES = 4  # attempts of a write that loses against a concurrent one: two that collide rarely collide again

LOG_TRIES = 30  # times the write-ahead log is truncated, two seconds apart, until no reader holds it
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0  # seconds between tries while the database does not answer

_patience: ContextVar[float] = ContextVar("patience", default=0.0)


@contextmanager
def database_patience(seconds: float) -> Iterator[None]:
    """Reads and writes of this task, and of tasks it starts, wait so long for a database that does not answer. Default: not at all."""
    token = _patience.set(seconds)
    try:
        yield
    finally:
        _patience.reset(token)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportLimits:
    """Connections that reports and search share, and the seconds each may take, the wait for a connection included."""

    connections: int = 2
    seconds: float = 15.0


class Database:
    """One open database. `url` as in SQLAlchemy: `sqlite:///path` or `postgresql://user:password@host/name`."""

    def __init__(self, url: str, reports: ReportLimits = ReportLimits()) -> None:
        self.url = url
        self.dialect: Dialect
        self.write_failure: StoreError | None = None  # of the newest write; None when it succeeded
        self.report_limits = reports
        self._log_lock = asyncio.Lock()
        if url.startswith("sqlite:///"):
            path = url.removeprefix("sqlite:///")
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            self.dialect = "sqlite"
            self._writer = sqlite.engine(path, writing=True, connections=1)
            self._readers = sqlite.engine(path, writing=False, connections=READERS)
            self._reports = sqlite.engine(path, writing=False, connections=reports.connections)
            self._leases = None
        else:
            self.dialect = "postgresql"
            self._writer = _postgres(url, connections=10, overflow=10)
            # Same pool; two queries of a read see the same snapshot, as on SQLite (the default would let them see two).
            self._readers = self._writer.execution_options(isolation_level="REPEATABLE READ")
            self._reports = _postgres(url, connections=reports.connections).execution_options(
                isolation_level="REPEATABLE READ"
            )
            self._leases = _postgres(url, connections=1)
        self._group_commit = GroupCommit(self._writer)

    @property
    def engine(self) -> AsyncEngine:
        """The writing engine, for migrations."""
        return self._writer

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection to read from: one consistent snapshot for as long as it is held."""
        async with AsyncExitStack() as stack:
            connection = await self._patiently(partial(self._open_reader, stack))
            with translated():
                yield connection

    async def _open_reader(self, stack: AsyncExitStack) -> AsyncConnection:
        with translated():
            return await stack.enter_async_context(self._readers.connect())

    @asynccontextmanager
    async def reporting(self) -> AsyncIterator[AsyncConnection]:
        """A connection for reports and search: a snapshot as `reading` gives, apart from the connections of turns, for a limited time.

        A statement that is given up, at the limit or because the task is cancelled, is interrupted. Raises StoreTimeout at the limit,
        StoreBusy when others use all connections until then.
        """
        opened = False
        try:
            async with asyncio.timeout(self.report_limits.seconds) as limit, AsyncExitStack() as stack:
                with translated():
                    connection = await stack.enter_async_context(self._reports.connect())
                    opened = True
                    if self.dialect == "postgresql":  # should this process die, the server ends the statement
                        timeout = {"milliseconds": str(round(self.report_limits.seconds * 1_000) + 1_000)}
                        await connection.execute(STATEMENT_TIMEOUT, timeout)
                    yield connection
        except TimeoutError:
            if not limit.expired():
                raise
            if not opened:
                raise StoreBusy("all connections for reports and search are in use") from None
            raise StoreTimeout(f"the report took longer than {self.report_limits.seconds:g} s") from None

    async def write(self, work: Write[T]) -> T:
        """Run `work` in a transaction; returns when it is durable. Raises what `work` raises, or StoreError."""
        attempt = self._write_retrying if self.dialect == "postgresql" else self._group_commit.submit
        try:
            result: T = await self._patiently(partial(attempt, work))
        except StoreError as failure:
            self.write_failure = failure
            raise
        self.write_failure = None
        return result

    async def renew(self, work: Write[T]) -> T:
        """Like `write`, for leases: on Postgres by a connection of its own, so that what a lease protects never keeps it waiting."""
        if self._leases is None:
            return await self.write(work)
        with translated():
            return await transaction(self._leases, work, look_up=False)

    async def _patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Repeat an attempt while the database does not answer, for as long as `database_patience` allows."""
        until = asyncio.get_running_loop().time() + _patience.get()
        pause = FIRST_PAUSE
        while True:
            try:
                return await attempt()
            except StoreUnavailable:
                if asyncio.get_running_loop().time() + pause > until:
                    raise
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    async def _write_retrying(self, work: Write[T], *, look_up: bool = True) -> T:
        """Run `work` on Postgres; retry when the server rolled it back in favor of a concurrent transaction."""
        with translated():
            for _ in range(TRIES - 1):
                try:
                    return await transaction(self._writer, work, look_up=look_up)
                except DBAPIError as failure:
                    if not lost_to_concurrent(failure):
                        raise
            return await transaction(self._writer, work, look_up=look_up)

    async def append(self, statement: Insert, rows: list[dict[str, Any]]) -> None:
        """Insert rows; returns when they are durable. On SQLite waiting rows of the same statement are inserted together.

        The caller tells rows of its own that are stored already: a COMMIT without an answer is not looked up.
        """
        if self.dialect == "postgresql":
            await self._write_retrying(lambda connection: connection.execute(statement, rows), look_up=False)
        else:
            await self._group_commit.submit((statement, rows))

    async def truncate_log(self) -> None:
        """Copy SQLite's write-ahead log into the database file and truncate it, as far as readers let it."""
        async with self._log_lock, self._readers.connect() as connection:
            raw: Any = (await connection.get_raw_connection()).driver_connection
            await raw.execute_fetchall("PRAGMA query_only = OFF")
            # Writers wait while it waits for readers: not for long, and rather again.
            await raw.execute_fetchall("PRAGMA busy_timeout = 100")
            try:
                for _ in range(LOG_TRIES):
                    ((busy, *_),) = await raw.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
                    if not busy:
                        return
                    await asyncio.sleep(LONGEST_PAUSE)
            finally:
                await raw.execute_fetchall("PRAGMA busy_timeout = 5000")
                await raw.execute_fetchall("PRAGMA query_only = ON")

    async def close(self) -> None:
        """Finish the waiting writes, then close every connection."""
        await self._group_commit.close()
        await self._reports.dispose()
        await self._readers.dispose()
        await self._writer.dispose()
        if self._leases is not None:
            await self._leases.dispose()


STATEMENT_TIMEOUT = text("SELECT set_config('statement_timeout', :milliseconds, true)")


def _postgres(url: str, *, connections: int, overflow: int = 0) -> AsyncEngine:
    return create_async_engine(
        "postgresql+asyncpg://",
        connect_args=parse_postgres(url).connect_args,
        pool_size=connections,
        max_overflow=overflow,
        pool_pre_ping=True,
        hide_parameters=True,  # texts of conversations must not appear in errors, and so in logs
    )
