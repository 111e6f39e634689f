"""Tiny builders of stored users."""

from sqlalchemy import Connection, text

from store.database import Database, Work


def new_user(name: str) -> Work[None]:
    def write(connection: Connection) -> None:
        connection.execute(
            text("INSERT INTO users (id, name, created_at) VALUES (:name, :name, 1)"), {"name": name}
        )

    return write


async def names(database: Database) -> set[str]:
    def read(connection: Connection) -> set[str]:
        result = connection.execute(text("SELECT id FROM users WHERE id NOT IN ('ada', 'bob')"))
        return {name for (name,) in result}

    return await database.read(read)
