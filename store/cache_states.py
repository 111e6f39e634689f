"""Lanes: one row for each (thread, model), with the state of its cache and the time it wants attention."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from context.cache.cache_state import Lane
from store.tables import lanes


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLane:
    """A lane and whose it is. `turn_id` is the turn whose request it sent last; `next_at` in milliseconds, None: never."""

    owner_id: str
    thread_id: str
    lane: Lane
    turn_id: str
    next_at: int | None


async def of_thread(connection: AsyncConnection, owner_id: str, thread_id: str) -> dict[str, StoredLane]:
    """All lanes of a thread, by model."""
    found = await connection.execute(select(lanes).where(_thread(owner_id, thread_id)))
    return {row.model: _value(row) for row in found}


async def put(
    connection: AsyncConnection,
    owner_id: str,
    thread_id: str,
    lane: Lane,
    *,
    turn_id: str,
    next_at: int | None,
) -> None:
    """Keep the new state of a lane."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    values = {"state": lane.to_json(), "turn_id": turn_id, "next_at": next_at}
    await connection.execute(
        dialect.insert(lanes)
        .values(owner_id=owner_id, thread_id=thread_id, model=lane.model, **values)
        .on_conflict_do_update(index_elements=["owner_id", "thread_id", "model"], set_=values)
    )


async def change(connection: AsyncConnection, stored: StoredLane, lane: Lane, next_at: int | None) -> None:
    """Keep the new state of a resting lane, unless a turn has used it since: then the turn's word counts."""
    await connection.execute(
        update(lanes)
        .where(
            _thread(stored.owner_id, stored.thread_id),
            lanes.c.model == stored.lane.model,
            lanes.c.turn_id == stored.turn_id,
        )
        .values(state=lane.to_json(), next_at=next_at)
    )


async def due(connection: AsyncConnection, now: int, *, limit: int) -> list[StoredLane]:
    """Lanes that want attention by now, whoever owns them, longest waiting first: housekeeping."""
    found = await connection.execute(
        select(lanes).where(lanes.c.next_at <= now).order_by(lanes.c.next_at).limit(limit)
    )
    return [_value(row) for row in found]


async def claim(connection: AsyncConnection, stored: StoredLane, next_at: int | None) -> bool:
    """Take a due lane in hand: False when another process, or a turn, was there first."""
    done = await connection.execute(
        update(lanes)
        .where(
            _thread(stored.owner_id, stored.thread_id),
            lanes.c.model == stored.lane.model,
            lanes.c.next_at == stored.next_at,
        )
        .values(next_at=next_at)
    )
    return done.rowcount == 1


def _thread(owner_id: str, thread_id: str) -> ColumnElement[bool]:
    return and_(lanes.c.owner_id == owner_id, lanes.c.thread_id == thread_id)


def _value(row: Any) -> StoredLane:
    return StoredLane(
        owner_id=row.owner_id,
        thread_id=row.thread_id,
        lane=Lane.from_json(row.state),
        turn_id=row.turn_id,
        next_at=row.next_at,
    )
