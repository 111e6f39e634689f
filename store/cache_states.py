"""Store cache states: for each thread and model the state of the prompt cache, and when keep-alive has to decide next."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Insert, Integer, and_, bindparam, select, update

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


_OF_THREAD = and_(
    cache_states.c.owner_id == bindparam("owner"), cache_states.c.thread_id == bindparam("thread")
)
_ALL_OF_THREAD = select(cache_states).where(_OF_THREAD)
_ONE = update(cache_states).where(_OF_THREAD, cache_states.c.model == bindparam("of_model"))
_CHANGE = _ONE.where(cache_states.c.turn_id == bindparam("turn"))
_CLAIM = _ONE.where(cache_states.c.next_at.is_not_distinct_from(bindparam("due_at")))
_DUE = (
    select(cache_states)
    .where(cache_states.c.next_at <= bindparam("now"))
    .order_by(cache_states.c.next_at)
    .limit(bindparam("limit", type_=Integer))
)


@cache
def _put(dialect: str) -> Insert:
    added = upsert(dialect, cache_states)
    return added.on_conflict_do_update(
        index_elements=["owner_id", "thread_id", "model"],
        set_={name: added.excluded[name] for name in ("state", "turn_id", "next_at")},
    )


def of_thread(connection: Connection, owner_id: str, thread_id: str) -> dict[str, StoredCacheState]:
    """All cache states of a thread, by model."""
    rows = connection.execute(_ALL_OF_THREAD, {"owner": owner_id, "thread": thread_id})
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
    connection.execute(
        _put(connection.dialect.name),
        {
            "owner_id": owner_id,
            "thread_id": thread_id,
            "model": cache_state.model,
            "state": cache_state.to_json(),
            "turn_id": turn_id,
            "next_at": next_at,
        },
    )


def change(
    connection: Connection, stored: StoredCacheState, cache_state: CacheState, next_at: int | None
) -> None:
    """Replace an idle cache state, unless a turn has replaced it since."""
    values = {"turn": stored.turn_id, "state": cache_state.to_json(), "next_at": next_at}
    connection.execute(_CHANGE, {**_names(stored), **values})


def due(connection: Connection, now: int, *, limit: int) -> list[StoredCacheState]:
    """Cache states of all owners whose `next_at` has come, longest waiting first: housekeeping."""
    return [_value(row) for row in connection.execute(_DUE, {"now": now, "limit": limit})]


def claim(connection: Connection, stored: StoredCacheState, next_at: int | None) -> bool:
    """Claim a due cache state until its new `next_at`. False when another process, or a turn, was first."""
    claimed = connection.execute(_CLAIM, {**_names(stored), "due_at": stored.next_at, "next_at": next_at})
    return claimed.rowcount == 1


def _names(stored: StoredCacheState) -> dict[str, Any]:
    """The parameters that name a cache state."""
    return {
        "owner": stored.owner_id,
        "thread": stored.thread_id,
        "of_model": stored.cache_state.model,
    }


def _value(row: Any) -> StoredCacheState:
    return StoredCacheState(
        owner_id=row.owner_id,
        thread_id=row.thread_id,
        cache_state=CacheState.from_json(row.state),
        turn_id=row.turn_id,
        next_at=row.next_at,
    )
