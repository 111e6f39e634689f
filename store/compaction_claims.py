"""Claim a thread before it is compacted: of several replicas one pays for the summary.

A claim is a lease by the database's clock. That of a process that died expires, and the thread can be claimed again.
"""

from functools import cache

from sqlalchemy import Connection, Insert, Update, and_, bindparam, delete, or_, update

from store import lease_clock, threads
from store.tables import compaction_claims
from store.upsert import upsert

_OWN_CLAIM = and_(
    compaction_claims.c.owner_id == bindparam("owner"),
    compaction_claims.c.thread_id == bindparam("thread"),
    compaction_claims.c.holder == bindparam("by"),
)
_RELEASE = delete(compaction_claims).where(_OWN_CLAIM)


@cache
def _claim(dialect: str) -> Insert:
    added = upsert(dialect, compaction_claims).values(lease_until=lease_clock.until(dialect))
    return added.on_conflict_do_update(
        index_elements=["owner_id", "thread_id"],
        set_={"holder": added.excluded.holder, "lease_until": lease_clock.until(dialect)},
        where=or_(
            compaction_claims.c.holder == added.excluded.holder,
            compaction_claims.c.lease_until < lease_clock.present(dialect),
        ),
    )


@cache
def _extend(dialect: str) -> Update:
    return update(compaction_claims).where(_OWN_CLAIM).values(lease_until=lease_clock.until(dialect))


def claim(
    connection: Connection, owner_id: str, thread_id: str, holder: str, *, now: int, lease: int
) -> bool:
    """Claim a thread for `lease` milliseconds. False when another holder has it, or the thread is gone."""
    if threads.lock(connection, owner_id, thread_id) is None:
        return False
    claimed = connection.execute(
        _claim(connection.dialect.name),
        {"owner_id": owner_id, "thread_id": thread_id, "holder": holder, "now": now, "lease": lease},
    )
    return claimed.rowcount == 1


def extend(
    connection: Connection, owner_id: str, thread_id: str, holder: str, *, now: int, lease: int
) -> bool:
    """Extend a claim. False when it has expired and was taken over, or the thread is gone."""
    extended = connection.execute(
        _extend(connection.dialect.name),
        {"owner": owner_id, "thread": thread_id, "by": holder, "now": now, "lease": lease},
    )
    return extended.rowcount == 1


def release(connection: Connection, owner_id: str, thread_id: str, holder: str) -> None:
    """Give a claim up, if it is this holder's."""
    connection.execute(_RELEASE, {"owner": owner_id, "thread": thread_id, "by": holder})
