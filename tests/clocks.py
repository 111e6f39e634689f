"""Clocks for tests: nothing waits for real, and time can be moved."""

from chat.clock import SystemClock


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
