"""Erase what was deleted from the files of SQLite. On Postgres VACUUM does it, in its own time.

`secure_delete` overwrites the rows. Two places keep their words: the search index only marks an entry as deleted until its segments
are merged, and the write-ahead log keeps old pages until it is truncated.
"""

from sqlalchemy import Connection, text

from store.database import Database

PAGES = 500  # of the index, merged in one transaction: other writes wait for no more than that


async def erase_deleted(database: Database) -> None:
    """Merge the search index and truncate the write-ahead log. Returns when deleted text is gone from the files, unless a reader holds the log."""
    if database.dialect != "sqlite":
        return
    first = True
    while await database.write(_merge_all if first else _merge_more):
        first = False
    await database.truncate_log()


def _merge_all(connection: Connection) -> bool:
    """Begin to merge all segments into one."""
    return _merge(connection, -PAGES)


def _merge_more(connection: Connection) -> bool:
    return _merge(connection, PAGES)


def _merge(connection: Connection, pages: int) -> bool:
    """One step; whether there is more to do (FTS5 documentation, "The merge command": fewer than two changes mean nothing was left)."""
    before = connection.scalar(text("SELECT total_changes()"))
    connection.execute(
        text("INSERT INTO message_search (message_search, rank) VALUES ('merge', :pages)"), {"pages": pages}
    )
    after = connection.scalar(text("SELECT total_changes()"))
    return (after or 0) - (before or 0) >= 2
