"""A disk that stands in for the database below the writer of all logs: it notes what is written, and fails and waits when it should."""

import asyncio
from typing import Any

from chat.clock import SystemClock
from chat.stream.journal import BufferLimits, Journal, TurnLog
from chat.stream.journal_writer import JournalWriter


class Disk:
    """Stands in for a Postgres database: `rounds` has the rows of each transaction, `began_at` and `at` when writes began and when rows were
    written; the next ones raise `failures`, and wait for `free`.
    """

    dialect = "postgresql"

    def __init__(self) -> None:
        self.rounds: list[list[dict[str, Any]]] = []
        self.at: list[float] = []
        self.failures: list[BaseException] = []
        self.free = asyncio.Event()
        self.free.set()
        self.began_at: list[float] = []

    @property
    def begun(self) -> int:
        """How many writes have begun."""
        return len(self.began_at)

    @property
    def text(self) -> str:
        """All payloads, one after the other."""
        return "".join(row["payload"] for rows in self.rounds for row in rows)

    async def append(self, statement: object, rows: list[dict[str, Any]]) -> None:
        self.began_at.append(asyncio.get_running_loop().time())
        await self.free.wait()
        if self.failures:
            raise self.failures.pop()
        self.rounds.append(rows)
        self.at.append(asyncio.get_running_loop().time())


def writer_on(disk: Disk, names: str) -> list[Journal]:
    """Journals of one writer."""
    writer = JournalWriter(disk, SystemClock(), BufferLimits())  # type: ignore[arg-type]
    return [writer.journal(name, TurnLog()) for name in names]
