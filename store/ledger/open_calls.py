"""Store open calls: upstream calls in flight, added before they are sent and removed when their ledger entry is written.

A process that dies leaves its open calls behind, so that the ledger knows of every call that may have been billed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, or_, select, true, update
from sqlalchemy.exc import IntegrityError

from store import lease_clock
from store.tables import open_calls, turns
from store.upsert import upsert


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCall:
    """A call without a ledger entry yet; its id is the one the entry will have.

    `prompt`: the estimated tokens of its prompt. `reserved`: what it reserved in budgets. `created_at` and `lease_until` in
    milliseconds; when the lease expires the call counts as abandoned.
    """

    id: str
    owner_id: str
    thread_id: str | None
    turn_id: str | None
    token: str | None
    feature: str | None
    purpose: str
    tier: str | None
    model: str
    attempt: int
    prompt: int
    holder: str
    reserved: list[dict[str, Any]]
    created_at: int
    lease_until: int | None = None


def add(connection: Connection, call: OpenCall) -> bool:
    """Add a call that is about to be sent. False when this very call is stored: an earlier COMMIT succeeded and its answer was lost.

    Raises IntegrityError when another call has its id.
    """
    values = {name: getattr(call, name) for name in OpenCall.__slots__}
    if call.lease_until is not None:
        lease = call.lease_until - call.created_at
        values["lease_until"] = lease_clock.now(connection, call.created_at) + lease
    added = connection.execute(
        upsert(connection, open_calls).values(**values).on_conflict_do_nothing(index_elements=["id"])
    )
    if added.rowcount == 1:
        return True
    (stored,) = _some(connection, open_calls.c.id == call.id)
    if replace(stored, lease_until=call.lease_until) != call:
        raise IntegrityError("another call has this id", None, ValueError(call.id))
    return False


def remove(connection: Connection, ids: Sequence[str]) -> list[OpenCall]:
    """Remove calls whose ledger entries are written in the same transaction; returns those that were still open."""
    # One statement: of two processes that close a call at the same time only one may get it.
    removed = connection.execute(delete(open_calls).where(open_calls.c.id.in_(ids)).returning(open_calls))
    return [_value(row) for row in removed]


def of_turn(connection: Connection, owner_id: str, turn_id: str) -> list[OpenCall]:
    """The open calls of a turn, in order."""
    return _some(connection, open_calls.c.owner_id == owner_id, open_calls.c.turn_id == turn_id)


def renew(connection: Connection, holder: str, *, now: int, lease: int) -> None:
    """Extend a process's leases on all its calls. Calls that are just being closed are skipped, so that nobody waits."""
    mine = select(open_calls.c.id).where(open_calls.c.holder == holder).with_for_update(skip_locked=True)
    until = lease_clock.now(connection, now) + lease
    connection.execute(update(open_calls).where(open_calls.c.id.in_(mine)).values(lease_until=until))


def shorten_leases(connection: Connection, *, now: int, lease: int) -> None:
    """As `store.turns.shorten_leases`, for calls."""
    present = lease_clock.now(connection, now)
    connection.execute(
        update(open_calls)
        .where(lease_clock.too_far(open_calls.c.lease_until, present, lease))
        .values(lease_until=present + lease)
    )


def abandoned(
    connection: Connection,
    before: int | None,
    *,
    holder: str | None = None,
    now: int | None = None,
    limit: int,
) -> list[OpenCall]:
    """Abandoned calls of all owners, oldest first: added before a time (None: all), or with a lease that expired by `now`. Housekeeping.

    `holder`: the process whose clock `before` is of; of other processes' calls only the leases count, if they have one.
    Calls of running turns are left to the process that takes the turn over: the turn's log has the text they brought.
    """
    old = true() if before is None else open_calls.c.created_at < before
    if holder is not None:
        old = and_(old, or_(open_calls.c.holder == holder, open_calls.c.lease_until.is_(None)))
    if now is None:
        return _some(connection, old, limit=limit)
    expired = and_(open_calls.c.lease_until < lease_clock.now(connection, now), ~_of_running_turn())
    return _some(connection, or_(old, expired), limit=limit)


def of_holder(connection: Connection, holder: str, *, limit: int) -> list[OpenCall]:
    """The calls of a process that belong to no running turn."""
    return _some(connection, open_calls.c.holder == holder, ~_of_running_turn(), limit=limit)


def _of_running_turn() -> ColumnElement[bool]:
    running = select(turns.c.id).where(turns.c.id == open_calls.c.turn_id, turns.c.status == "running")
    return running.exists()


def _some(
    connection: Connection, *conditions: ColumnElement[bool], limit: int | None = None
) -> list[OpenCall]:
    query = (
        select(open_calls).where(*conditions).order_by(open_calls.c.created_at, open_calls.c.id).limit(limit)
    )
    return [_value(row) for row in connection.execute(query)]


def _value(row: Any) -> OpenCall:
    return OpenCall(**{name: getattr(row, name) for name in OpenCall.__slots__})
