"""Tiny builders of stored users."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from store.database import Database, Write


def new_user(name: str) -> Write[None]:
    async def write(connection: AsyncConnection) -> None:
        await connection.execute(text("INSERT INTO users VALUES (:name, :name, 1)"), {"name": name})

    return write


async def names(database: Database) -> set[str]:
    async with database.reading() as connection:
        result = await connection.execute(text("SELECT id FROM users WHERE id NOT IN ('ada', 'bob')"))
        return {name for (name,) in result}
