"""One time for Palaver and the provider: a clock a test moves, so that caches live and die on schedule."""

from chat.clock import SystemClock
from tests.upstream import SimClock


class SteppedClock(SystemClock):
    """The simulator's clock as Palaver's; sleeping and measuring stay real."""

    def __init__(self, sim: SimClock) -> None:
        super().__init__()
        self.sim = sim

    def now(self) -> int:
        return round(self.sim.now * 1000)
