"""A time limit for something that is waited for again and again, with one timer for all the waits."""

import asyncio
from types import TracebackType


class RenewedTimeout:
    """Limits the length of each `with` block: raises TimeoutError when one takes longer than `seconds`. For one task, not nested.

    `asyncio.timeout` sets a timer for each block and cancels it. A stream waits for every word, and its limits are hardly ever reached: here
    one timer looks, when it is due, whether the present block began so long ago, and otherwise waits for the rest.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None  # both of the first block
        self._task: asyncio.Task[object] | None = None
        self._began_at: float | None = None
        self._due = 0.0  # of the timer
        self._cancelling = 0
        self._expired = False

    def __enter__(self) -> None:
        if self._loop is None or self._task is None:
            self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
            if self._task is None:
                raise RuntimeError("a timeout is for a task")
        self._cancelling, self._expired = self._task.cancelling(), False
        self._began_at = self._loop.time()
        due = self._began_at + self.seconds
        if self._timer is not None and self._due > due:  # `seconds` was made shorter
            self.close()
        if self._timer is None:
            self._look_at(self._loop, due)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._began_at = None
        if not self._expired or self._task is None:
            return
        # As in asyncio.timeout: another cancellation that came meanwhile goes on.
        if self._task.uncancel() <= self._cancelling and isinstance(error, asyncio.CancelledError):
            raise TimeoutError from error

    def close(self) -> None:
        """Remove the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_at(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        self._timer, self._due = loop.call_at(due, self._look), due

    def _look(self) -> None:
        self._timer = None
        if self._began_at is None or self._task is None or self._loop is None:
            return  # the next block sets it again
        due = self._began_at + self.seconds
        if self._loop.time() < due:
            self._look_at(self._loop, due)
        else:
            self._expired = True
            self._task.cancel()
