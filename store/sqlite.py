"""The SQLite driver: open the newest SQLite library available so that committed data survives a power cut.

Python's own `sqlite3` may be linked to an SQLite older than 3.51.3, in which two connections that write and checkpoint a
WAL database at once can corrupt it. The `pysqlite3` wheel brings a newer one; whichever is newest is used.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import Any

import aiosqlite
from sqlalchemy import event
from sqlalchemy.dialects.sqlite.aiosqlite import AsyncAdapt_aiosqlite_dbapi
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

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


class _Dbapi(AsyncAdapt_aiosqlite_dbapi):
    """SQLAlchemy's aiosqlite adapter over a chosen driver: its errors are the ones SQLAlchemy must recognize."""

    def _init_dbapi_attributes(self) -> None:
        for name in (
            "DatabaseError",
            "Error",
            "IntegrityError",
            "NotSupportedError",
            "OperationalError",
            "ProgrammingError",
            "sqlite_version",
            "sqlite_version_info",
            "PARSE_COLNAMES",
            "PARSE_DECLTYPES",
            "Binary",
        ):
            setattr(self, name, getattr(self.sqlite, name))


class _Reader(aiosqlite.Connection):
    """A connection whose statement is interrupted when its caller gives it up: nobody waits for it any more, and it may take minutes."""

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        given_up = ended = False

        def run() -> Any:
            nonlocal ended
            try:
                if given_up:
                    raise driver().OperationalError("interrupted")
                return fn(*args, **kwargs)
            finally:
                ended = True

        try:
            return await super()._execute(run)  # type: ignore[no-untyped-call]
        except asyncio.CancelledError:
            if fn not in (self._conn.close, self._conn.rollback):
                given_up = True
                self._interrupt(lambda: ended)
            raise

    def _interrupt(self, ended: Callable[[], bool]) -> None:
        """Interrupt the running statement; again, should it have been about to begin."""
        if self._connection is not None and not ended():
            with suppress(driver().ProgrammingError):  # closed at this very moment
                self._connection.interrupt()
            asyncio.get_running_loop().call_later(INTERRUPT_AGAIN, self._interrupt, ended)


def engine(path: str, *, writing: bool, connections: int) -> AsyncEngine:
    """An engine on the file at `path`: one connection that writes, or several that cannot."""
    library = driver()

    async def connect(*_: Any, **__: Any) -> aiosqlite.Connection:
        def open_file() -> Any:
            connection = library.connect(
                path, check_same_thread=False, isolation_level=None, cached_statements=512
            )
            for pragma in _pragmas(writing):
                connection.execute(f"PRAGMA {pragma}")
            # SQLite's own lower() knows only ASCII: a title with an umlaut would not match case-insensitively.
            connection.create_function("lower", 1, _lower, deterministic=True)
            return connection

        opened = (aiosqlite.Connection if writing else _Reader)(open_file, iter_chunk_size=256)
        opened._thread.daemon = True  # as SQLAlchemy does for connections it opens itself
        try:
            return await opened
        except BaseException:
            # Its thread still calls back into the event loop, which may be closed by then.
            await asyncio.to_thread(opened._thread.join)
            raise

    engine = create_async_engine(
        "sqlite+aiosqlite://",
        module=_Dbapi(aiosqlite, library),
        connect_args={"async_creator_fn": connect},
        poolclass=AsyncAdaptedQueuePool,
        pool_size=connections,
        max_overflow=0,
        pool_reset_on_return="rollback",
        hide_parameters=True,  # texts of conversations must not appear in errors, and so in logs
    )
    _begin_explicitly(engine, "BEGIN IMMEDIATE" if writing else "BEGIN")
    return engine


async def rows(
    connection: AsyncConnection, statement: str, values: Mapping[str, object]
) -> list[tuple[Any, ...]]:
    """All rows of a statement with `:named` values, in one hop to the connection's thread; for reads a turn waits for.

    SQLAlchemy needs a hop each for cursor, execute, fetch and close, and on a busy machine each hop waits twice. Values are as
    SQLite returns them. Raises what SQLAlchemy raises.
    """
    if not connection.in_transaction():
        await connection.begin()  # all reads of a connection see one snapshot
    driver_connection: Any = (await connection.get_raw_connection()).driver_connection
    try:
        return list(await driver_connection.execute_fetchall(statement, values))
    except driver().Error as problem:
        raise DBAPIError.instance(
            statement, None, problem, driver().Error, hide_parameters=True, dialect=connection.dialect
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
        "secure_delete = ON",
        *common,
    )


def _begin_explicitly(engine: AsyncEngine, statement: str) -> None:
    """Send BEGIN explicitly instead of leaving it to the driver, so that schema changes are transactional too."""
    begin: Callable[[Any], None] = lambda connection: connection.exec_driver_sql(statement)  # noqa: E731
    event.listen(engine.sync_engine, "begin", begin)
