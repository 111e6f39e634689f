"""Own running turns: accept and start them, cancel them, end each exactly once, and take over those whose process died.

A turn has two tasks here. The inner one answers; the outer one waits for it, for a request to stop, or for the time limit, and then
writes the end. Nobody cancels the outer one, so every turn that begins in this process ends in it, or, if the process dies, in
another one after its lease has run out, or in this one when it starts again.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

import structlog

from chat.errors import NotFound
from chat.periodic import repeat
from chat.planning.planner import Planning
from chat.runtime.runtime import Runtime
from chat.stream import events
from chat.stream.answer_builder import AnswerBuilder
from chat.stream.journal import TurnLog
from chat.stream.journal_writer import JournalWriter
from chat.turns.accept import Accepted, accept
from chat.turns.after import AfterTurn
from chat.turns.finish import finish, record_calls
from chat.turns.leases import Leases
from chat.turns.outcome import INTERNAL_ERROR, INTERRUPTED, TOOK_TOO_LONG, Cancelled, Outcome
from chat.turns.try_models import try_models
from chat.turns.turn_request import TurnRequest
from chat.turns.turn_work import TurnWork
from store import turns
from store.database import database_patience
from store.errors import StoreError

log = structlog.get_logger()

BEAT = 2.0  # seconds between lease renewals, and between looks for abandoned turns; a lease outlives four missed ones
STORE_PATIENCE = (0.2, 5.0)  # seconds between tries to write an end while the store fails: first, largest
END_GRACE = 5.0  # seconds turns that were told to stop get to write their ends


@dataclass(slots=True)
class _Running:
    work: TurnWork
    log: TurnLog
    stop: asyncio.Future[Outcome]
    task: asyncio.Task[None] | None = None


@dataclass(slots=True, kw_only=True)
class Runner:
    """The running turns of this process. `holder` is the process's own id, under which it holds leases.

    `shared`: other processes may run turns in the same database. `draining` is set when all streams are to end; `stopping`: the
    server stops, and no new turn is accepted.
    """

    runtime: Runtime
    holder: str
    shared: bool
    after: AfterTurn
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    stopping: bool = False
    _running: dict[str, _Running] = field(default_factory=dict)
    _attached: set[asyncio.Task[None]] = field(default_factory=set)
    _leases: Leases = field(init=False)
    _journals: JournalWriter = field(init=False)
    _timers: list[asyncio.Task[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        runtime = self.runtime
        self._leases = Leases(runtime=runtime, holder=self.holder, shared=self.shared)
        self._journals = JournalWriter(runtime.database, runtime.clock, runtime.deployment.journal_buffer)

    async def start(self) -> None:
        """End what an earlier process left running, then renew leases until `stop`."""
        await (self._leases.take_over(()) if self.shared else self._leases.take_over_all())
        # Apart: to look for abandoned turns takes a connection that every turn wants, and a renewal must not wait for one.
        for name, work in (("leases", self.renew_leases), ("abandoned_turns", self.take_over)):
            self._timers.append(asyncio.create_task(repeat(name, BEAT, work), name=name))

    async def accept(self, owner_id: str, turn_request: TurnRequest) -> Accepted:
        """Make a turn durable and start it. Raises PalaverError."""
        admission, arrival = self.runtime.caller.admission, self.runtime.clock.new_id("coming")
        room = admission.expect(arrival)  # counted from here: many at once must not overfill the queue
        try:
            accepted = await accept(
                self.runtime,
                owner_id=owner_id,
                holder=self.holder,
                turn_request=turn_request,
                room=room,
                stopping=self.stopping,
            )
        finally:
            admission.forget(arrival)
        if not accepted.replayed:
            admission.expect(accepted.turn.id)  # until it stands in the queue or has ended
            self._begin(accepted, replace(turn_request, requested_model=accepted.turn.requested_model))
        return accepted

    async def cancel(self, owner_id: str, turn_id: str) -> None:
        """Stop a turn, wherever it runs; a turn that has ended stays as it is. Raises NotFound."""
        turn = await self.runtime.database.read(partial(turns.get, owner_id=owner_id, turn_id=turn_id))
        if turn is None:
            raise NotFound("no such turn")
        if turn.status != "running":
            return
        running = self._running.get(turn_id)
        if running is None:
            await self.runtime.database.write(
                partial(turns.request_cancel, owner_id=owner_id, turn_id=turn_id)
            )
        else:
            self._stop(running, Cancelled(reason="user"))

    async def cancel_and_wait(self, owner_id: str, turn_id: str, seconds: float = 5.0) -> bool:
        """Stop a turn and wait for its end. False when it has not ended in `seconds`, or runs elsewhere."""
        await self.cancel(owner_id, turn_id)
        running = self._running.get(turn_id)
        if running is None or running.task is None:
            still = partial(turns.is_running, owner_id=owner_id, turn_id=turn_id)
            return not await self.runtime.database.read(still)
        await asyncio.wait([running.task], timeout=seconds)
        return running.task.done()

    def live(self, turn_id: str) -> TurnLog | None:
        """The log of a turn that runs in this process."""
        running = self._running.get(turn_id)
        return None if running is None else running.log

    def attach(self, task: asyncio.Task[None]) -> None:
        """Let `drain` give a call that belongs to no turn the same grace, and cancel it afterwards."""
        self._attached.add(task)
        task.add_done_callback(self._attached.discard)

    @property
    def count(self) -> int:
        """How many turns run here."""
        return len(self._running)

    async def drain(self, grace: float) -> None:
        """Accept no new turns, give running ones `grace` seconds, end the others as interrupted, and let all streams end."""
        self.stopping = True
        if self._running:
            log.info("turns.draining", turns=len(self._running), seconds=grace)
        end = asyncio.get_running_loop().time() + grace
        # Again and again: a request that was being stored when the signal came is a turn by now.
        while (left := end - asyncio.get_running_loop().time()) > 0 and (tasks := self._tasks):
            await asyncio.wait(tasks, timeout=left)
        for running in list(self._running.values()):
            self._stop(running, INTERRUPTED)
        for task in list(self._attached):
            task.cancel()
        if tasks := self._tasks:
            await asyncio.wait(tasks, timeout=END_GRACE)
        self.draining.set()
        for running in list(self._running.values()):
            running.log.wake()

    async def stop(self) -> None:
        """Drain without grace, and renew no more leases."""
        await self.drain(0)
        for timer in self._timers:
            timer.cancel()
            with suppress(asyncio.CancelledError):
                await timer
        await self._journals.stop()

    async def renew_leases(self) -> None:
        """Renew this process's leases, and obey cancels left for it."""
        for turn_id in await self._leases.renew(list(self._running)):
            if turn_id in self._running:
                self._stop(self._running[turn_id], Cancelled(reason="user"))

    async def take_over(self) -> None:
        """End what processes left behind that renew their leases no more."""
        await self._leases.take_over(self._running)

    @property
    def _tasks(self) -> list[asyncio.Task[None]]:
        own = [running.task for running in self._running.values() if running.task is not None]
        return [*own, *self._attached]

    def _begin(self, accepted: Accepted, turn_request: TurnRequest) -> None:
        turn, live = accepted.turn, TurnLog()
        live.extend([events.frame(1, accepted.first)])
        journal = self._journals.journal(turn.id, live)
        answer_builder = AnswerBuilder(journal=journal, clock=self.runtime.clock)
        if accepted.continued is not None:
            answer_builder.resume(accepted.continued.text)
        work = TurnWork(
            turn_request=turn_request,
            journal=journal,
            answer_builder=answer_builder,
            planning=Planning(
                turn=turn,
                runtime=self.runtime,
                can_compact=not self.after.summarizer.rests(turn.owner_id, turn.thread_id),
                continued=accepted.continued,
            ),
        )
        running = _Running(work=work, log=live, stop=asyncio.get_running_loop().create_future())
        self._running[turn.id] = running
        self.runtime.caller.hooks.turn_started(turn.id)
        running.task = asyncio.create_task(self._own(running), name=f"turn {turn.id}")
        self.after.turn_started(work, untitled=accepted.untitled)

    def _stop(self, running: _Running, outcome: Outcome) -> None:
        if not running.stop.done():
            running.stop.set_result(outcome)

    async def _own(self, running: _Running) -> None:
        """The outer task of a turn: wait for its outcome, and write its end with `finish`, again and again while the store is away."""
        work, turn = running.work, running.work.turn
        with structlog.contextvars.bound_contextvars(turn_id=turn.id):
            try:
                outcome = await self._outcome(running)
                name = type(outcome).__name__.lower()
                self.runtime.caller.hooks.turn_ended(turn.id, name)
                if isinstance(outcome, Cancelled):
                    self.after.turn_cancelled(work)
                await self._end(work, outcome)
                log.info("turn.ended", outcome=name, calls=len(work.calls))
                if not self.stopping:
                    self._start_jobs(work)
            finally:
                self.runtime.caller.admission.forget(turn.id)
                del self._running[turn.id]
                running.log.extend([], ended=True)

    def _start_jobs(self, work: TurnWork) -> None:
        try:
            self.after.turn_ended(work)
        except Exception:
            log.exception("turn.jobs_failed")  # the turn has ended all the same

    async def _outcome(self, running: _Running) -> Outcome:
        """How the turn ends: its answer, a request to stop, or the time limit, whichever comes first."""
        with database_patience(self.runtime.deployment.journal_buffer.seconds):
            answering = asyncio.create_task(try_models(running.work), name="answer")  # inherits it
        limit = self.runtime.deployment.max_turn_seconds
        await asyncio.wait({answering, running.stop}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        if answering.done():
            running.stop.cancel()
            try:
                return answering.result()
            except Exception:
                log.exception("turn.crashed")
                return INTERNAL_ERROR
        outcome = running.stop.result() if running.stop.done() else TOOK_TOO_LONG
        for record in running.work.calls:
            if record.ended_at is None:
                record.end(
                    "cancelled" if isinstance(outcome, Cancelled) else "interrupted",
                    self.runtime.clock.monotonic(),
                )
        answering.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await answering
        return outcome

    async def _end(self, work: TurnWork, outcome: Outcome) -> None:
        """Write the end, however long the store takes to come back: until then the turn is not over. Gives up when it is no longer ours."""
        pause, largest = STORE_PATIENCE
        while True:
            try:
                await finish(work, outcome)
                return
            except StoreError as failure:
                log.error("turn.end_delayed", kind=type(failure).__name__)
            except Exception:
                # Another process took the turn over, or the thread was deleted: either way it is not ours any more.
                log.exception("turn.end_not_stored")
                with suppress(StoreError):
                    await record_calls(work)
                with suppress(Exception):  # what cannot be stored here was not shown
                    await work.journal.store_rest()
                return
            await asyncio.sleep(pause)
            pause = min(largest, pause * 2)
