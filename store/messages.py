"""Messages: the tree of a thread, and the branch of it that is visible."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, exists, func, insert, literal, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from context.messages import Message, Part, Role, Status, part_from_json, part_to_json
from store import search
from store.tables import messages, summaries


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessage:
    """A message with what the store knows about it: its place, its turn, what its answer cost.

    `pk` orders messages of one thread by creation; `cost_usd` is an exact decimal in USD, None when unpriced.
    """

    pk: int
    owner_id: str
    thread_id: str
    turn_id: str
    message: Message
    model: str | None
    finish_reason: str | None
    error: dict[str, Any] | None
    usage: dict[str, Any] | None
    cost_usd: str | None
    feedback: str | None
    created_at: int


async def add(
    connection: AsyncConnection,
    owner_id: str,
    thread_id: str,
    *,
    id: str,
    parent: Message | None,
    role: Role,
    status: Status,
    parts: tuple[Part, ...],
    tokens: int,
    turn_id: str,
    now: int,
) -> int:
    """Add a message under `parent` and return its `pk`. Raises IntegrityError when the owner has a message of that id."""
    made = await connection.execute(
        insert(messages)
        .values(
            owner_id=owner_id,
            id=id,
            thread_id=thread_id,
            parent_id=None if parent is None else parent.id,
            depth=0 if parent is None else parent.depth + 1,
            role=role,
            status=status,
            parts=[part_to_json(part) for part in parts],
            tokens=tokens,
            refused=False,
            turn_id=turn_id,
            created_at=now,
        )
        .returning(messages.c.pk)
    )
    pk: int = made.scalar_one()
    await search.index(connection, pk, parts)
    return pk


async def finish(
    connection: AsyncConnection,
    owner_id: str,
    message_id: str,
    *,
    status: Status,
    parts: tuple[Part, ...],
    tokens: int,
    refused: bool = False,
    model: str | None = None,
    finish_reason: str | None = None,
    error: dict[str, Any] | None = None,
    usage: dict[str, Any] | None = None,
    cost_usd: str | None = None,
) -> int:
    """Give a streaming answer its final content; it never changes again. Returns its `pk`."""
    done = await connection.execute(
        update(messages)
        .where(_own(owner_id, message_id), messages.c.status == "streaming")
        .values(
            status=status,
            parts=[part_to_json(part) for part in parts],
            tokens=tokens,
            refused=refused,
            model=model,
            finish_reason=finish_reason,
            error=error,
            usage=usage,
            cost_usd=cost_usd,
        )
        .returning(messages.c.pk)
    )
    pk: int = done.scalar_one()
    await search.index(connection, pk, parts)
    return pk


async def get(
    connection: AsyncConnection, owner_id: str, message_id: str, *, thread_id: str | None = None
) -> StoredMessage | None:
    """One message of an owner, and of one thread if that is named."""
    query = select(messages).where(_own(owner_id, message_id))
    if thread_id is not None:
        query = query.where(messages.c.thread_id == thread_id)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _value(row)


async def branch(
    connection: AsyncConnection,
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
    `stop_at`, or at a message that an active summary reaches (`until_summary`): what it reads depends on what it returns, never on the length of the thread.
    """
    start = select(
        messages.c.pk,
        messages.c.id,
        messages.c.parent_id,
        messages.c.tokens.label("total"),
        literal(1).label("length"),
    ).where(_own(owner_id, leaf_id), messages.c.thread_id == thread_id)
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
    return [_value(row) for row in await connection.execute(query)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A message of a branch without its words. `tokens` as estimated when it was stored."""

    id: str
    role: Role
    tokens: int
    turn_id: str


async def steps(connection: AsyncConnection, owner_id: str, thread_id: str, leaf_id: str) -> list[Step]:
    """All of the branch that ends at `leaf_id`, oldest first. Reads the outline of the whole thread: not for turns."""
    query = select(
        messages.c.id, messages.c.parent_id, messages.c.role, messages.c.tokens, messages.c.turn_id
    ).where(messages.c.owner_id == owner_id, messages.c.thread_id == thread_id)
    known = {row.id: row for row in await connection.execute(query)}
    path, at = [], known.get(leaf_id)
    while at is not None:
        path.append(Step(id=at.id, role=at.role, tokens=at.tokens, turn_id=at.turn_id))
        at = known.get(at.parent_id)
    return path[::-1]


async def siblings(
    connection: AsyncConnection, owner_id: str, thread_id: str, parent_ids: set[str | None]
) -> dict[str | None, list[str]]:
    """The ids of all children of each parent, oldest first; `None` stands for the thread's roots."""
    found: dict[str | None, list[str]] = {}
    # Without the hint SQLite would, for many ids, rather read the whole thread from an index that covers the columns.
    hint = "INDEXED BY messages_by_parent" if connection.dialect.name == "sqlite" else ""
    named = [parent_id for parent_id in parent_ids if parent_id is not None]
    conditions = [("parent_id IN :named", named)] if named else []
    if None in parent_ids:
        conditions.append(("parent_id IS NULL", []))
    for condition, ids in conditions:
        query = text(
            f"SELECT parent_id, id FROM messages {hint} "  # noqa: S608 - fixed words
            f"WHERE owner_id = :owner AND thread_id = :thread AND {condition} ORDER BY pk"
        )
        given: dict[str, object] = {"owner": owner_id, "thread": thread_id}
        if ids:
            query, given["named"] = query.bindparams(bindparam("named", expanding=True)), ids
        for parent_id, message_id in await connection.execute(query, given):
            found.setdefault(parent_id, []).append(message_id)
    return found


async def newest_leaf(connection: AsyncConnection, owner_id: str, thread_id: str, message_id: str) -> str:
    """The end of the branch below a message, taking the newest child at every fork."""
    child = messages.alias("child")
    newer = messages.alias("newer")
    start = select(messages.c.id, messages.c.depth).where(
        _own(owner_id, message_id), messages.c.thread_id == thread_id
    )
    down = start.cte("down", recursive=True)
    newest = (
        select(func.max(newer.c.pk))
        .where(newer.c.owner_id == owner_id, newer.c.thread_id == thread_id, newer.c.parent_id == down.c.id)
        .scalar_subquery()
    )
    down = down.union_all(select(child.c.id, child.c.depth).join(down, child.c.pk == newest))
    found = await connection.scalar(select(down.c.id).order_by(down.c.depth.desc()).limit(1))
    return found or message_id


async def rate(connection: AsyncConnection, owner_id: str, message_id: str, feedback: str | None) -> bool:
    """Note what a person thinks of a message. False when the owner has no such message."""
    done = await connection.execute(
        update(messages).where(_own(owner_id, message_id)).values(feedback=feedback)
    )
    return done.rowcount == 1


def _own(owner_id: str, message_id: str) -> ColumnElement[bool]:
    return and_(messages.c.owner_id == owner_id, messages.c.id == message_id)


def _value(row: Any) -> StoredMessage:
    return StoredMessage(
        pk=row.pk,
        owner_id=row.owner_id,
        thread_id=row.thread_id,
        turn_id=row.turn_id,
        message=Message(
            id=row.id,
            parent_id=row.parent_id,
            role=row.role,
            status=row.status,
            parts=tuple(part_from_json(part) for part in row.parts),
            depth=row.depth,
            tokens=row.tokens,
            refused=row.refused,
        ),
        model=row.model,
        finish_reason=row.finish_reason,
        error=row.error,
        usage=row.usage,
        cost_usd=row.cost_usd,
        feedback=row.feedback,
        created_at=row.created_at,
    )
