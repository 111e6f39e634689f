"""Database connections and durable writes, with group commit on SQLite: what was acknowledged survives a power cut.

Theory of operation. On SQLite one connection writes. Writes that arrive while a commit is on its way to the disk share the next
transaction (group commit), each in its own savepoint, and none is acknowledged before the commit has returned. If a batch fails because
of one of its writes, they are repeated one by one, so that a bad write harms only itself: a write is a function of the connection that
may run more than once. If another program holds the lock, the batch fails as one after SQLite's busy timeout. On Postgres each write is its own transaction, because the server groups commits itself. Reads use other
connections and never wait for writers.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import structlog
from sqlalchemy import Insert
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from store import sqlite
from store.driver_errors import lost_to_concurrent, translated
from store.errors import StoreError, StoreLocked, StoreUnavailable
from store.url import parse_postgres

log = structlog.get_logger()

T = TypeVar("T")
Write = Callable[[AsyncConnection], Awaitable[T]]
Dialect = Literal["sqlite", "postgresql"]

BATCH = 256  # most writes in one transaction: bounds how long the first of them waits
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
        self.write_failure: StoreError | None = None  # of the newest write; None when it succeeded
        self._closing = False
        self._log_lock = asyncio.Lock()
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
        async with AsyncExitStack() as stack:
            connection = await self._patiently(partial(self._open_reader, stack))
            with translated():
                yield connection

    async def _open_reader(self, stack: AsyncExitStack) -> AsyncConnection:
        with translated():
            return await stack.enter_async_context(self._readers.connect())

    async def write(self, work: Write[T]) -> T:
        """Run `work` in a transaction; returns when it is durable. Raises what `work` raises, or StoreError."""
        attempt = self._write_retrying if self.dialect == "postgresql" else self._submit
        try:
            result: T = await self._patiently(partial(attempt, work))
        except StoreError as failure:
            self.write_failure = failure
            raise
        self.write_failure = None
        return result

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

    async def _write_retrying(self, work: Write[T]) -> T:
        """Run `work` on Postgres; retry when the server rolled it back in favor of a concurrent transaction."""
        with translated():
            for _ in range(TRIES - 1):
                try:
                    async with self._writer.begin() as connection:
                        return await work(connection)
                except DBAPIError as failure:
                    if not lost_to_concurrent(failure):
                        raise
            async with self._writer.begin() as connection:
                return await work(connection)

    async def append(self, statement: Insert, rows: list[dict[str, Any]]) -> None:
        """Insert rows; returns when they are durable. On SQLite waiting rows of the same statement are inserted together."""
        if self.dialect == "postgresql":
            await self._write_retrying(lambda connection: connection.execute(statement, rows))
        else:
            await self._submit((statement, rows))

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
        if self._writer_task is not None:
            await self._queue.join()
            self._closing = True
            self._writer_task.cancel()
            with suppress(asyncio.CancelledError):
                await self._writer_task
            self._writer_task = None
            self._closing = False
        await self._readers.dispose()
        await self._writer.dispose()

    def _start_writer(self) -> None:
        self._writer_task = asyncio.create_task(self._write_forever(), name="store-writer")
        self._writer_task.add_done_callback(self._writer_ended)

    def _writer_ended(self, task: asyncio.Task[None]) -> None:
        """Start the writer again if it died: a cancellation that a write let escape must not stop all writes."""
        if task is self._writer_task and not self._closing:
            kind = "CancelledError" if task.cancelled() else type(task.exception()).__name__
            log.error("database.writer_restarted", kind=kind)
            self._start_writer()

    async def _submit(self, work: Any) -> Any:
        if self._writer_task is None:
            self._start_writer()
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
            except BaseException:
                for pending in batch:
                    _settle(pending, StoreUnavailable("the write was given up"))
                raise
            finally:
                for _ in batch:
                    self._queue.task_done()

    async def _commit_together(self, batch: list[_Pending]) -> None:
        """Commit a batch, or find out which of its writes is to blame. Rows of an INSERT that collide are told apart in savepoints."""
        failure: Exception | None = None
        for merge in (True, False):
            try:
                outcomes = await self._transaction(batch, merge=merge)
            except IntegrityError as collision:
                failure = collision
                continue
            except Exception as problem:  # noqa: BLE001 - whatever it was, it goes to the callers it belongs to
                failure = problem
                break
            for pending, outcome in zip(batch, outcomes, strict=True):
                _settle(pending, outcome)
            return
        if len(batch) == 1 or isinstance(failure, StoreLocked):
            for pending in batch:
                _settle(pending, failure)
            return
        for number, pending in enumerate(batch):
            try:
                _settle(pending, (await self._transaction([pending], merge=True))[0])
            except StoreLocked as locked:
                for left in batch[number:]:
                    _settle(left, locked)
                return
            except Exception as problem:  # noqa: BLE001 - belongs to this one writer
                _settle(pending, problem)

    async def _transaction(self, batch: list[_Pending], *, merge: bool) -> list[Any]:
        """Carry out a batch in one transaction. A result per write, or the exception that write alone raised.

        `merge`: rows of the same INSERT become one statement, and fail together.
        """
        outcomes: list[Any] = [None] * len(batch)
        merged: dict[int, tuple[Insert, list[dict[str, Any]]]] = {}
        with translated():
            async with self._writer.begin() as connection:
                for index, pending in enumerate(batch):
                    if isinstance(pending.work, tuple) and not merge:
                        outcomes[index] = await _in_savepoint(connection, _inserting(*pending.work))
                    elif isinstance(pending.work, tuple):
                        statement, rows = pending.work
                        merged.setdefault(id(statement), (statement, []))[1].extend(rows)
                    elif len(batch) == 1 and merge:
                        outcomes[index] = await pending.work(connection)
                    else:
                        outcomes[index] = await _in_savepoint(connection, pending.work)
                for statement, rows in merged.values():
                    await connection.execute(statement, rows)
        return outcomes


def _inserting(statement: Insert, rows: list[dict[str, Any]]) -> Write[None]:
    async def insert(connection: AsyncConnection) -> None:
        await connection.execute(statement, rows)

    return insert


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
