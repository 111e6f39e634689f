"""Store cache states: for each thread and model the state of the prompt cache, and when keep-alive has to decide next."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, select, update

from context.cache.cache_state import CacheState
from store.tables import cache_states
from store.upsert import upsert


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCacheState:
    """A cache state with its owner and thread. `turn_id`: the turn whose request was sent last; `next_at` in milliseconds, None: never."""

    owner_id: str
    thread_id: str
    cache_state: CacheState
    turn_id: str
    next_at: int | None


def of_thread(connection: Connection, owner_id: str, thread_id: str) -> dict[str, StoredCacheState]:
    """All cache states of a thread, by model."""
    rows = connection.execute(select(cache_states).where(_thread(owner_id, thread_id)))
    return {row.model: _value(row) for row in rows}


def put(
    connection: Connection,
    owner_id: str,
    thread_id: str,
    cache_state: CacheState,
    *,
    turn_id: str,
    next_at: int | None,
) -> None:
    """Insert or replace a thread's cache state for its model."""
    values = {"state": cache_state.to_json(), "turn_id": turn_id, "next_at": next_at}
    connection.execute(
        upsert(connection, cache_states)
        .values(owner_id=owner_id, thread_id=thread_id, model=cache_state.model, **values)
        .on_conflict_do_update(index_elements=["owner_id", "thread_id", "model"], set_=values)
    )


def change(
    connection: Connection, stored: StoredCacheState, cache_state: CacheState, next_at: int | None
) -> None:
    """Replace an idle cache state, unless a turn has replaced it since."""
    connection.execute(
        update(cache_states)
        .where(
            _thread(stored.owner_id, stored.thread_id),
            cache_states.c.model == stored.cache_state.model,
            cache_states.c.turn_id == stored.turn_id,
        )
        .values(state=cache_state.to_json(), next_at=next_at)
    )


def due(connection: Connection, now: int, *, limit: int) -> list[StoredCacheState]:
    """Cache states of all owners whose `next_at` has come, longest waiting first: housekeeping."""
    rows = connection.execute(
        select(cache_states)
        .where(cache_states.c.next_at <= now)
        .order_by(cache_states.c.next_at)
        .limit(limit)
    )
    return [_value(row) for row in rows]


def claim(connection: Connection, stored: StoredCacheState, next_at: int | None) -> bool:
    """Claim a due cache state until its new `next_at`. False when another process, or a turn, was first."""
    claimed = connection.execute(
        update(cache_states)
        .where(
            _thread(stored.owner_id, stored.thread_id),
            cache_states.c.model == stored.cache_state.model,
            cache_states.c.next_at == stored.next_at,
        )
        .values(next_at=next_at)
    )
    return claimed.rowcount == 1


def _thread(owner_id: str, thread_id: str) -> ColumnElement[bool]:
    return and_(cache_states.c.owner_id == owner_id, cache_states.c.thread_id == thread_id)


def _value(row: Any) -> StoredCacheState:
    return StoredCacheState(
        owner_id=row.owner_id,
        thread_id=row.thread_id,
        cache_state=CacheState.from_json(row.state),
        turn_id=row.turn_id,
        next_at=row.next_at,
    )
