"""The simulator's clock: real time plus whatever a test has added, or a time that stands still."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SimClock:
    """Seconds since the epoch; `SimClock(start=...)` stands still until it is advanced."""

    def __init__(self, start: float | None = None) -> None:
        self._frozen_at = start
        self._offset = 0.0

    @property
    def now(self) -> float:
        return (time.time() if self._frozen_at is None else self._frozen_at) + self._offset

    def advance(self, seconds: float) -> None:
        """Move time on at once; nothing sleeps."""
        if seconds < 0:
            raise ValueError("time runs one way")
        self._offset += seconds

    def freeze(self, at: float | None = None) -> None:
        """Stop at `at` (default: now); later `advance` calls still move it."""
        self._frozen_at = self.now if at is None else at
        self._offset = 0.0


def rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
