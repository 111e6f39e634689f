"""The clock of leases: the database's own on Postgres, where several machines compare; this process's on SQLite, which is alone.

Postgres's clock may be set back. Then the leases of processes that died are far ahead: `too_far` finds them, and they are shortened. On
SQLite the process's clock should be one that never goes back; leases of an earlier process mean nothing there.
"""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, cast, extract, func


def now(connection: Connection, own: int) -> Any:
    """The present for leases, in milliseconds, for use in a statement. `own`: the time of this process, on SQLite."""
    if connection.dialect.name == "sqlite":
        return own
    return cast(extract("epoch", func.clock_timestamp()) * 1000, BigInteger)


def too_far(column: ColumnElement[int], present: Any, lease: int) -> ColumnElement[bool]:
    """The condition that a lease ends later than any that was renewed by the present clock."""
    farthest: ColumnElement[int] = present + 2 * lease
    return column > farthest
