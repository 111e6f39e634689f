"""Read a thread's message tree: a branch from its leaf up, the siblings at a fork, the newest leaf below a message."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, TextClause, and_, bindparam, exists, func, literal, select, text

from context.messages import Role
from store.messages import StoredMessage, stored
from store.tables import messages, summaries

_OF_THREAD = and_(messages.c.owner_id == bindparam("owner"), messages.c.thread_id == bindparam("thread"))
_IN_THREAD = and_(_OF_THREAD, messages.c.id == bindparam("message"))


@cache
def _branch(*, limited: bool, stops: bool, until_summary: bool) -> Select[Any]:
    """Messages from one of them up: `limited` by the sum of their tokens, and as `branch` says."""
    start = select(
        messages.c.pk,
        messages.c.id,
        messages.c.parent_id,
        messages.c.tokens.label("total"),
        literal(1).label("length"),
    ).where(_IN_THREAD)
    up = start.cte("up", recursive=True)
    parent = messages.alias("parent")
    step = (
        select(parent.c.pk, parent.c.id, parent.c.parent_id, up.c.total + parent.c.tokens, up.c.length + 1)
        .join(up, and_(parent.c.owner_id == bindparam("owner"), parent.c.id == up.c.parent_id))
        .where(up.c.length < bindparam("rows"))
    )
    if limited:
        step = step.where(up.c.total <= bindparam("tokens"))
    if stops:
        step = step.where(up.c.id != bindparam("stop_at"))
    if until_summary:
        reached = exists().where(
            summaries.c.owner_id == bindparam("owner"),
            summaries.c.thread_id == bindparam("thread"),
            summaries.c.upto_message_id == up.c.id,
            summaries.c.active,
        )
        step = step.where(~reached)
    up = up.union_all(step)
    return select(messages).join(up, messages.c.pk == up.c.pk).order_by(up.c.length.desc())


def branch(
    connection: Connection,
    owner_id: str,
    thread_id: str,
    leaf_id: str,
    *,
    rows: int,
    tokens: int | None = None,
    stop_at: str | None = None,
    until_summary: bool = False,
) -> list[StoredMessage]:
    """The newest messages of the branch that ends at `leaf_id`, oldest first.

    Walks up from the leaf and stops after `rows` messages, with the message that takes the sum past `tokens`, at message
    `stop_at`, or at a message that an active summary reaches (`until_summary`). It reads what it returns, however long the thread.
    """
    query = _branch(limited=tokens is not None, stops=stop_at is not None, until_summary=until_summary)
    values = {
        "owner": owner_id,
        "thread": thread_id,
        "message": leaf_id,
        "rows": rows,
        "tokens": tokens,
        "stop_at": stop_at,
    }
    return [stored(row) for row in connection.execute(query, values)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A message of a branch without its text. `tokens` as estimated when it was stored."""

    id: str
    role: Role
    tokens: int
    turn_id: str


_STEPS = select(
    messages.c.id, messages.c.parent_id, messages.c.role, messages.c.tokens, messages.c.turn_id
).where(_OF_THREAD)


def steps(connection: Connection, owner_id: str, thread_id: str, leaf_id: str) -> list[Step]:
    """The whole branch that ends at `leaf_id`, oldest first. Reads a row of every message of the thread: not for turns."""
    rows = connection.execute(_STEPS, {"owner": owner_id, "thread": thread_id})
    by_id = {row.id: row for row in rows}
    path, at = [], by_id.get(leaf_id)
    while at is not None:
        path.append(Step(id=at.id, role=at.role, tokens=at.tokens, turn_id=at.turn_id))
        at = by_id.get(at.parent_id)
    return path[::-1]


@cache
def _children(dialect: str, *, of_roots: bool) -> TextClause:
    """The children of some messages, or (`of_roots`) the messages without a parent."""
    # Without the hint SQLite would, for many ids, read the whole thread from an index that covers the columns.
    hint = "INDEXED BY messages_by_parent" if dialect == "sqlite" else ""
    condition = "parent_id IS NULL" if of_roots else "parent_id IN :parents"
    query = text(
        f"SELECT parent_id, id FROM messages {hint} "  # noqa: S608 - fixed words
        f"WHERE owner_id = :owner AND thread_id = :thread AND {condition} ORDER BY pk"
    )
    return query if of_roots else query.bindparams(bindparam("parents", expanding=True))


def siblings(
    connection: Connection, owner_id: str, thread_id: str, parent_ids: set[str | None]
) -> dict[str | None, list[str]]:
    """The ids of all children of each parent, oldest first; `None` stands for the thread's roots."""
    children: dict[str | None, list[str]] = {}
    dialect, names = connection.dialect.name, {"owner": owner_id, "thread": thread_id}
    parents = [parent_id for parent_id in parent_ids if parent_id is not None]
    rows: list[Any] = []
    if parents:
        rows += connection.execute(_children(dialect, of_roots=False), {**names, "parents": parents})
    if None in parent_ids:
        rows += connection.execute(_children(dialect, of_roots=True), names)
    for parent_id, message_id in rows:
        children.setdefault(parent_id, []).append(message_id)
    return children


@cache
def _newest_leaf() -> Select[Any]:
    child = messages.alias("child")
    newer = messages.alias("newer")
    down = select(messages.c.id, messages.c.depth).where(_IN_THREAD).cte("down", recursive=True)
    newest = (
        select(func.max(newer.c.pk))
        .where(
            newer.c.owner_id == bindparam("owner"),
            newer.c.thread_id == bindparam("thread"),
            newer.c.parent_id == down.c.id,
        )
        .scalar_subquery()
    )
    down = down.union_all(select(child.c.id, child.c.depth).join(down, child.c.pk == newest))
    return select(down.c.id).order_by(down.c.depth.desc()).limit(1)


def newest_leaf(connection: Connection, owner_id: str, thread_id: str, message_id: str) -> str:
    """The end of the branch below a message, taking the newest child at every fork."""
    names = {"owner": owner_id, "thread": thread_id, "message": message_id}
    return connection.scalar(_newest_leaf(), names) or message_id
