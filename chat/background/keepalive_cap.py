"""Cap what keep-alives may cost in a day (UTC): for one thread, and for the whole deployment.

A guard against surprises, not a policy: whether a renewal pays is decided before (`context.cache.keepalive`). Kept in the database, so that
restarts and replicas share it; several renewals at the same moment may pass it by their own price. What a thread spent is part of
its cache states and is deleted with them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from context.cache.cache_state import CacheState
from store import learned_stats

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


async def spent(connection: AsyncConnection, now: int) -> int:
    """Picodollars all threads' keep-alives have cost today."""
    return _today(await learned_stats.get(connection, NAME), now)


async def spend(connection: AsyncConnection, cost: int, now: int) -> None:
    """Add a renewal's price."""
    spent_today = _today(await learned_stats.get(connection, NAME, to_change=True), now)
    await learned_stats.put(connection, NAME, {"day": now // DAY, "pico_usd": spent_today + cost})


def _today(value: dict[str, int] | None, now: int) -> int:
    return value["pico_usd"] if value is not None and value["day"] == now // DAY else 0
