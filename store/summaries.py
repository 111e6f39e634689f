"""Store summaries: immutable versions that stand for all messages of a branch up to one message.

A message's ancestors are unique in a tree, so a summary is right on every branch through its last message, and is never
used on another. At most one version is active for each message.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Integer, and_, bindparam, case, func, insert, select, update

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


_OWN = and_(summaries.c.owner_id == bindparam("owner"), summaries.c.id == bindparam("summary"))
_OF_THREAD = and_(summaries.c.owner_id == bindparam("owner"), summaries.c.thread_id == bindparam("thread"))
_ACTIVE_AT_MESSAGE = and_(_OF_THREAD, summaries.c.upto_message_id == bindparam("message"), summaries.c.active)

_ADD = insert(summaries)
_REPLACE = update(summaries).where(_ACTIVE_AT_MESSAGE).values(active=False)
_GET = select(summaries).where(_OWN)
_ACTIVE_AT = select(summaries).where(_ACTIVE_AT_MESSAGE)
_RETIRE = update(summaries).where(_OWN, summaries.c.active).values(active=False)
_RESTORE = update(summaries).where(_OWN).values(active=True)
_UNDONE = (
    select(summaries.c.upto_message_id, func.min(summaries.c.upto_depth).label("depth"))
    .where(_OF_THREAD)
    .group_by(summaries.c.upto_message_id)
    .having(func.sum(case((summaries.c.active, 1), else_=0)) == 0)
)
_VERSIONS = (
    select(summaries)
    .where(_OF_THREAD)
    .order_by(summaries.c.created_at.desc(), summaries.c.id.desc())
    .limit(bindparam("limit", type_=Integer))
)


def add(connection: Connection, owner_id: str, thread_id: str, summary: NewSummary) -> None:
    """Add a version and make it the active one for its message."""
    connection.execute(_REPLACE, {"owner": owner_id, "thread": thread_id, "message": summary.upto_message_id})
    values = {
        name: getattr(summary, name)
        for name in NewSummary.__slots__
        if name not in ("segments", "facts", "shortened")
    }
    connection.execute(
        _ADD,
        {
            **values,
            "owner_id": owner_id,
            "thread_id": thread_id,
            "segments": to_json(summary.segments),
            "facts": facts_to_json(summary.facts),
            "shortened": summary.shortened.to_json(),
            "active": True,
        },
    )


def get(connection: Connection, owner_id: str, summary_id: str) -> SummaryVersion | None:
    """One version of an owner's summary, active or not."""
    row = connection.execute(_GET, {"owner": owner_id, "summary": summary_id}).one_or_none()
    return None if row is None else _value(row)


def active_at(
    connection: Connection, owner_id: str, thread_id: str, message_id: str
) -> SummaryVersion | None:
    """The active summary of everything up to a message."""
    names = {"owner": owner_id, "thread": thread_id, "message": message_id}
    row = connection.execute(_ACTIVE_AT, names).one_or_none()
    return None if row is None else _value(row)


def retire(connection: Connection, owner_id: str, summary_id: str) -> bool:
    """Undo a version: its messages are sent verbatim again, or an older summary stands for them. False if it was not active."""
    updated = connection.execute(_RETIRE, {"owner": owner_id, "summary": summary_id})
    return updated.rowcount == 1


def restore(connection: Connection, owner_id: str, summary_id: str) -> None:
    """Make an older version active again. The caller has retired the one that replaced it."""
    connection.execute(_RESTORE, {"owner": owner_id, "summary": summary_id})


def undone(connection: Connection, owner_id: str, thread_id: str) -> dict[str, int]:
    """Depth by id of the messages up to which a person undid the summary, and no other is active."""
    rows = connection.execute(_UNDONE, {"owner": owner_id, "thread": thread_id})
    return {row.upto_message_id: row.depth for row in rows}


def versions(
    connection: Connection, owner_id: str, thread_id: str, *, limit: int = 50
) -> list[SummaryVersion]:
    """The newest versions of a thread's summaries, newest first."""
    rows = connection.execute(_VERSIONS, {"owner": owner_id, "thread": thread_id, "limit": limit})
    return [_value(row) for row in rows]


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
