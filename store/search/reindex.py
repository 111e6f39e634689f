"""Rebuild the search indexes inside a migration: for messages stored before there was an index, or under other rules.

It uses the rules of the running version, because searches are made with them too.
"""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from store.search import messages as full_text
from store.search import words
from store.search.parts import text_of
from store.search.term_index import INSERT_LITE, INSERT_POSTGRES, STRETCH, entry, indexed_stems

BATCH = 500  # messages read at a time


def index_all(connection: sa.Connection) -> None:
    """Fill the empty term index."""
    lite = connection.dialect.name == "sqlite"
    for rows in _batches(connection):
        entries = []
        for row in rows:
            plain = text_of(row.parts, between="\n")
            if plain.strip():
                stretch = None if lite else row.depth // STRETCH
                stems = entry(row.owner_id, row.thread_id, stretch, indexed_stems(plain, row.role))
                entries.append({"pk": row.pk, "stems": stems})
        if entries:
            connection.execute(sa.text(INSERT_LITE if lite else INSERT_POSTGRES), entries)


def index_words(connection: sa.Connection) -> None:
    """Fill the empty full-text index."""
    lite = connection.dialect.name == "sqlite"
    form = words.fts5 if lite else words.tsvector
    statement = sa.text(full_text.INSERT_LITE if lite else full_text.INSERT_POSTGRES)
    for rows in _batches(connection):
        plain = ((row.pk, form(text_of(row.parts, between="\n"))) for row in rows)
        if entries := [{"pk": pk, "words": indexed} for pk, indexed in plain if indexed]:
            connection.execute(statement, entries)


def _batches(connection: sa.Connection) -> Iterator[list[Any]]:
    """All messages, BATCH at a time."""
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
        yield list(rows)
