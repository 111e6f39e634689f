"""A statement that would go on for very long, and whether it still runs."""

from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from store.database import Database

ENDLESS = (
    "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers) SELECT count(*) FROM numbers"
)
ASLEEP = "SELECT pg_sleep(600)"
ACTIVE = text("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = :asleep")


class Slow:
    """Slow statements on one database. `started`: how many of them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._threads: list[Any] = []
        self.started = 0

    async def run(self, connection: AsyncConnection) -> None:
        """Run one to its end, which it does not have."""
        if self._database.dialect == "sqlite":
            driver: Any = (await connection.get_raw_connection()).driver_connection
            self._threads.append(driver._thread)
        self.started += 1
        await connection.execute(text(ENDLESS if self._database.dialect == "sqlite" else ASLEEP))

    @property
    def all_ended(self) -> Callable[[], Awaitable[bool]]:
        """Whether none runs any more: by Postgres's own account, or by the threads of SQLite's connections, which end after their statement."""

        async def ended() -> bool:
            if self._database.dialect == "sqlite":
                return not any(thread.is_alive() for thread in self._threads)
            async with self._database.reading() as connection:
                running: int = await connection.scalar(ACTIVE, {"asleep": ASLEEP}) or 0
            return running == 0

        return ended
