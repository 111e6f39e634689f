"""Store open calls: upstream calls in flight, added before they are sent and removed when their ledger entry is written.

A process that dies leaves its open calls behind, so that the ledger knows of every call that may have been billed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from sqlalchemy import (
    Connection,
    Insert,
    Integer,
    Select,
    Update,
    and_,
    bindparam,
    delete,
    or_,
    select,
    true,
    update,
)
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


_OF_RUNNING_TURN = (
    select(turns.c.id).where(turns.c.id == open_calls.c.turn_id, turns.c.status == "running").exists()
)
_IN_ORDER = select(open_calls).order_by(open_calls.c.created_at, open_calls.c.id)
_GET = _IN_ORDER.where(open_calls.c.id == bindparam("call"))
_OF_TURN = _IN_ORDER.where(
    open_calls.c.owner_id == bindparam("owner"), open_calls.c.turn_id == bindparam("turn")
)
_OF_HOLDER = _IN_ORDER.where(open_calls.c.holder == bindparam("holder"), ~_OF_RUNNING_TURN).limit(
    bindparam("limit", type_=Integer)
)
_REMOVE = (
    delete(open_calls).where(open_calls.c.id.in_(bindparam("ids", expanding=True))).returning(open_calls)
)


@cache
def _add(dialect: str) -> Insert:
    added = upsert(dialect, open_calls).values(lease_until=lease_clock.until(dialect))
    return added.on_conflict_do_nothing(index_elements=["id"])


@cache
def _renew(dialect: str) -> Update:
    held = select(open_calls.c.id).where(open_calls.c.holder == bindparam("by"))
    return (
        update(open_calls)
        .where(open_calls.c.id.in_(held.with_for_update(skip_locked=True)))
        .values(lease_until=lease_clock.until(dialect))
    )


@cache
def _shorten(dialect: str) -> Update:
    too_far = lease_clock.too_far(open_calls.c.lease_until, dialect)
    return update(open_calls).where(too_far).values(lease_until=lease_clock.until(dialect))


@cache
def _abandoned(dialect: str, *, of_any_age: bool, one_holder: bool, leases: bool) -> Select[Any]:
    """Calls of an age (or `of_any_age`), of `one_holder` or of all; with `leases` also those with an expired lease."""
    old = true() if of_any_age else open_calls.c.created_at < bindparam("before")
    if one_holder:
        old = and_(old, or_(open_calls.c.holder == bindparam("holder"), open_calls.c.lease_until.is_(None)))
    expired = and_(open_calls.c.lease_until < lease_clock.present(dialect), ~_OF_RUNNING_TURN)
    query = _IN_ORDER.where(or_(old, expired) if leases else old)
    return query.limit(bindparam("limit", type_=Integer))


def add(connection: Connection, call: OpenCall) -> bool:
    """Add a call that is about to be sent. False when this very call is stored: an earlier COMMIT succeeded and its answer was lost.

    Raises IntegrityError when another call has its id.
    """
    values = {name: getattr(call, name) for name in OpenCall.__slots__ if name != "lease_until"}
    lease = (
        None if call.lease_until is None else call.lease_until - call.created_at
    )  # NULL makes their sum NULL
    added = connection.execute(
        _add(connection.dialect.name), {**values, "now": call.created_at, "lease": lease}
    )
    if added.rowcount == 1:
        return True
    (stored,) = _some(connection, _GET, {"call": call.id})
    if replace(stored, lease_until=call.lease_until) != call:
        raise IntegrityError("another call has this id", None, ValueError(call.id))
    return False


def remove(connection: Connection, ids: Sequence[str]) -> list[OpenCall]:
    """Remove calls whose ledger entries are written in the same transaction; returns those that were still open."""
    # One statement: of two processes that close a call at the same time only one may get it.
    removed = connection.execute(_REMOVE, {"ids": ids})
    return [_value(row) for row in removed]


def of_turn(connection: Connection, owner_id: str, turn_id: str) -> list[OpenCall]:
    """The open calls of a turn, in order."""
    return _some(connection, _OF_TURN, {"owner": owner_id, "turn": turn_id})


def renew(connection: Connection, holder: str, *, now: int, lease: int) -> None:
    """Extend a process's leases on all its calls. Calls that are just being closed are skipped, so that nobody waits."""
    connection.execute(_renew(connection.dialect.name), {"by": holder, "now": now, "lease": lease})


def shorten_leases(connection: Connection, *, now: int, lease: int) -> None:
    """As `store.turns.shorten_leases`, for calls."""
    connection.execute(_shorten(connection.dialect.name), {"now": now, "lease": lease})


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
    query = _abandoned(
        connection.dialect.name,
        of_any_age=before is None,
        one_holder=holder is not None,
        leases=now is not None,
    )
    return _some(connection, query, {"before": before, "holder": holder, "now": now, "limit": limit})


def of_holder(connection: Connection, holder: str, *, limit: int) -> list[OpenCall]:
    """The calls of a process that belong to no running turn."""
    return _some(connection, _OF_HOLDER, {"holder": holder, "limit": limit})


def _some(connection: Connection, query: Select[Any], values: dict[str, Any]) -> list[OpenCall]:
    return [_value(row) for row in connection.execute(query, values)]


def _value(row: Any) -> OpenCall:
    return OpenCall(**{name: getattr(row, name) for name in OpenCall.__slots__})
