"""Clocks for tests: nothing waits for real, and time can be moved.

QuickClock: the machine's time, but sleeps end at once and count as passed · SteppedClock: the time of day is the simulator's ·
ScriptedClock: all time is the simulator's · HurriedClock: the simulator's time of day, and nobody waits between retries.
"""

import asyncio
import random

from chat.clock import SystemClock
from tests.upstream import SimClock


class QuickClock(SystemClock):
    """Sleeps end at once, are written down, and count as passed; `ahead` milliseconds are added to the time of day."""

    def __init__(self, *, ahead: int = 0) -> None:
        super().__init__()
        self.ahead = ahead
        self.slept: list[float] = []
        self._passed = 0.0

    def now(self) -> int:
        return super().now() + self.ahead

    def monotonic(self) -> float:
        return super().monotonic() + self._passed

    def chance(self) -> float:
        return 0.5

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._passed += seconds


class SteppedClock(SystemClock):
    """The simulator's time of day, so that caches expire on schedule; sleeping and measuring stay real."""

    def __init__(self, sim: SimClock) -> None:
        super().__init__()
        self.sim = sim

    def now(self) -> int:
        return round(self.sim.now * 1000)


class ScriptedClock(SteppedClock):
    """All time is the simulator's: it passes when a test says so. Chance is always 0; only sleeping stays real."""

    def monotonic(self) -> float:
        return self.sim.now

    def chance(self) -> float:
        return 0.0


class HurriedClock(SteppedClock):
    """The simulator's time of day; sleeps end at once, and chance is drawn from a seed."""

    def __init__(self, sim: SimClock, seed: str = "waits") -> None:
        super().__init__(sim)
        self._dice = random.Random(seed)

    def chance(self) -> float:
        return self._dice.random()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
