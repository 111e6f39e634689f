"""Read a thread's message tree: a branch from its leaf up, the siblings at a fork, the newest leaf below a message."""

from dataclasses import dataclass

from sqlalchemy import Connection, and_, bindparam, exists, func, literal, select, text

from context.messages import Role
from store.messages import StoredMessage, own, stored
from store.tables import messages, summaries


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
    start = select(
        messages.c.pk,
        messages.c.id,
        messages.c.parent_id,
        messages.c.tokens.label("total"),
        literal(1).label("length"),
    ).where(own(owner_id, leaf_id), messages.c.thread_id == thread_id)
    up = start.cte("up", recursive=True)
    parent = messages.alias("parent")
    step = (
        select(parent.c.pk, parent.c.id, parent.c.parent_id, up.c.total + parent.c.tokens, up.c.length + 1)
        .join(up, and_(parent.c.owner_id == owner_id, parent.c.id == up.c.parent_id))
        .where(up.c.length < rows)
    )
    if tokens is not None:
        step = step.where(up.c.total <= tokens)
    if stop_at is not None:
        step = step.where(up.c.id != stop_at)
    if until_summary:
        reached = exists().where(
            summaries.c.owner_id == owner_id,
            summaries.c.thread_id == thread_id,
            summaries.c.upto_message_id == up.c.id,
            summaries.c.active,
        )
        step = step.where(~reached)
    up = up.union_all(step)
    query = select(messages).join(up, messages.c.pk == up.c.pk).order_by(up.c.length.desc())
    return [stored(row) for row in connection.execute(query)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A message of a branch without its text. `tokens` as estimated when it was stored."""

    id: str
    role: Role
    tokens: int
    turn_id: str


def steps(connection: Connection, owner_id: str, thread_id: str, leaf_id: str) -> list[Step]:
    """The whole branch that ends at `leaf_id`, oldest first. Reads a row of every message of the thread: not for turns."""
    query = select(
        messages.c.id, messages.c.parent_id, messages.c.role, messages.c.tokens, messages.c.turn_id
    ).where(messages.c.owner_id == owner_id, messages.c.thread_id == thread_id)
    by_id = {row.id: row for row in connection.execute(query)}
    path, at = [], by_id.get(leaf_id)
    while at is not None:
        path.append(Step(id=at.id, role=at.role, tokens=at.tokens, turn_id=at.turn_id))
        at = by_id.get(at.parent_id)
    return path[::-1]


def siblings(
    connection: Connection, owner_id: str, thread_id: str, parent_ids: set[str | None]
) -> dict[str | None, list[str]]:
    """The ids of all children of each parent, oldest first; `None` stands for the thread's roots."""
    children: dict[str | None, list[str]] = {}
    # Without the hint SQLite would, for many ids, read the whole thread from an index that covers the columns.
    hint = "INDEXED BY messages_by_parent" if connection.dialect.name == "sqlite" else ""
    named = [parent_id for parent_id in parent_ids if parent_id is not None]
    conditions = [("parent_id IN :parents", named)] if named else []
    if None in parent_ids:
        conditions.append(("parent_id IS NULL", []))
    for condition, ids in conditions:
        query = text(
            f"SELECT parent_id, id FROM messages {hint} "  # noqa: S608 - fixed words
            f"WHERE owner_id = :owner AND thread_id = :thread AND {condition} ORDER BY pk"
        )
        values: dict[str, object] = {"owner": owner_id, "thread": thread_id}
        if ids:
            query, values["parents"] = query.bindparams(bindparam("parents", expanding=True)), ids
        for parent_id, message_id in connection.execute(query, values):
            children.setdefault(parent_id, []).append(message_id)
    return children


def newest_leaf(connection: Connection, owner_id: str, thread_id: str, message_id: str) -> str:
    """The end of the branch below a message, taking the newest child at every fork."""
    child = messages.alias("child")
    newer = messages.alias("newer")
    start = select(messages.c.id, messages.c.depth).where(
        own(owner_id, message_id), messages.c.thread_id == thread_id
    )
    down = start.cte("down", recursive=True)
    newest = (
        select(func.max(newer.c.pk))
        .where(newer.c.owner_id == owner_id, newer.c.thread_id == thread_id, newer.c.parent_id == down.c.id)
        .scalar_subquery()
    )
    down = down.union_all(select(child.c.id, child.c.depth).join(down, child.c.pk == newest))
    leaf_id = connection.scalar(select(down.c.id).order_by(down.c.depth.desc()).limit(1))
    return leaf_id or message_id
