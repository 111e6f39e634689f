"""Outbox of webhooks: what endpoints are to be sent, claimed by one replica at a time, kept until it is delivered or given up.

A claim is a lease by the database's clock. That of a process that died expires, and the delivery is due again.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal

from sqlalchemy import (
    Connection,
    Insert,
    Integer,
    Select,
    Update,
    and_,
    bindparam,
    delete,
    select,
    update,
)

from store import lease_clock
from store.tables import webhook_deliveries
from store.upsert import upsert

DeliveryStatus = Literal["waiting", "delivered", "given_up"]
LONGEST_PAUSE = 2 * 3_600_000  # milliseconds that no pause between two tries is longer than


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """A delivery to be added. Times in milliseconds since 1970 UTC."""

    id: str
    endpoint: str
    event: str
    body: str
    created_at: int
    give_up_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A delivery as stored. `tries`: how often it was claimed; `result`: of the newest try; `next_at`: None when it has ended."""

    id: str
    endpoint: str
    event: str
    body: str
    status: DeliveryStatus
    tries: int
    result: str | None
    next_at: int | None
    created_at: int
    give_up_at: int
    finished_at: int | None


_ROWS = webhook_deliveries.c
_WAITING = _ROWS.status == "waiting"
_THESE = _ROWS.id.in_(bindparam("deliveries", expanding=True))
_NEWEST_FIRST = (_ROWS.created_at.desc(), _ROWS.id.desc())
_REMOVE_OLD = delete(webhook_deliveries).where(_ROWS.finished_at < bindparam("before"))
_GIVE_UP_UNTRIED = (
    update(webhook_deliveries)
    .where(_WAITING, _ROWS.give_up_at < bindparam("before"))
    .values(status="given_up", next_at=None, finished_at=bindparam("now"))
)
_OWN_CLAIM = and_(_ROWS.id == bindparam("delivery"), _WAITING, _ROWS.tries == bindparam("so_far"))
_ENDED: dict[str, Any] = {
    "status": bindparam("ended"),
    "result": bindparam("outcome"),
    "next_at": None,
    "finished_at": bindparam("now"),
}
_GIVE_UP = update(webhook_deliveries).where(_OWN_CLAIM).values(_ENDED)
_DELIVER = update(webhook_deliveries).where(_ROWS.id == bindparam("delivery")).values(_ENDED)
_AGAIN = update(webhook_deliveries).values(
    status="waiting", next_at=0, tries=0, give_up_at=bindparam("until"), finished_at=None
)


@cache
def _add(dialect: str) -> Insert:
    return upsert(dialect, webhook_deliveries).on_conflict_do_nothing()


@cache
def _due(dialect: str) -> Select[Any]:
    due = _ROWS.next_at <= lease_clock.present(dialect)
    return select(webhook_deliveries).where(_ROWS.endpoint == bindparam("endpoint"), _WAITING, due)


@cache
def _any_due(dialect: str) -> Select[Any]:
    return _due(dialect).limit(1)


@cache
def _claim(dialect: str) -> Select[Any]:
    oldest = _due(dialect).order_by(_ROWS.next_at, _ROWS.id)
    return oldest.limit(bindparam("limit", type_=Integer)).with_for_update(skip_locked=True)


@cache
def _shorten(dialect: str) -> Update:
    too_far = lease_clock.too_far(_ROWS.next_at, dialect)
    return update(webhook_deliveries).where(_WAITING, too_far).values(next_at=0)


@cache
def _hold(dialect: str) -> Update:
    return (
        update(webhook_deliveries)
        .where(_THESE)
        .values(next_at=lease_clock.until(dialect), tries=_ROWS.tries + 1)
    )


@cache
def _postpone(dialect: str) -> Update:
    due_again = {"next_at": lease_clock.until(dialect), "result": bindparam("outcome")}
    return update(webhook_deliveries).where(_OWN_CLAIM).values(due_again)


