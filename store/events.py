"""Store the append-only event log of each turn. A payload is the event's JSON exactly as clients receive it."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, exists, func, insert, select
from sqlalchemy.exc import IntegrityError

from store.database import Database
from store.tables import turn_events, turns

APPEND = insert(turn_events)


def rows(turn_id: str, first_seq: int, payloads: Sequence[str]) -> list[dict[str, Any]]:
    """Rows for `APPEND`: consecutive sequence numbers from `first_seq` on."""
    return [
        {"turn_id": turn_id, "seq": seq, "payload": payload}
        for seq, payload in enumerate(payloads, start=first_seq)
    ]


async def append(database: Database, rows: Sequence[dict[str, Any]]) -> None:
    """Append rows of one turn; returns when they are durable. Identical rows that are stored already are accepted.

    They are there when an earlier COMMIT succeeded and its answer was lost. Raises IntegrityError when other rows have these numbers.
    """
    try:
        await database.append(APPEND, list(rows))
    except IntegrityError:
        if not await database.read(partial(holds, rows=rows)):
            raise


def holds(connection: Connection, rows: Sequence[dict[str, Any]]) -> bool:
    """Whether exactly these consecutive rows of one turn are stored."""
    stored = connection.execute(
        select(turn_events.c.seq, turn_events.c.payload).where(
            turn_events.c.turn_id == rows[0]["turn_id"],
            turn_events.c.seq.between(rows[0]["seq"], rows[-1]["seq"]),
        )
    )
    return {row.seq: row.payload for row in stored} == {row["seq"]: row["payload"] for row in rows}


def after(
    connection: Connection, owner_id: str, turn_id: str, seq: int, *, limit: int = 500
) -> list[tuple[int, str]]:
    """The next events of an owner's turn after `seq`: pairs of sequence number and payload."""
    query = (
        select(turn_events.c.seq, turn_events.c.payload)
        .where(turn_events.c.turn_id == turn_id, turn_events.c.seq > seq, _own(owner_id, turn_id))
        .order_by(turn_events.c.seq)
        .limit(limit)
    )
    return [(number, payload) for number, payload in connection.execute(query)]


def last_seq(connection: Connection, owner_id: str, turn_id: str) -> int:
    """The newest sequence number in the log of an owner's turn; 0 when there is none."""
    seq = connection.scalar(
        select(func.max(turn_events.c.seq)).where(turn_events.c.turn_id == turn_id, _own(owner_id, turn_id))
    )
    return seq or 0


def remove(connection: Connection, turn_ids: Sequence[str]) -> None:
    """Delete the event logs of these turns, of any owner: housekeeping."""
    connection.execute(delete(turn_events).where(turn_events.c.turn_id.in_(turn_ids)))


def _own(owner_id: str, turn_id: str) -> ColumnElement[bool]:
    return exists().where(turns.c.id == turn_id, turns.c.owner_id == owner_id)
