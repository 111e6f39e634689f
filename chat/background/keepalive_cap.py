"""Cap what keep-alives may cost in a day (UTC): for one thread, and for the whole deployment.

A guard against surprises, not a policy: whether a renewal pays is decided before (`context.cache.keepalive`). Kept in the database, so that
restarts and replicas share it. A renewal's expected price is reserved before it is sent, by the transaction that asks whether it may be,
so that renewals due at the same moment count each other; its bill then takes the place of the reservation. One whose process dies
meanwhile stays reserved for the day. The expected price is that of a read: where the provider has dropped the entry early the bill is that
of a write, and only the renewals after it are refused. What a thread spent is part of its cache states and is deleted with them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from context.cache.cache_state import CacheState
from context.cache.cache_state_update import with_keepalive_cost
from store import cache_states, learned_stats
from store.cache_states import StoredCacheState

DAY: Final = 86_400_000  # milliseconds
NAME: Final = "keepalives today"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepaliveCap:
    """Caps in picodollars a day; 0: any amount."""

    thread: int
    total: int

    def refuses(self, cost: int, *, cache_states: Iterable[CacheState], total: int, now: int) -> str | None:
        """Why a renewal of that price is not to be sent; None if it may. `total` is what was spent today over all threads."""
        thread = sum(cache_state.keepalive_cost_on(now // DAY) for cache_state in cache_states)
        if self.thread and thread + cost > self.thread:
            return "the thread's keep-alives of today have cost what they may"
        if self.total and total + cost > self.total:
            return "all keep-alives of today have cost what they may"
        return None


def reserve(
    connection: Connection,
    stored: StoredCacheState,
    *,
    cost: int,
    cap: KeepaliveCap,
    now: int,
    next_at: int,
) -> str | None:
    """Reserve a renewal's expected price, or say why it is not to be sent. `next_at`: until when the cache state is claimed."""
    # Locks the day's total first, so that what is read of the thread's cache states includes every other reservation.
    total = _on(learned_stats.lock(connection, NAME, {"day": 0, "pico_usd": 0}), now // DAY)
    held = cache_states.of_thread(connection, stored.owner_id, stored.thread_id)
    refusal = cap.refuses(
        cost, cache_states=(other.cache_state for other in held.values()), total=total, now=now
    )
    if refusal is not None:
        return refusal
    reserved = with_keepalive_cost(stored.cache_state, now // DAY, cost)
    cache_states.change(connection, stored, reserved, next_at=next_at)
    learned_stats.put(connection, NAME, {"day": now // DAY, "pico_usd": total + cost})
    return None


def settle(connection: Connection, *, reserved: int, cost: int, reserved_at: int) -> None:
    """Put a renewal's bill in the place of what was reserved for it; on a later day the new day's total is left as it is."""
    value = learned_stats.get(connection, NAME, to_change=True)
    if value is not None and value["day"] == reserved_at // DAY:
        learned_stats.put(connection, NAME, {**value, "pico_usd": value["pico_usd"] - reserved + cost})


def _on(value: dict[str, int], day: int) -> int:
    return value["pico_usd"] if value["day"] == day else 0
