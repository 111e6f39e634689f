"""A statement that would go on for very long, and whether it still runs."""

from threading import Lock

from sqlalchemy import Connection, text

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
        self._counting = Lock()  # on SQLite they run on several threads
        self.started = 0
        self._ended = 0

    def run(self, connection: Connection) -> None:
        """Run one to its end, which it does not have."""
        with self._counting:
            self.started += 1
        try:
            connection.execute(text(ENDLESS if self._database.dialect == "sqlite" else ASLEEP))
        finally:
            with self._counting:
                self._ended += 1

    async def all_ended(self) -> bool:
        """Whether none runs any more: by Postgres's own account, or because each call on the thread of a connection to SQLite is over."""
        if self._database.dialect == "sqlite":
            return self._ended == self.started
        values = {"asleep": ASLEEP}
        running: int = await self._database.read(lambda connection: connection.scalar(ACTIVE, values)) or 0
        return running == 0
