"""Database connections and durable writes: what was acknowledged survives a power cut.

Theory of operation. A read, a report and a write are plain functions of a connection that run as one transaction, and that may run more
than once. On SQLite each runs in one call to the thread of its connection, and writes share commits (store.group_commit). On Postgres
each write is its own transaction, because the server groups commits itself, and a COMMIT whose answer was lost is looked up
(store.lost_commit). Reads use other connections and never wait for writers. Reports and search have connections of their own and a time
limit, so that they keep no turn waiting.

Such a function works on the database and on what it was given. What the process remembers is changed by its caller, when the
transaction is durable.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeVar

from sqlalchemy import Connection, Insert

from store.driver_errors import translated
from store.errors import StoreBusy, StoreError, StoreTimeout, StoreUnavailable
from store.postgres_database import PostgresDatabase
from store.sqlite_database import SqliteDatabase

T = TypeVar("T")
Work = Callable[[Connection], T]
Dialect = Literal["sqlite", "postgresql"]

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
        self._database: SqliteDatabase | PostgresDatabase
        if url.startswith("sqlite:///"):
            self.dialect = "sqlite"
            path = url.removeprefix("sqlite:///")
            self._database = SqliteDatabase(path, report_connections=reports.connections)
        else:
            self.dialect = "postgresql"
            self._database = PostgresDatabase(url, report_connections=reports.connections)

    async def read(self, work: Work[T]) -> T:
        """What `work` reads: all of it from one snapshot. A read that is given up is interrupted. Raises what `work` raises, or StoreError."""
        return await self._patiently(partial(self._database.read, work))

    async def report(self, work: Work[T]) -> T:
        """What a report or search reads: a snapshot as in `read`, apart from the connections of turns, for a limited time.

        A statement that is given up, at the limit or because the task is cancelled, is interrupted. Raises StoreTimeout at the limit,
        StoreBusy when others use all connections until then.
        """
        seconds = self.report_limits.seconds
        begun = False

        def begin(connection: Connection) -> T:
            nonlocal begun
            begun = True
            return work(connection)

        try:
            async with asyncio.timeout(seconds) as limit:
                with translated():
                    return await self._database.report(begin, seconds)
        except TimeoutError:
            if not limit.expired():
                raise
            if not begun:
                raise StoreBusy("all connections for reports and search are in use") from None
            raise StoreTimeout(f"the report took longer than {seconds:g} s") from None

    async def write(self, work: Work[T]) -> T:
        """Run `work` in a transaction; returns when it is durable. Raises what `work` raises, or StoreError."""
        try:
            result = await self._patiently(partial(self._database.write, work))
        except StoreError as failure:
            self.write_failure = failure
            raise
        self.write_failure = None
        return result

    async def renew(self, work: Work[T]) -> T:
        """Like `write`, for leases: on Postgres by a connection of its own, so that what a lease protects never keeps it waiting."""
        with translated():
            return await self._database.renew(work)

    async def append(self, statement: Insert, rows: list[dict[str, Any]]) -> None:
        """Insert rows; returns when they are durable.

        The caller tells rows of its own that are stored already: a COMMIT without an answer is not looked up.
        """
        with translated():
            await self._database.append(statement, rows)

    async def truncate_log(self) -> None:
        """Copy SQLite's write-ahead log into the database file and truncate it, as far as readers let it."""
        await self._database.truncate_log()

    async def close(self) -> None:
        """Finish the waiting writes, then close every connection."""
        await self._database.close()

    async def _patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Repeat an attempt while the database does not answer, for as long as `database_patience` allows."""
        until = asyncio.get_running_loop().time() + _patience.get()
        pause = FIRST_PAUSE
        while True:
            try:
                with translated():
                    return await attempt()
            except StoreUnavailable:
                if asyncio.get_running_loop().time() + pause > until:
                    raise
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 2)
