"""Time, ids and chance: the only place that makes them."""

import asyncio
import random
import time
from datetime import UTC, datetime
from typing import Protocol

from ulid import ULID


class Clock(Protocol):
    """What the rest of Palaver knows of time and chance."""

    def now(self) -> int:
        """Milliseconds since 1970 UTC. May jump either way: good for showing, never for ordering."""
        ...

    def monotonic(self) -> float:
        """Seconds that only grow."""
        ...

    async def sleep(self, seconds: float) -> None: ...

    def chance(self) -> float:
        """A number in [0, 1)."""
        ...

    def new_id(self, prefix: str) -> str:
        """A new id: `prefix_` and 26 characters, 128 bits of which 80 are random; ids sort by the time they were made."""
        ...


class SystemClock:
    """The machine's own time."""

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


def rfc3339(milliseconds: int) -> str:
    """Milliseconds since 1970 as RFC 3339 in UTC with milliseconds."""
    return (
        datetime.fromtimestamp(milliseconds / 1000, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )
