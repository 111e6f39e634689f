"""Users. Until access control comes there is one, who owns everything."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import users

LOCAL = "local"


async def ensure(connection: AsyncConnection, user_id: str, name: str, now: int) -> None:
    """Make sure a user exists."""
    known = await connection.scalar(select(users.c.id).where(users.c.id == user_id))
    if known is None:
        await connection.execute(users.insert().values(id=user_id, name=name, created_at=now))
