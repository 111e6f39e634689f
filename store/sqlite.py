"""SQLite: each connection has a thread of its own, and a whole transaction is one call to it.

aiosqlite owns the threads. What runs there is a plain function of a SQLAlchemy connection: no statement of it waits for the event loop.

Python's own `sqlite3` may be linked to an SQLite older than 3.51.3, in which two connections that write and checkpoint a
WAL database at once can corrupt it. The `pysqlite3` wheel brings a newer one; whichever is newest is used.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import copy_context
from importlib import import_module
from threading import local
from types import ModuleType
from typing import Any, TypeVar

import aiosqlite
from sqlalchemy import Connection, Dialect, Engine, NullPool, create_engine
from sqlalchemy.exc import DBAPIError

T = TypeVar("T")

SAFE_VERSION = (3, 51, 3)
LEAST_VERSION = (3, 43, 0)  # FTS5 with contentless_delete
INTERRUPT_AGAIN = 0.05  # seconds between two interruptions of a statement that goes on


def driver() -> ModuleType:
    """The DB-API module with the newest SQLite."""
    try:
        bundled = import_module("pysqlite3.dbapi2")
    except ImportError:
        return sqlite3
    return bundled if bundled.sqlite_version_info > sqlite3.sqlite_version_info else sqlite3


class File:
    """A database file: opens connections that share their compiled statements."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._opened = local()  # by the thread that opens a connection
        self._engine: Engine = create_engine(
            "sqlite://",
            module=driver(),
            creator=lambda: self._opened.connection,
            poolclass=NullPool,
            hide_parameters=True,  # texts of conversations must not appear in errors, and so in logs
        )

    async def open(self, *, writing: bool) -> "ConnectionThread":
        """A connection on a new thread: one that writes, or one that cannot."""
        connection = ConnectionThread(self, writing=writing)
        connection._thread.daemon = True
        try:
            await connection
        except BaseException:
            # Its thread still calls back into the event loop, which may be closed by then.
            await asyncio.to_thread(connection._thread.join)
            raise
        return connection

    def connect(self, *, writing: bool) -> tuple[Any, Connection]:
        """Open the file: the driver's connection, and SQLAlchemy's around it. For the thread that will use them. Raises DBAPIError."""
        with _as_sqlalchemy(self._engine.dialect):
            raw = driver().connect(
                self.path, check_same_thread=False, isolation_level=None, cached_statements=512
            )
            try:
                for pragma in _pragmas(writing):
                    raw.execute(f"PRAGMA {pragma}")
                # SQLite's own lower() knows only ASCII: a title with an umlaut would not match case-insensitively.
                raw.create_function("lower", 1, _lower, deterministic=True)
                self._opened.connection = raw
                return raw, self._engine.connect()
            except BaseException:
                raw.close()
                raise


class ConnectionThread(aiosqlite.Connection):
    """A connection and the thread it is used on. A call whose caller gives it up is interrupted if the connection only reads."""

    def __init__(self, file: File, *, writing: bool) -> None:
        self._file, self._writing = file, writing
        self._sql: Connection | None = None
        self.busy = False  # a call goes on; also one that was given up
        super().__init__(self._open, iter_chunk_size=256)

    def _open(self) -> Any:
        raw, self._sql = self._file.connect(writing=self._writing)
        return raw

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction, in one call to the thread. Raises what it raises, and DBAPIError."""
        begin = "BEGIN IMMEDIATE" if self._writing else "BEGIN"

        def transaction() -> T:
            assert self._sql is not None  # noqa: S101 - set by opening
            try:
                with self._sql.begin():
                    # Explicitly, rather than by the driver, so that schema changes are transactional too.
                    self._sql.exec_driver_sql(begin)
                    return work(self._sql)
            finally:
                if self._conn.in_transaction:  # its ROLLBACK was interrupted, too
                    self._conn.rollback()

        return await self.call(transaction)

    async def call(self, work: Callable[[], T]) -> T:
        """Run `work` on the connection's thread, outside of a transaction."""
        given_up = ended = False
        context = copy_context()

        def run() -> T:
            nonlocal ended
            try:
                if given_up:
                    raise driver().OperationalError("interrupted")
                return context.run(work)
            finally:
                ended, self.busy = True, False

        self.busy = True
        try:
            result: T = await self._execute(run)  # type: ignore[no-untyped-call]
        except asyncio.CancelledError:
            if not self._writing:
                given_up = True
                self._interrupt(lambda: ended)
            raise
        return result

    def _interrupt(self, ended: Callable[[], bool]) -> None:
        """Interrupt the running statement; again, should it have been about to begin."""
        if self._connection is not None and not ended():
            with suppress(driver().ProgrammingError):  # closed at this very moment
                self._connection.interrupt()
            asyncio.get_running_loop().call_later(INTERRUPT_AGAIN, self._interrupt, ended)

    async def close(self) -> None:
        """Close the connection and end its thread."""
        if self._sql is not None and self._connection is not None:
            await self._execute(self._sql.close)  # type: ignore[no-untyped-call]
        await super().close()


