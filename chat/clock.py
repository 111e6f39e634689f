"""The clock, ids and random numbers: the only module that makes them, so that tests can replace them."""

import asyncio
import random
import time
from datetime import UTC, datetime
from typing import Protocol

from ulid import ULID


class Clock(Protocol):
    """Source of time, ids and random numbers."""

    def now(self) -> int:
        """Milliseconds since 1970 UTC. May jump either way: use it to show times, never to order events."""
        ...

    def monotonic(self) -> float:
        """Seconds from a clock that never goes back."""
        ...

    async def sleep(self, seconds: float) -> None: ...

    def chance(self) -> float:
        """A random number in [0, 1)."""
        ...

    def new_id(self, prefix: str) -> str:
        """A new ULID with a prefix: `thr_01J…`. 48 bits of time and 80 random bits; ids sort by creation time."""
        ...


class SystemClock:
    """The operating system's clock and random numbers."""

    def __init__(self) -> None:
        self._random = random.SystemRandom()

    def now(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def chance(self) -> float:
        return self._random.random()

    def new_id(self, prefix: str) -> str:
        return f"{prefix}_{ULID.from_timestamp(self.now() / 1000)}"


def lease_time(clock: Clock) -> int:
    """Milliseconds for leases in a database that is this process's alone: setting the time of day changes nothing."""
    return round(clock.monotonic() * 1_000)


def rfc3339(milliseconds: int) -> str:
    """Milliseconds since 1970 as an RFC 3339 string in UTC: `2026-11-20T10:00:00.000Z`."""
    return (
        datetime.fromtimestamp(milliseconds / 1000, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )
