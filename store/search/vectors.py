"""Store embeddings of messages: one short vector for each, written in the background.

A message without a vector is not found by meaning. Vectors are deleted with their thread.
"""

from collections.abc import Mapping
from functools import cache

from sqlalchemy import Connection, Insert, Integer, and_, bindparam, func, select

from store.search.parts import text_of
from store.tables import message_vectors, messages
from store.upsert import upsert

_OF_THREAD = and_(messages.c.owner_id == bindparam("owner"), messages.c.thread_id == bindparam("thread"))
_VECTORS = select(message_vectors.c.pk, message_vectors.c.vector).where(
    message_vectors.c.owner_id == bindparam("owner"),
    message_vectors.c.thread_id == bindparam("thread"),
    message_vectors.c.model == bindparam("model"),
)
_BETWEEN = _VECTORS.where(
    message_vectors.c.pk.between(bindparam("first"), bindparam("last")),
    func.length(message_vectors.c.vector) > 0,
)
_DEEPEST = select(func.max(messages.c.depth)).where(_OF_THREAD).scalar_subquery()
_MISSING = (
    select(messages.c.pk, messages.c.parts)
    .where(
        _OF_THREAD,
        messages.c.depth > _DEEPEST - bindparam("reach"),
        messages.c.status != "streaming",
        ~_VECTORS.where(message_vectors.c.pk == messages.c.pk).exists(),
    )
    .order_by(messages.c.depth.desc(), messages.c.pk.desc())
    .limit(bindparam("most", type_=Integer))
)
_STILL_THERE = (
    select(messages.c.pk)
    .where(_OF_THREAD, messages.c.pk.in_(bindparam("pks", expanding=True)))
    .with_for_update(read=True, key_share=True)  # who deletes them waits, and deletes the vectors too
)


@cache
def _insert(dialect: str) -> Insert:
    return upsert(dialect, message_vectors).on_conflict_do_nothing()


def between(
    connection: Connection, owner_id: str, thread_id: str, model: str, first: int, last: int
) -> dict[int, bytes]:
    """The vectors of a thread's messages from `pk` first to last, of every branch, by `pk`."""
    values = {"owner": owner_id, "thread": thread_id, "model": model, "first": first, "last": last}
    return {row.pk: row.vector for row in connection.execute(_BETWEEN, values)}


def missing(
    connection: Connection, owner_id: str, thread_id: str, model: str, *, reach: int, most: int
) -> dict[int, str]:
    """Texts of the newest `most` finished messages of a thread without a vector of that model, by `pk`.

    Only the `reach` greatest depths are searched.
    """
    values = {"owner": owner_id, "thread": thread_id, "model": model, "reach": reach, "most": most}
    return {pk: text_of(parts) for pk, parts in connection.execute(_MISSING, values)}


def keep(
    connection: Connection, owner_id: str, thread_id: str, model: str, vectors: Mapping[int, bytes]
) -> None:
    """Store vectors by `pk`. One that another process stored meanwhile stays; messages of a deleted thread are ignored."""
    pks = connection.scalars(_STILL_THERE, {"owner": owner_id, "thread": thread_id, "pks": list(vectors)})
    rows = [
        {"owner_id": owner_id, "thread_id": thread_id, "model": model, "pk": pk, "vector": vectors[pk]}
        for pk in pks
    ]
    if rows:
        connection.execute(_insert(connection.dialect.name), rows)
