"""Indexing every message anew, inside a migration: for what was said before there was this index, or under other rules.

It uses the rules of the running version, because what is looked for is made with them too.
"""

import sqlalchemy as sa

from store.search.term_index import INSERT_LITE, INSERT_POSTGRES, STRETCH, entry, told

BATCH = 500  # messages read at a time


def index_all(connection: sa.Connection) -> None:
    """Fill the empty index of stems."""
    lite = connection.dialect.name == "sqlite"
    messages = sa.table(
        "messages",
        *(sa.column(name) for name in ("pk", "owner_id", "thread_id", "role", "depth")),
        sa.column("parts", sa.JSON()),
    )
    done = 0
    while True:
        query = sa.select(messages).where(messages.c.pk > done).order_by(messages.c.pk).limit(BATCH)
        rows = connection.execute(query).all()
        if not rows:
            return
        done = rows[-1].pk
        made = []
        for row in rows:
            words = "\n".join(part["text"] for part in row.parts if part["type"] == "text")
            if words.strip():
                stretch = None if lite else row.depth // STRETCH
                held = entry(row.owner_id, row.thread_id, stretch, told(words, row.role))
                made.append({"pk": row.pk, "stems": held})
        if made:
            connection.execute(sa.text(INSERT_LITE if lite else INSERT_POSTGRES), made)
