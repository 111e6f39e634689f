"""Store what many turns have to say in one row: the write-ahead log of the event logs, on SQLite alone.

A turn's own log (`store.events`) is clustered by turn, so that many turns that write a few words each would change a page each, 4 KiB for
a word. Their words of one round become one compressed row here instead, in the order of time; a turn's events are copied to its own log when
enough of them have gathered, and at its end (`chat.stream.event_storage`). After a crash `restore` copies what is only here. Postgres
writes rows, not pages, and other replicas read them, so that rounds stay empty there.
"""

import zlib
from collections.abc import Collection, Sequence

import msgspec
from sqlalchemy import Connection, bindparam, delete, insert, select, update

from store.events import Batch, append_missing
from store.tables import event_rounds, turns

_RUNNING = select(turns.c.id).where(
    turns.c.status == "running", turns.c.id.in_(bindparam("turns", expanding=True))
)
_ADD = insert(event_rounds)
_ALL = select(event_rounds.c.id, event_rounds.c.events).order_by(event_rounds.c.id)
_REPLACE = update(event_rounds).where(event_rounds.c.id == bindparam("round"))
_REMOVE = delete(event_rounds).where(event_rounds.c.id <= bindparam("upto"))
_CLEAR = delete(event_rounds)

_decode = msgspec.msgpack.Decoder(list[Batch]).decode


def add(
    connection: Connection, round_: Sequence[Batch], logs: Sequence[Batch], *, unneeded: int
) -> tuple[int | None, set[str]]:
    """Store the events of one round, and copy others to their turns' logs; remove rounds up to `unneeded`.

    Returns the number of the new round, None where it is empty, and the turns that are not running: they have ended or were deleted, and
    nothing of theirs is stored.
    """
    asked = {batch.turn_id for batch in (*round_, *logs)}
    running = set(connection.scalars(_RUNNING, {"turns": list(asked)}))
    append_missing(connection, [batch for batch in logs if batch.turn_id in running])
    if logs:
        remove(connection, unneeded)
    written = [batch for batch in round_ if batch.turn_id in running]
    if not written:
        return None, asked - running
    added = connection.execute(_ADD, {"events": _encode(written)})
    return added.lastrowid, asked - running


def restore(connection: Connection, turn_ids: Collection[str]) -> None:
    """Copy to the logs of these turns, which no process runs any more, what only rounds have."""
    for _, batches in rounds(connection):
        append_missing(connection, [batch for batch in batches if batch.turn_id in turn_ids])


def restore_all(connection: Connection) -> None:
    """Copy to the logs of all running turns what only rounds have, and remove the rounds. For a start: no turn may be written to meanwhile."""
    for _, batches in rounds(connection):
        asked = [batch.turn_id for batch in batches]
        running = set(connection.scalars(_RUNNING, {"turns": asked}))
        append_missing(connection, [batch for batch in batches if batch.turn_id in running])
    connection.execute(_CLEAR)


def remove(connection: Connection, upto: int) -> None:
    """Delete the rounds up to this number: their events are in the turns' logs."""
    connection.execute(_REMOVE, {"upto": upto})


def erase(connection: Connection, turn_ids: Collection[str]) -> None:
    """Delete what rounds have of these turns."""
    for id, batches in rounds(connection):
        kept = [batch for batch in batches if batch.turn_id not in turn_ids]
        if len(kept) < len(batches):
            connection.execute(_REPLACE, {"round": id, "events": _encode(kept)})


def rounds(connection: Connection) -> list[tuple[int, list[Batch]]]:
    """All rounds, oldest first."""
    return [(row.id, _decode(zlib.decompress(row.events))) for row in connection.execute(_ALL)]


def _encode(batches: Sequence[Batch]) -> bytes:
    return zlib.compress(msgspec.msgpack.encode(batches), 1)
