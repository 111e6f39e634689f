"""INSERT … ON CONFLICT for SQLite and Postgres: SQLAlchemy has one class per database, with the same methods."""

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite


def upsert(dialect: str, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that takes `on_conflict_do_nothing` and `on_conflict_do_update`. `dialect`: the name of a connection's."""
    if dialect == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)
