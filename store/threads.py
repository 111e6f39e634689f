"""Store threads: create, read, list, change, delete."""

from dataclasses import dataclass
from functools import cache
from typing import Any, TypedDict, Unpack

from sqlalchemy import (
    Connection,
    Insert,
    Integer,
    Select,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    update,
)

from store import event_rounds
from store.search import messages
from store.tables import threads, turns
from store.upsert import upsert


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """A conversation. Times in milliseconds since 1970 UTC; `leaf_id` is the newest message of the visible branch.

    `instructions_digest` is of its instructions, None where it has none.
    """

    owner_id: str
    id: str
    title: str | None
    title_source: str | None
    metadata: dict[str, Any]
    created_at: int
    updated_at: int
    archived_at: int | None
    leaf_id: str | None
    unread: bool
    running_turn_id: str | None
    tier_pin: str | None
    instructions_digest: str | None


class Changes(TypedDict, total=False):
    """Columns of a thread that change, with their new values."""

    title: str | None
    title_source: str | None
    meta: dict[str, Any]
    updated_at: int
    archived_at: int | None
    leaf_id: str | None
    tier_pin: str | None
    answered_pk: int
    read_pk: int


_OWN = and_(threads.c.owner_id == bindparam("owner"), threads.c.id == bindparam("thread"))
_RUNNING_TURN = (
    select(turns.c.id)
    .where(
        turns.c.owner_id == threads.c.owner_id,
        turns.c.thread_id == threads.c.id,
        turns.c.status == "running",
    )
    .scalar_subquery()
)
_THREADS = select(threads, _RUNNING_TURN.label("running_turn_id"))
_GET = _THREADS.where(_OWN)
_LOCK = select(threads.c.id).where(_OWN).with_for_update()
_OWNERS = select(threads.c.owner_id).where(threads.c.id == bindparam("thread")).order_by(threads.c.owner_id)
_CHANGE = update(threads).where(_OWN)
_MARK_READ = _CHANGE.values(read_pk=threads.c.answered_pk)
_REMOVE = delete(threads).where(_OWN)
_TURNS = select(turns.c.id).where(
    turns.c.owner_id == bindparam("owner"), turns.c.thread_id == bindparam("thread")
)


@cache
def _insert(dialect: str) -> Insert:
    return upsert(dialect, threads).on_conflict_do_nothing()


@cache
def _page(*, archived: bool, continued: bool) -> Select[Any]:
    """Threads of an owner, last changed first; `continued`: those behind one that was seen."""
    archived_at = threads.c.archived_at
    query = _THREADS.where(
        threads.c.owner_id == bindparam("owner"),
        archived_at.is_not(None) if archived else archived_at.is_(None),
    )
    if continued:
        at, thread_id = threads.c.updated_at, threads.c.id
        query = query.where(
            or_(at < bindparam("at"), and_(at == bindparam("at"), thread_id < bindparam("thread")))
        )
    return query.order_by(threads.c.updated_at.desc(), threads.c.id.desc()).limit(
        bindparam("limit", type_=Integer)
    )


def create(
    connection: Connection,
    owner_id: str,
    thread_id: str,
    *,
    now: int,
    title: str | None = None,
    metadata: dict[str, Any] | None = None,
) -> bool:
    """Create a thread unless the owner has one with that id. True when it is new."""
    inserted = connection.execute(
        _insert(connection.dialect.name),
        {
            "owner_id": owner_id,
            "id": thread_id,
            "title": title,
            "title_source": "user" if title is not None else None,
            "meta": metadata or {},
            "created_at": now,
            "updated_at": now,
            "answered_pk": 0,
            "read_pk": 0,
        },
    )
    return inserted.rowcount == 1


def get(connection: Connection, owner_id: str, thread_id: str) -> Thread | None:
    """One thread of an owner."""
    row = connection.execute(_GET, {"owner": owner_id, "thread": thread_id}).one_or_none()
    return None if row is None else _value(row)


def owners(connection: Connection, thread_id: str) -> list[str]:
    """All owners of a thread with this id: for the operator."""
    return list(connection.scalars(_OWNERS, {"thread": thread_id}))


def lock(connection: Connection, owner_id: str, thread_id: str) -> Thread | None:
    """Read one thread and lock it until the transaction ends. On SQLite the transaction has the whole database to itself."""
    if connection.dialect.name != "sqlite":
        connection.execute(_LOCK, {"owner": owner_id, "thread": thread_id})
    return get(connection, owner_id, thread_id)


def page(
    connection: Connection,
    owner_id: str,
    *,
    limit: int,
    after: tuple[int, str] | None = None,
    archived: bool = False,
    title_contains: str | None = None,
) -> list[Thread]:
    """At most `limit` threads, last changed first. `after` is the (updated_at, id) of the last one already seen."""
    query = _page(archived=archived, continued=after is not None)
    if title_contains:
        query = query.where(func.lower(threads.c.title).contains(title_contains.lower(), autoescape=True))
    at, thread_id = (None, None) if after is None else after
    rows = connection.execute(query, {"owner": owner_id, "at": at, "thread": thread_id, "limit": limit})
    return [_value(row) for row in rows]


def change(connection: Connection, owner_id: str, thread_id: str, **values: Unpack[Changes]) -> bool:
    """Set columns of a thread. False when the owner has no such thread."""
    updated = connection.execute(_CHANGE, {"owner": owner_id, "thread": thread_id, **values})
    return updated.rowcount == 1


def mark_read(connection: Connection, owner_id: str, thread_id: str) -> None:
    """Mark everything answered so far as read."""
    connection.execute(_MARK_READ, {"owner": owner_id, "thread": thread_id})


def remove(connection: Connection, owner_id: str, thread_id: str) -> bool:
    """Delete a thread with its messages, turns, events and summaries; its usage stays in the ledger."""
    messages.forget_thread(connection, owner_id, thread_id)
    event_rounds.erase(connection, connection.scalars(_TURNS, {"owner": owner_id, "thread": thread_id}).all())
    deleted = connection.execute(_REMOVE, {"owner": owner_id, "thread": thread_id})
    return deleted.rowcount == 1


def _value(row: Any) -> Thread:
    return Thread(
        owner_id=row.owner_id,
        id=row.id,
        title=row.title,
        title_source=row.title_source,
        metadata=row.meta,
        created_at=row.created_at,
        updated_at=row.updated_at,
        archived_at=row.archived_at,
        leaf_id=row.leaf_id,
        unread=row.answered_pk > row.read_pk,
        running_turn_id=row.running_turn_id,
        tier_pin=row.tier_pin,
        instructions_digest=row.instructions_digest,
    )
