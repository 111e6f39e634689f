"""A database on a Postgres server. A transaction is a plain function here too; its statements wait on the event loop, not on a thread.

asyncpg rather than a blocking driver: a thread for each of two dozen connections would want the interpreter's lock back after every
statement, and on a busy server each time waits up to five milliseconds for it. SQLAlchemy's greenlets let a plain function await.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection, Insert, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from store.driver_errors import lost_to_concurrent
from store.lost_commit import transaction
from store.url import parse_postgres

T = TypeVar("T")

CONNECTIONS = 10  # kept open; as many again for a while
TRIES = 4  # attempts of a write that loses against a concurrent one: two that collide rarely collide again
STATEMENT_TIMEOUT = text("SELECT set_config('statement_timeout', :milliseconds, true)")


class PostgresDatabase:
    """Transactions on a Postgres server, which groups commits itself."""

    def __init__(self, url: str, *, report_connections: int) -> None:
        self._writer = _engine(url, connections=CONNECTIONS, overflow=CONNECTIONS)
        # Same pool; two queries of a read see the same snapshot, as on SQLite (the default would let them see two).
        self._readers = self._writer.execution_options(isolation_level="REPEATABLE READ")
        self._reports = _engine(url, connections=report_connections).execution_options(
            isolation_level="REPEATABLE READ"
        )
        self._leases = _engine(url, connections=1)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction that sees one snapshot."""
        async with self._readers.connect() as connection:
            return await connection.run_sync(work)

    async def report(self, work: Callable[[Connection], T], seconds: float) -> T:
        """The same, by a connection for reports. The caller gives it up after so many seconds."""

        def limited(connection: Connection) -> T:
            # Should this process die, the server ends the statement.
            connection.execute(STATEMENT_TIMEOUT, {"milliseconds": str(round(seconds * 1_000) + 1_000)})
            return work(connection)

        async with self._reports.connect() as connection:
            return await connection.run_sync(limited)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction; returns when it is durable."""
        return await self._retrying(work)

    async def renew(self, work: Callable[[Connection], T]) -> T:
        """The same, by a connection of its own: what a lease protects never keeps its renewal waiting."""
        return await transaction(self._leases, work, look_up=False)

    async def append(self, statement: Insert, rows: list[dict[str, Any]]) -> None:
        """Insert rows. The caller tells rows of its own that are stored already: a COMMIT without an answer is not looked up."""
        await self._retrying(lambda connection: connection.execute(statement, rows), look_up=False)

    async def truncate_log(self) -> None:
        """Nothing: the server does it."""

    async def close(self) -> None:
        """Close every connection."""
        for engine in (self._reports, self._writer, self._leases):
            await engine.dispose()

    async def _retrying(self, work: Callable[[Connection], T], *, look_up: bool = True) -> T:
        """Run `work`; retry when the server rolled it back in favor of a concurrent transaction."""
        for _ in range(TRIES - 1):
            try:
                return await transaction(self._writer, work, look_up=look_up)
            except DBAPIError as failure:
                if not lost_to_concurrent(failure):
                    raise
        return await transaction(self._writer, work, look_up=look_up)


def _connect_args(url: str) -> dict[str, Any]:
    """What asyncpg is given to connect.

    `plan_cache_mode`: a prepared statement is planned for the values it is run with. A plan for any values is made without them, and
    reads a thread of 100,000 messages from its beginning, because it cannot know that the values ask for its last page.
    """
    arguments = parse_postgres(url).connect_args
    settings = {"plan_cache_mode": "force_custom_plan", **arguments.get("server_settings", {})}
    return {**arguments, "server_settings": settings}


def _engine(url: str, *, connections: int, overflow: int = 0) -> AsyncEngine:
    return create_async_engine(
        "postgresql+asyncpg://",
        connect_args=_connect_args(url),
        pool_size=connections,
        max_overflow=overflow,
        pool_pre_ping=True,
        hide_parameters=True,  # texts of conversations must not appear in errors, and so in logs
    )
