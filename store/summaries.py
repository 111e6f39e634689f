"""Store summaries: immutable versions that stand for all messages of a branch up to one message.

A message's ancestors are unique in a tree, so a summary is right on every branch through its last message, and is never
used on another. At most one version is active for each message.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, insert, select, update

from context.request.key_facts import NONE, KeyFacts, facts_from_json, facts_to_json
from context.request.shortened import NO_SHORT_REPLIES, ShortReplies
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


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSummary:
    """A version to be added. `upto_message_id`: the last message it stands for. `prompt_digest`: of the summarizer's instructions."""

    id: str
    upto_message_id: str
    upto_depth: int
    leaf_id: str | None
    segments: tuple[Segment, ...]
    based_on: str | None
    origin: str
    prompt_digest: str | None
    created_at: int
    facts: KeyFacts = NONE
    shortened: ShortReplies = NO_SHORT_REPLIES


def add(connection: Connection, owner_id: str, thread_id: str, summary: NewSummary) -> None:
    """Add a version and make it the active one for its message."""
    connection.execute(
        update(summaries)
        .where(
            _thread(owner_id, thread_id),
            summaries.c.upto_message_id == summary.upto_message_id,
            summaries.c.active,
        )
        .values(active=False)
    )
    values = {
        name: getattr(summary, name)
        for name in NewSummary.__slots__
        if name not in ("segments", "facts", "shortened")
    }
    connection.execute(
        insert(summaries).values(
            **values,
            owner_id=owner_id,
            thread_id=thread_id,
            segments=to_json(summary.segments),
            facts=facts_to_json(summary.facts),
            shortened=summary.shortened.to_json(),
            active=True,
        )
    )


def get(connection: Connection, owner_id: str, summary_id: str) -> SummaryVersion | None:
    """One version of an owner's summary, active or not."""
    condition = and_(summaries.c.owner_id == owner_id, summaries.c.id == summary_id)
    row = connection.execute(select(summaries).where(condition)).one_or_none()
    return None if row is None else _value(row)


def active_at(
    connection: Connection, owner_id: str, thread_id: str, message_id: str
) -> SummaryVersion | None:
    """The active summary of everything up to a message."""
    condition = and_(
        _thread(owner_id, thread_id), summaries.c.upto_message_id == message_id, summaries.c.active
    )
    row = connection.execute(select(summaries).where(condition)).one_or_none()
    return None if row is None else _value(row)


def retire(connection: Connection, owner_id: str, summary_id: str) -> bool:
    """Undo a version: its messages are sent verbatim again, or an older summary stands for them. False if it was not active."""
    updated = connection.execute(
        update(summaries)
        .where(summaries.c.owner_id == owner_id, summaries.c.id == summary_id, summaries.c.active)
        .values(active=False)
    )
    return updated.rowcount == 1


def restore(connection: Connection, owner_id: str, summary_id: str) -> None:
    """Make an older version active again. The caller has retired the one that replaced it."""
    connection.execute(
        update(summaries)
        .where(summaries.c.owner_id == owner_id, summaries.c.id == summary_id)
        .values(active=True)
    )


def undone(connection: Connection, owner_id: str, thread_id: str) -> dict[str, int]:
    """Depth by id of the messages up to which a person undid the summary, and no other is active."""
    c = summaries.c
    query = (
        select(c.upto_message_id, func.min(c.upto_depth).label("depth"))
        .where(_thread(owner_id, thread_id))
        .group_by(c.upto_message_id)
        .having(func.sum(case((c.active, 1), else_=0)) == 0)
    )
    return {row.upto_message_id: row.depth for row in connection.execute(query)}


def versions(
    connection: Connection, owner_id: str, thread_id: str, *, limit: int = 50
) -> list[SummaryVersion]:
    """The newest versions of a thread's summaries, newest first."""
    query = (
        select(summaries)
        .where(_thread(owner_id, thread_id))
        .order_by(summaries.c.created_at.desc(), summaries.c.id.desc())
        .limit(limit)
    )
    return [_value(row) for row in connection.execute(query)]


def _thread(owner_id: str, thread_id: str) -> ColumnElement[bool]:
    return and_(summaries.c.owner_id == owner_id, summaries.c.thread_id == thread_id)


def _value(row: Any) -> SummaryVersion:
    return SummaryVersion(
        summary=Summary(
            id=row.id,
            upto_id=row.upto_message_id,
            segments=from_json(row.segments),
            leaf_id=row.leaf_id,
            facts=facts_from_json(row.facts),
            shortened=ShortReplies.from_json(row.shortened),
        ),
        owner_id=row.owner_id,
        thread_id=row.thread_id,
        upto_depth=row.upto_depth,
        based_on=row.based_on,
        active=row.active,
        origin=row.origin,
        created_at=row.created_at,
    )