def add(connection: Connection, deliveries: Sequence[NewDelivery]) -> None:
    """Add deliveries that are due at once, in the transaction that stores what they report. Without any it executes nothing."""
    if deliveries:
        begun = {"status": "waiting", "tries": 0, "next_at": 0}
        connection.execute(
            _add(connection.dialect.name), [{**asdict(delivery), **begun} for delivery in deliveries]
        )


def any_due(connection: Connection, endpoint: str, now: int) -> bool:
    """Whether a delivery to an endpoint is due."""
    query = _any_due(connection.dialect.name)
    rows = connection.execute(query, {"endpoint": endpoint, "now": now})
    return rows.first() is not None


def claim(connection: Connection, endpoint: str, *, now: int, lease: int, limit: int) -> list[Delivery]:
    """Claim what is due for an endpoint for `lease` milliseconds: first what was never tried, then what waits longest."""
    dialect = connection.dialect.name
    rows = connection.execute(_claim(dialect), {"endpoint": endpoint, "now": now, "limit": limit}).all()
    if not rows:
        return []
    ids = [row.id for row in rows]
    connection.execute(_hold(dialect), {"deliveries": ids, "now": now, "lease": lease})
    return [_value(row, tries=row.tries + 1) for row in rows]


def tried(
    connection: Connection,
    delivery: Delivery,
    status: DeliveryStatus,
    *,
    result: str,
    now: int,
    wait: int = 0,
) -> bool:
    """Store how the try of a claimed delivery ended; one that still waits is due after `wait` milliseconds.

    False when that changed nothing: somebody else has claimed or ended it meanwhile. What was delivered is delivered all the same.
    """
    values: dict[str, Any] = {"delivery": delivery.id, "outcome": result, "now": now}
    if status == "delivered":
        return connection.execute(_DELIVER, {**values, "ended": status}).rowcount == 1
    values["so_far"] = delivery.tries
    if status == "given_up":
        return connection.execute(_GIVE_UP, {**values, "ended": status}).rowcount == 1
    postponed = connection.execute(_postpone(connection.dialect.name), {**values, "lease": wait})
    return postponed.rowcount == 1


def shorten_pauses(connection: Connection, now: int) -> None:
    """Make due what waits longer than any pause takes: its time was set by a clock that was set back since."""
    connection.execute(_shorten(connection.dialect.name), {"now": now, "lease": LONGEST_PAUSE})


def give_up_untried(connection: Connection, *, before: int, now: int) -> int:
    """Give up what should have been given up before, and that no process tries: its endpoint is gone. Returns how many."""
    return connection.execute(_GIVE_UP_UNTRIED, {"before": before, "now": now}).rowcount


def remove_old(connection: Connection, *, finished_before: int) -> None:
    """Remove deliveries that ended long ago."""
    connection.execute(_REMOVE_OLD, {"before": finished_before})


def newest(
    connection: Connection,
    *,
    limit: int,
    status: DeliveryStatus | None = None,
    endpoint: str | None = None,
) -> list[Delivery]:
    """At most `limit` deliveries, newest first: for the operator."""
    query = select(webhook_deliveries).order_by(*_NEWEST_FIRST).limit(limit)
    if status is not None:
        query = query.where(_ROWS.status == status)
    if endpoint is not None:
        query = query.where(_ROWS.endpoint == endpoint)
    return [_value(row, tries=row.tries) for row in connection.execute(query)]


def again(connection: Connection, ids: Sequence[str] | None, *, give_up_at: int) -> int:
    """Make deliveries due at once, whatever has become of them, with all their tries before them. Returns how many there were.

    `ids`: None: all that were given up.
    """
    given_up = _ROWS.status == "given_up"
    statement = _AGAIN.where(given_up) if ids is None else _AGAIN.where(_THESE)
    values: dict[str, Any] = {"until": give_up_at}
    if ids is not None:
        values["deliveries"] = list(ids)
    return connection.execute(statement, values).rowcount


def _value(row: Any, *, tries: int) -> Delivery:
    fields = {name: getattr(row, name) for name in Delivery.__slots__}
    return Delivery(**{**fields, "tries": tries})
