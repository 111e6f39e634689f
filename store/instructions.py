"""Store the instructions of threads: every version there was, so that each turn can be replayed and each change be shown."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Integer, and_, bindparam, insert, select, update

from context.request.prompts import Instructions
from store.tables import thread_instructions, threads


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """Instructions from a time on (milliseconds since 1970 UTC); `text` None where they were removed.

    `after_id`: the last message of the visible branch at that time, None in an empty thread.
    """

    text: str | None
    after_id: str | None
    set_at: int


_OF_THREAD = and_(
    thread_instructions.c.owner_id == bindparam("owner"),
    thread_instructions.c.thread_id == bindparam("thread"),
)
_ADD = insert(thread_instructions)
_SET = update(threads).where(threads.c.owner_id == bindparam("owner"), threads.c.id == bindparam("thread"))
_GET = (
    select(thread_instructions.c.body)
    .where(_OF_THREAD, thread_instructions.c.digest == bindparam("digest"))
    .limit(1)
)
_VERSIONS = (
    select(thread_instructions)
    .where(_OF_THREAD)
    .order_by(thread_instructions.c.pk.desc())
    .limit(bindparam("limit", type_=Integer))
)


def put(
    connection: Connection,
    owner_id: str,
    thread_id: str,
    text: str | None,
    *,
    after_id: str | None,
    now: int,
) -> None:
    """Make a text the instructions of a thread from now on; None removes them. The thread is locked, and has others now."""
    version = None if text is None else Instructions.of(text)
    connection.execute(
        _ADD,
        {
            "owner_id": owner_id,
            "thread_id": thread_id,
            "digest": "" if version is None else version.digest,
            "body": text,
            "after_id": after_id,
            "set_at": now,
        },
    )
    values = {"instructions_digest": None if version is None else version.digest, "updated_at": now}
    connection.execute(_SET, {"owner": owner_id, "thread": thread_id, **values})


def get(connection: Connection, owner_id: str, thread_id: str, digest: str) -> Instructions | None:
    """The instructions that the thread has, or had, by their digest."""
    text = connection.scalar(_GET, {"owner": owner_id, "thread": thread_id, "digest": digest})
    return None if text is None else Instructions(text=text, digest=digest)


def versions(connection: Connection, owner_id: str, thread_id: str, *, limit: int) -> Sequence[Version]:
    """At most `limit` versions, the newest first."""
    rows = connection.execute(_VERSIONS, {"owner": owner_id, "thread": thread_id, "limit": limit})
    return [Version(text=row.body, after_id=row.after_id, set_at=row.set_at) for row in rows]
