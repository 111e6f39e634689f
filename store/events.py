"""Store the append-only event log of each turn. A payload is the event's JSON exactly as clients receive it."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Connection, Integer, bindparam, delete, exists, func, insert, select
from sqlalchemy.exc import IntegrityError

from store.database import Database
from store.tables import turn_events, turns
from store.upsert import upsert

APPEND = insert(turn_events)
_APPEND_MISSING = upsert("sqlite", turn_events).on_conflict_do_nothing()
_OF_TURN = turn_events.c.turn_id == bindparam("turn")
_OWN_TURN = exists().where(turns.c.id == bindparam("turn"), turns.c.owner_id == bindparam("owner"))
_EVENTS = select(turn_events.c.seq, turn_events.c.payload).where(_OF_TURN)
_BETWEEN = _EVENTS.where(turn_events.c.seq.between(bindparam("first"), bindparam("last")))
_AFTER = (
    _EVENTS.where(turn_events.c.seq > bindparam("seq"), _OWN_TURN)
    .order_by(turn_events.c.seq)
    .limit(bindparam("limit", type_=Integer))
)
_LAST_SEQ = select(func.max(turn_events.c.seq)).where(_OF_TURN, _OWN_TURN)
_REMOVE = delete(turn_events).where(turn_events.c.turn_id.in_(bindparam("turns", expanding=True)))


class Batch(NamedTuple):
    """Consecutive events of one turn, as JSON; `first_seq`: the number of the first."""

    turn_id: str
    first_seq: int
    payloads: list[str]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The batch as rows of the turn's log."""
        return rows(self.turn_id, self.first_seq, self.payloads)

    @property
    def last_seq(self) -> int:
        """The number of the last event."""
        return self.first_seq + len(self.payloads) - 1


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


def append_missing(connection: Connection, batches: Sequence[Batch]) -> None:
    """Append events on SQLite. Those that are stored already are left as they are: only for a process that alone writes these logs."""
    missing = [row for batch in batches for row in batch.rows]
    if missing:
        connection.execute(_APPEND_MISSING, missing)


def append_rest(connection: Connection, batch: Batch) -> None:
    """Append what a turn's log lacks at its end, in the transaction that ends it."""
    if connection.dialect.name == "sqlite":
        append_missing(connection, [batch])  # one process alone writes this file
    else:
        connection.execute(APPEND, batch.rows)


def holds(connection: Connection, rows: Sequence[dict[str, Any]]) -> bool:
    """Whether exactly these consecutive rows of one turn are stored."""
    stored = connection.execute(
        _BETWEEN, {"turn": rows[0]["turn_id"], "first": rows[0]["seq"], "last": rows[-1]["seq"]}
    )
    return {row.seq: row.payload for row in stored} == {row["seq"]: row["payload"] for row in rows}


def after(
    connection: Connection, owner_id: str, turn_id: str, seq: int, *, limit: int = 500
) -> list[tuple[int, str]]:
    """The next events of an owner's turn after `seq`: pairs of sequence number and payload."""
    rows = connection.execute(_AFTER, {"owner": owner_id, "turn": turn_id, "seq": seq, "limit": limit})
    return [(number, payload) for number, payload in rows]


def last_seq(connection: Connection, owner_id: str, turn_id: str) -> int:
    """The newest sequence number in the log of an owner's turn; 0 when there is none."""
    return connection.scalar(_LAST_SEQ, {"owner": owner_id, "turn": turn_id}) or 0


def remove(connection: Connection, turn_ids: Sequence[str]) -> None:
    """Delete the event logs of these turns, of any owner: housekeeping."""
    connection.execute(_REMOVE, {"turns": turn_ids})
