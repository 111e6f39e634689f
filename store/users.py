"""Store users, who own threads. The user `local` always exists; others come with the tokens an operator configures."""

from functools import cache

from sqlalchemy import Connection, Insert

from store.tables import users
from store.upsert import upsert


@cache
def _insert(dialect: str) -> Insert:
    return upsert(dialect, users).on_conflict_do_nothing()  # replicas that start together make it once


def ensure(connection: Connection, user_id: str, name: str, now: int) -> None:
    """Make sure a user exists."""
    connection.execute(_insert(connection.dialect.name), {"id": user_id, "name": name, "created_at": now})
