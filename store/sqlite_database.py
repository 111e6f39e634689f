"""A database in an SQLite file: one connection that writes, by group commit; others that read, and others for reports."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Insert

from store.group_commit import GroupCommit
from store.sqlite import ConnectionThread, File, Readers

T = TypeVar("T")

READERS = 4
LOG_TRIES = 30  # times the write-ahead log is truncated until no reader holds it
LOG_PAUSE = 2.0  # seconds between two tries


class SqliteDatabase:
    """Transactions on an SQLite file. The folder is created when it is missing."""

    def __init__(self, path: str, *, report_connections: int) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._file = File(path)
        self._readers = Readers(self._file, READERS)
        self._reports = Readers(self._file, report_connections)
        self._writer: ConnectionThread | None = None
        self._opening = asyncio.Lock()
        self._group_commit = GroupCommit(self._transaction)
        self._log_lock = asyncio.Lock()

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction that sees one snapshot."""
        return await self._readers.run(work)

    async def report(self, work: Callable[[Connection], T], seconds: float) -> T:
        """The same, by a connection for reports. The caller gives it up after so many seconds."""
        return await self._reports.run(work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction; returns when it is durable."""
        result: T = await self._group_commit.submit(work)
        return result

    async def renew(self, work: Callable[[Connection], T]) -> T:
        """The same: on SQLite no transaction waits for another's rows."""
        return await self.write(work)

    async def append(self, statement: Insert, rows: list[dict[str, Any]]) -> None:
        """Insert rows."""
        await self._group_commit.submit(lambda connection: connection.execute(statement, rows))

    async def truncate_log(self) -> None:
        """Copy the write-ahead log into the database file and truncate it, as far as readers let it."""
        async with self._log_lock, self._readers.connection() as reader:

            def truncated() -> bool:
                reader._conn.execute("PRAGMA query_only = OFF")
                # Writers wait while it waits for readers: not for long, and rather again.
                reader._conn.execute("PRAGMA busy_timeout = 100")
                try:
                    ((busy, *_),) = reader._conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                finally:
                    reader._conn.execute("PRAGMA busy_timeout = 5000")
                    reader._conn.execute("PRAGMA query_only = ON")
                return not busy

            for _ in range(LOG_TRIES):
                if await reader.call(truncated):
                    return
                await asyncio.sleep(LOG_PAUSE)

    async def close(self) -> None:
        """Finish the waiting writes, then close every connection."""
        await self._group_commit.close()
        await self._reports.close()
        await self._readers.close()
        if self._writer is not None:
            await self._writer.close()
            self._writer = None

    async def _transaction(self, work: Callable[[Connection], T]) -> T:
        async with self._opening:
            if self._writer is None:
                self._writer = await self._file.open(writing=True)
        return await self._writer.run(work)
