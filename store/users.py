"""Store users, who own threads. The user `local` always exists; others come with the tokens an operator configures."""

from sqlalchemy import Connection

from store.tables import users
from store.upsert import upsert

LOCAL = "local"


def ensure(connection: Connection, user_id: str, name: str, now: int) -> None:
    """Make sure a user exists."""
    added = upsert(connection, users).values(id=user_id, name=name, created_at=now)
    connection.execute(added.on_conflict_do_nothing())  # replicas that start together make it once
