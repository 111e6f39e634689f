"""The clock of leases: the database's own on Postgres, where several machines compare; this process's on SQLite, which is alone.

Postgres's clock may be set back. Then the leases of processes that died are far ahead: `too_far` finds them, and they are shortened. On
SQLite the process's clock should be one that never goes back; leases of an earlier process mean nothing there.
"""

from sqlalchemy import BigInteger, ColumnElement, bindparam, cast, extract, func


def present(dialect: str) -> ColumnElement[int]:
    """The present for leases, in milliseconds, for use in a statement: on SQLite its parameter `now`, the time of this process."""
    if dialect == "sqlite":
        return bindparam("now", type_=BigInteger)
    return cast(extract("epoch", func.clock_timestamp()) * 1000, BigInteger)


def until(dialect: str) -> ColumnElement[int]:
    """When a lease ends that begins now and is the statement's parameter `lease` long, in milliseconds."""
    return present(dialect) + bindparam("lease", type_=BigInteger)


def too_far(column: ColumnElement[int], dialect: str) -> ColumnElement[bool]:
    """The condition that a lease ends later than any (of length `lease`) that was renewed by the present clock."""
    return column > present(dialect) + 2 * bindparam("lease", type_=BigInteger)
