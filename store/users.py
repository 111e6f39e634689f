"""Store users, who own threads. The user `local` always exists; others come with the tokens an operator configures."""

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import users

LOCAL = "local"


async def ensure(connection: AsyncConnection, user_id: str, name: str, now: int) -> None:
    """Make sure a user exists."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    added = dialect.insert(users).values(id=user_id, name=name, created_at=now)
    await connection.execute(added.on_conflict_do_nothing())  # replicas that start together make it once
