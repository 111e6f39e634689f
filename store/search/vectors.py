"""Store embeddings of messages: one short vector for each, written in the background.

A message without a vector is not found by meaning. Vectors are deleted with their thread.
"""

from collections.abc import Mapping

from sqlalchemy import Connection, and_, func, select

from store.search.parts import text_of
from store.tables import message_vectors, messages
from store.upsert import upsert


def between(
    connection: Connection, owner_id: str, thread_id: str, model: str, first: int, last: int
) -> dict[int, bytes]:
    """The vectors of a thread's messages from `pk` first to last, of every branch, by `pk`."""
    query = select(message_vectors.c.pk, message_vectors.c.vector).where(
        message_vectors.c.owner_id == owner_id,
        message_vectors.c.thread_id == thread_id,
        message_vectors.c.model == model,
        message_vectors.c.pk.between(first, last),
        func.length(message_vectors.c.vector) > 0,
    )
    return {row.pk: row.vector for row in connection.execute(query)}


def missing(
    connection: Connection, owner_id: str, thread_id: str, model: str, *, reach: int, most: int
) -> dict[int, str]:
    """Texts of the newest `most` finished messages of a thread without a vector of that model, by `pk`.

    Only the `reach` greatest depths are searched.
    """
    owned = and_(messages.c.owner_id == owner_id, messages.c.thread_id == thread_id)
    deepest = select(func.max(messages.c.depth)).where(owned).scalar_subquery()
    has = select(message_vectors.c.pk).where(
        message_vectors.c.owner_id == owner_id,
        message_vectors.c.thread_id == thread_id,
        message_vectors.c.model == model,
        message_vectors.c.pk == messages.c.pk,
    )
    query = (
        select(messages.c.pk, messages.c.parts)
        .where(owned, messages.c.depth > deepest - reach, messages.c.status != "streaming", ~has.exists())
        .order_by(messages.c.depth.desc(), messages.c.pk.desc())
        .limit(most)
    )
    return {pk: text_of(parts) for pk, parts in connection.execute(query)}


def keep(
    connection: Connection, owner_id: str, thread_id: str, model: str, vectors: Mapping[int, bytes]
) -> None:
    """Store vectors by `pk`. One that another process stored meanwhile stays; messages of a deleted thread are ignored."""
    pks = connection.scalars(
        select(messages.c.pk)
        .where(
            messages.c.owner_id == owner_id,
            messages.c.thread_id == thread_id,
            messages.c.pk.in_(list(vectors)),
        )
        .with_for_update(read=True, key_share=True)  # who deletes them waits, and deletes the vectors too
    )
    rows = [
        {"owner_id": owner_id, "thread_id": thread_id, "model": model, "pk": pk, "vector": vectors[pk]}
        for pk in pks
    ]
    if rows:
        connection.execute(upsert(connection, message_vectors).on_conflict_do_nothing(), rows)