class Readers:
    """At most so many connections that read, opened when they are needed; whoever finds none free waits."""

    def __init__(self, file: File, connections: int) -> None:
        self._file = file
        self._most = connections
        self._free = asyncio.Semaphore(connections)
        self._idle: list[ConnectionThread] = []  # the one used last comes first: its pages are in its cache

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[ConnectionThread]:
        """A connection that nobody else uses meanwhile."""
        await self._free.acquire()
        try:
            connection = self._idle.pop() if self._idle else await self._file.open(writing=False)
        except BaseException:
            self._free.release()
            raise
        try:
            yield connection
        finally:
            self._give_back(connection)

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction that sees one snapshot."""
        async with self.connection() as connection:
            return await connection.run(work)

    async def close(self) -> None:
        """Close all connections, when what reads has ended."""
        for _ in range(self._most):
            await self._free.acquire()
        while self._idle:
            await self._idle.pop().close()
        for _ in range(self._most):
            self._free.release()

    def _give_back(self, connection: ConnectionThread) -> None:
        """Let others have a connection, once its call is over: one that was given up may be computing, or about to be interrupted."""
        if connection.busy:
            asyncio.get_running_loop().call_later(INTERRUPT_AGAIN, self._give_back, connection)
            return
        self._idle.append(connection)
        self._free.release()


def rows(connection: Connection, statement: str, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
    """All rows of a statement with `:named` values, without SQLAlchemy: for reads of thousands of rows that a turn waits for.

    Values are as SQLite returns them. Raises what SQLAlchemy raises.
    """
    raw: Any = connection.connection.driver_connection
    with _as_sqlalchemy(connection.dialect, statement):
        return list(raw.execute(statement, values).fetchall())


@contextmanager
def _as_sqlalchemy(dialect: Dialect, statement: str | None = None) -> Iterator[None]:
    """Raise what SQLAlchemy raises for an error of the driver."""
    try:
        yield
    except driver().Error as problem:
        raise DBAPIError.instance(
            statement, None, problem, driver().Error, hide_parameters=True, dialect=dialect
        ) from problem


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _pragmas(writing: bool) -> tuple[str, ...]:
    # KiB of pages that a connection keeps; what is evicted is still in the system's file cache.
    cache_size = f"cache_size = -{8_000 if writing else 4_000}"
    common = ("busy_timeout = 5000", "foreign_keys = ON", cache_size, "temp_store = MEMORY")
    if not writing:
        return (*common, "query_only = ON")
    # FULL: a commit is on disk before it is acknowledged. NORMAL may lose the last commits of a WAL on power loss.
    # secure_delete: what is deleted is overwritten with zeros, also on pages that stay in use.
    return (
        "journal_mode = WAL",
        "synchronous = FULL",
        "journal_size_limit = 67108864",
        # Pages, 16 MiB: while answers stream, every commit changes the same pages again; copied less often, a quarter less is written.
        "wal_autocheckpoint = 4000",
        "secure_delete = ON",
        *common,
    )
