"""Column types and constraints that several tables share."""

from sqlalchemy import BigInteger, ForeignKeyConstraint, Integer

# An autoincrement key must be INTEGER on SQLite to be the rowid, and is BIGINT elsewhere.
Key = BigInteger().with_variant(Integer, "sqlite")


def of_thread() -> ForeignKeyConstraint:
    """Delete the row when its thread is deleted."""
    return ForeignKeyConstraint(
        ["owner_id", "thread_id"], ["threads.owner_id", "threads.id"], ondelete="CASCADE"
    )
