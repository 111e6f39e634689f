"""The clock of leases: the database's own on Postgres, where several machines compare; this process's on SQLite, which is alone."""

from typing import Any

from sqlalchemy import BigInteger, cast, extract, func
from sqlalchemy.ext.asyncio import AsyncConnection


def now(connection: AsyncConnection, own: int) -> Any:
    """The present for leases, in milliseconds, for use in a statement. `own`: the time of this process."""
    if connection.dialect.name == "sqlite":
        return own
    return cast(extract("epoch", func.clock_timestamp()) * 1000, BigInteger)
