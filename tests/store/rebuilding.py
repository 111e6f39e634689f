"""Rebuild the search indexes as the server does in the background."""

from sqlalchemy import update

from store.database import Database
from store.search import rebuild


async def batch(database: Database) -> int | None:
    """Do one batch. How many messages it had; None when nothing is old."""
    found = await database.read(rebuild.next_batch)
    if found is None:
        return None
    made = [rebuild.entries(database.dialect, message) for message in found.messages]
    assert await database.write(lambda connection: rebuild.write(connection, found, made))
    return len(found.messages)


async def everything(database: Database) -> None:
    """Index every message anew."""
    await database.write(lambda connection: connection.execute(update(rebuild.OLD).values(up_to=1 << 40)))
    while await batch(database) is not None:
        pass
