"""Claim a thread before it is compacted: of several replicas one pays for the summary.

A claim is a lease by the database's clock. That of a process that died expires, and the thread can be claimed again.
"""

from sqlalchemy import ColumnElement, Connection, and_, delete, or_, update

from store import lease_clock, threads
from store.tables import compaction_claims
from store.upsert import upsert


def claim(
    connection: Connection, owner_id: str, thread_id: str, holder: str, *, now: int, lease: int
) -> bool:
    """Claim a thread for `lease` milliseconds. False when another holder has it, or the thread is gone."""
    if threads.lock(connection, owner_id, thread_id) is None:
        return False
    present = lease_clock.now(connection, now)
    claimed = connection.execute(
        upsert(connection, compaction_claims)
        .values(owner_id=owner_id, thread_id=thread_id, holder=holder, lease_until=present + lease)
        .on_conflict_do_update(
            index_elements=["owner_id", "thread_id"],
            set_={"holder": holder, "lease_until": present + lease},
            where=or_(compaction_claims.c.holder == holder, compaction_claims.c.lease_until < present),
        )
    )
    return claimed.rowcount == 1


def extend(
    connection: Connection, owner_id: str, thread_id: str, holder: str, *, now: int, lease: int
) -> bool:
    """Extend a claim. False when it has expired and was taken over, or the thread is gone."""
    extended = connection.execute(
        update(compaction_claims)
        .where(_of(owner_id, thread_id, holder))
        .values(lease_until=lease_clock.now(connection, now) + lease)
    )
    return extended.rowcount == 1


def release(connection: Connection, owner_id: str, thread_id: str, holder: str) -> None:
    """Give a claim up, if it is this holder's."""
    connection.execute(delete(compaction_claims).where(_of(owner_id, thread_id, holder)))


def _of(owner_id: str, thread_id: str, holder: str) -> ColumnElement[bool]:
    return and_(
        compaction_claims.c.owner_id == owner_id,
        compaction_claims.c.thread_id == thread_id,
        compaction_claims.c.holder == holder,
    )
