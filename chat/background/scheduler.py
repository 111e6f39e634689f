"""Start background jobs, each with a deadline of its own; keep what goes wrong with one away from everything else.

A job never waits for another thread's job: each is a task of its own, and one that finds no place is left out (`at_most`).
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from chat.background.jobs import PATIENCE, Job
from chat.periodic import repeat, run
from store.database import database_patience

STOP_GRACE = 3.0  # seconds: enough for most calls under way to end, so that the ledger need not estimate them


@dataclass(slots=True, kw_only=True)
class Scheduler:
    """The background jobs of this process. `stopping`: the server stops, and no job starts any more.

    `stop_grace`: seconds running jobs get to finish when the server stops.
    """

    stop_grace: float = STOP_GRACE
    stopping: bool = False
    _running: dict[asyncio.Task[None], Job] = field(default_factory=dict)
    _turns: dict[asyncio.Task[None], object] = field(default_factory=dict)
    _again: set[Job] = field(default_factory=set)
    _periodic: list[asyncio.Task[None]] = field(default_factory=list)

    def start(self, job: Job, work: Callable[[], Awaitable[object]], **fields: object) -> bool:
        """Start a job; False when it was left out. `fields` are logged with a failure."""
        if self.stopping or self.free(job) < 1:
            return False
        with database_patience(PATIENCE):
            task = asyncio.create_task(run(job.name, job.deadline, work, **fields), name=job.name)
        self._running[task] = job
        self._turns[task] = fields.get("turn_id")
        task.add_done_callback(self._ended)
        return True

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._running[task], self._turns[task]

    def start_again(self, job: Job, work: Callable[[], Awaitable[object]]) -> None:
        """Start a job; when it runs already, once more after it has ended: it may have begun too early to see everything."""
        if self.start(job, work):
            return
        for task, running in self._running.items():
            if running == job and job not in self._again:
                self._again.add(job)
                task.add_done_callback(lambda _: self._start_waiting(job, work))

    def _start_waiting(self, job: Job, work: Callable[[], Awaitable[object]]) -> None:
        self._again.discard(job)
        self.start(job, work)

    def cancel(self, job: Job, turn_id: str) -> None:
        """Cancel a turn's job, if it runs."""
        for task, running in self._running.items():
            if running == job and self._turns.get(task) == turn_id:
                task.cancel()

    def free(self, job: Job) -> int:
        """How many more jobs of that kind may start now."""
        return job.at_most - sum(running == job for running in self._running.values())

    def repeat(self, job: Job, pause: float, work: Callable[[], Awaitable[object]]) -> None:
        """Run a job every `pause` seconds until the server stops."""
        task = asyncio.create_task(repeat(job.name, pause, work, deadline=job.deadline), name=job.name)
        self._periodic.append(task)

    async def settled(self) -> None:
        """Wait until no job runs, also none that one of them started. Periodic jobs do not count."""
        while self._running:
            await asyncio.wait(set(self._running))

    async def stop(self) -> None:
        """Start no more jobs, give the running ones a moment, and cancel what is left."""
        self.stopping = True
        for task in self._periodic:
            task.cancel()
        if self._running:
            await asyncio.wait(set(self._running), timeout=self.stop_grace)
        left = [*self._periodic, *self._running]
        for task in left:
            task.cancel()
        for task in left:
            with suppress(asyncio.CancelledError):
                await task
