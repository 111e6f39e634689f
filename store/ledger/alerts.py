"""Outbox of budget alerts: those the operator's webhook has not accepted yet."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from store.tables import budget_alerts


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert: its JSON exactly as it is sent, how often that was tried, and when it is next. Times in milliseconds."""

    id: str
    body: str
    tries: int
    next_at: int
    created_at: int


def add(connection: Connection, id: str, body: str, now: int) -> None:
    """Add an alert to the outbox, in the transaction that decides on it."""
    connection.execute(insert(budget_alerts).values(id=id, body=body, tries=0, next_at=now, created_at=now))


def due(connection: Connection, now: int, *, limit: int) -> list[Alert]:
    """Alerts to be sent by now, oldest first."""
    query = (
        select(budget_alerts)
        .where(budget_alerts.c.next_at <= now)
        .order_by(budget_alerts.c.created_at)
        .limit(limit)
    )
    return [
        Alert(**{name: getattr(row, name) for name in Alert.__slots__}) for row in connection.execute(query)
    ]


def claim(connection: Connection, alert: Alert, next_at: int) -> bool:
    """Claim an alert until `next_at`, when it is tried again. False when another process was first."""
    claimed = connection.execute(
        update(budget_alerts)
        .where(budget_alerts.c.id == alert.id, budget_alerts.c.next_at == alert.next_at)
        .values(next_at=next_at, tries=budget_alerts.c.tries + 1)
    )
    return claimed.rowcount == 1


def remove(connection: Connection, id: str) -> None:
    """Remove an alert that was accepted, or is given up."""
    connection.execute(delete(budget_alerts).where(budget_alerts.c.id == id))
