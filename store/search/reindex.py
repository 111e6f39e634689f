"""Rebuild the term index inside a migration: for messages stored before there was this index, or under other rules.

It uses the rules of the running version, because searches are made with them too.
"""

import sqlalchemy as sa

from store.search.parts import text_of
from store.search.term_index import INSERT_LITE, INSERT_POSTGRES, STRETCH, entry, indexed_stems

BATCH = 500  # messages read at a time


def index_all(connection: sa.Connection) -> None:
    """Fill the empty term index."""
    lite = connection.dialect.name == "sqlite"
    messages = sa.table(
        "messages",
        *(sa.column(name) for name in ("pk", "owner_id", "thread_id", "role", "depth")),
        sa.column("parts", sa.JSON()),
    )
    last_pk = 0
    while True:
        query = sa.select(messages).where(messages.c.pk > last_pk).order_by(messages.c.pk).limit(BATCH)
        rows = connection.execute(query).all()
        if not rows:
            return
        last_pk = rows[-1].pk
        entries = []
        for row in rows:
            words = text_of(row.parts, between="\n")
            if words.strip():
                stretch = None if lite else row.depth // STRETCH
                stems = entry(row.owner_id, row.thread_id, stretch, indexed_stems(words, row.role))
                entries.append({"pk": row.pk, "stems": stems})
        if entries:
            connection.execute(sa.text(INSERT_LITE if lite else INSERT_POSTGRES), entries)
