"""What a read takes, counted by the database itself: times depend on the machine, these do not."""

from collections.abc import Awaitable
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from store.database import Database

ROWS_READ = text(
    "SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables"
)


async def counted(connection: AsyncConnection, read: Awaitable[Any]) -> int:
    """Tens of instructions of SQLite's virtual machine, or rows that Postgres fetched."""
    if connection.dialect.name == "sqlite":
        return await steps_on_sqlite(connection, read)
    return await rows_on_postgres(connection, read)


async def settled(database: Database, *tables: str) -> None:
    """Postgres has seen how large its tables are."""
    if database.dialect == "postgresql":
        async with database.engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(text(f"VACUUM ANALYZE {', '.join(tables)}"))


async def steps_on_sqlite(connection: AsyncConnection, read: Awaitable[Any]) -> int:
    """Instructions of SQLite's virtual machine, in steps of ten."""
    driver: Any = (await connection.get_raw_connection()).driver_connection
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    await driver.set_progress_handler(step, 10)
    await read
    await driver.set_progress_handler(None, 10)
    return count


async def rows_on_postgres(connection: AsyncConnection, read: Awaitable[Any]) -> int:
    """Rows the transaction fetched."""
    before = await connection.scalar(ROWS_READ)
    await read
    return int(await connection.scalar(ROWS_READ) - before)
