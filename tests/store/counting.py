"""What a read takes, counted by the database itself: times depend on the machine, these do not."""

from collections.abc import Callable
from typing import Any

import asyncpg
from sqlalchemy import Connection, text

from store.database import Database

ROWS_READ = text(
    "SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables"
)


def counted(connection: Connection, read: Callable[[], object]) -> int:
    """Tens of instructions of SQLite's virtual machine, or rows that Postgres fetched."""
    if connection.dialect.name == "sqlite":
        return steps_on_sqlite(connection, read)
    return rows_on_postgres(connection, read)


async def settled(database: Database, *tables: str) -> None:
    """Postgres has seen how large its tables are."""
    if database.dialect == "postgresql":
        connection = await asyncpg.connect(database.url)
        try:
            await connection.execute(f"VACUUM ANALYZE {', '.join(tables)}")
        finally:
            await connection.close()


def steps_on_sqlite(connection: Connection, read: Callable[[], object]) -> int:
    """Instructions of SQLite's virtual machine, in steps of ten."""
    driver: Any = connection.connection.driver_connection
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    driver.set_progress_handler(step, 10)
    try:
        read()
    finally:
        driver.set_progress_handler(None, 10)
    return count


def rows_on_postgres(connection: Connection, read: Callable[[], object]) -> int:
    """Rows the transaction fetched."""
    before = connection.scalar(ROWS_READ)
    read()
    return int(connection.scalar(ROWS_READ) - before)
