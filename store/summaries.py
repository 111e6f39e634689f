"""Summaries: immutable versions of what stands for all messages of a branch up to one of them.

A message's ancestors are unique in a tree, so a summary is right on every branch that goes through its last message, and is never
used on another. At most one version is active for each message.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from context.request.summary_blocks import Segment, Summary, from_json, to_json
from store.tables import summaries


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryVersion:
    """One version. `origin`: model, user or import; `based_on`: the version it was made from."""

    summary: Summary
    owner_id: str
    thread_id: str
    upto_depth: int
    based_on: str | None
    active: bool
    origin: str
    created_at: int


async def add(
    connection: AsyncConnection,
    owner_id: str,
    thread_id: str,
    *,
    id: str,
    upto_message_id: str,
    upto_depth: int,
    leaf_id: str | None,
    segments: tuple[Segment, ...],
    based_on: str | None,
    origin: str,
    prompt_digest: str | None,
    now: int,
) -> None:
    """Add a version and make it the active one for its message."""
    await connection.execute(
        update(summaries)
        .where(
            _thread(owner_id, thread_id), summaries.c.upto_message_id == upto_message_id, summaries.c.active
        )
        .values(active=False)
    )
    await connection.execute(
        insert(summaries).values(
            id=id,
            owner_id=owner_id,
            thread_id=thread_id,
            upto_message_id=upto_message_id,
            upto_depth=upto_depth,
            leaf_id=leaf_id,
            based_on=based_on,
            segments=to_json(segments),
            active=True,
            origin=origin,
            prompt_digest=prompt_digest,
            created_at=now,
        )
    )


async def get(connection: AsyncConnection, owner_id: str, summary_id: str) -> SummaryVersion | None:
    """One version of an owner's summary, active or not."""
    condition = and_(summaries.c.owner_id == owner_id, summaries.c.id == summary_id)
    row = (await connection.execute(select(summaries).where(condition))).one_or_none()
    return None if row is None else _value(row)


async def active_at(
    connection: AsyncConnection, owner_id: str, thread_id: str, message_id: str
) -> SummaryVersion | None:
    """The active summary of everything up to a message."""
    condition = and_(
        _thread(owner_id, thread_id), summaries.c.upto_message_id == message_id, summaries.c.active
    )
    row = (await connection.execute(select(summaries).where(condition))).one_or_none()
    return None if row is None else _value(row)


async def retire(connection: AsyncConnection, owner_id: str, summary_id: str) -> bool:
    """Undo: the version is used no more; what it stood for is sent verbatim, or by an older summary. False if it was not active."""
    done = await connection.execute(
        update(summaries)
        .where(summaries.c.owner_id == owner_id, summaries.c.id == summary_id, summaries.c.active)
        .values(active=False)
    )
    return done.rowcount == 1


async def restore(connection: AsyncConnection, owner_id: str, summary_id: str) -> None:
    """Make an older version active again. The caller has retired the one that took its place."""
    await connection.execute(
        update(summaries)
        .where(summaries.c.owner_id == owner_id, summaries.c.id == summary_id)
        .values(active=True)
    )


async def undone_upto(connection: AsyncConnection, owner_id: str, thread_id: str) -> int | None:
    """The depth up to which a person undid the newest summary; None when the newest one stands."""
    newest = await versions(connection, owner_id, thread_id, limit=1)
    if not newest or newest[0].active:
        return None
    stands = await active_at(connection, owner_id, thread_id, newest[0].summary.upto_id)
    return newest[0].upto_depth if stands is None else None


async def versions(
    connection: AsyncConnection, owner_id: str, thread_id: str, *, limit: int = 50
) -> list[SummaryVersion]:
    """The newest versions of a thread's summaries, newest first."""
    query = (
        select(summaries)
        .where(_thread(owner_id, thread_id))
        .order_by(summaries.c.created_at.desc(), summaries.c.id.desc())
        .limit(limit)
    )
    return [_value(row) for row in await connection.execute(query)]


def _thread(owner_id: str, thread_id: str) -> ColumnElement[bool]:
    return and_(summaries.c.owner_id == owner_id, summaries.c.thread_id == thread_id)


def _value(row: Any) -> SummaryVersion:
    return SummaryVersion(
        summary=Summary(
            id=row.id, upto_id=row.upto_message_id, segments=from_json(row.segments), leaf_id=row.leaf_id
        ),
        owner_id=row.owner_id,
        thread_id=row.thread_id,
        upto_depth=row.upto_depth,
        based_on=row.based_on,
        active=row.active,
        origin=row.origin,
        created_at=row.created_at,
    )
