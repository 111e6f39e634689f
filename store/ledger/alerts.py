"""Outbox of budget alerts: those the operator's webhook has not accepted yet."""

from dataclasses import dataclass

from sqlalchemy import Connection, Integer, bindparam, delete, insert, select, update

from store.tables import budget_alerts


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert: its JSON exactly as it is sent, how often that was tried, and when it is next. Times in milliseconds."""

    id: str
    body: str
    tries: int
    next_at: int
    created_at: int


_ADD = insert(budget_alerts)
_DUE = (
    select(budget_alerts)
    .where(budget_alerts.c.next_at <= bindparam("now"))
    .order_by(budget_alerts.c.created_at, budget_alerts.c.id)
    .limit(bindparam("limit", type_=Integer))
)
_CLAIM = (
    update(budget_alerts)
    .where(budget_alerts.c.id == bindparam("alert"), budget_alerts.c.next_at == bindparam("due_at"))
    .values(tries=budget_alerts.c.tries + 1)
)
_REMOVE = delete(budget_alerts).where(budget_alerts.c.id == bindparam("alert"))


def add(connection: Connection, id: str, body: str, now: int) -> None:
    """Add an alert to the outbox, in the transaction that decides on it."""
    connection.execute(_ADD, {"id": id, "body": body, "tries": 0, "next_at": now, "created_at": now})


def due(connection: Connection, now: int, *, limit: int) -> list[Alert]:
    """Alerts to be sent by now, oldest first; those of the same moment by id."""
    rows = connection.execute(_DUE, {"now": now, "limit": limit})
    return [Alert(**{name: getattr(row, name) for name in Alert.__slots__}) for row in rows]


def claim(connection: Connection, alert: Alert, next_at: int) -> bool:
    """Claim an alert until `next_at`, when it is tried again. False when another process was first."""
    claimed = connection.execute(_CLAIM, {"alert": alert.id, "due_at": alert.next_at, "next_at": next_at})
    return claimed.rowcount == 1


def remove(connection: Connection, id: str) -> None:
    """Remove an alert that was accepted, or is given up."""
    connection.execute(_REMOVE, {"alert": id})
