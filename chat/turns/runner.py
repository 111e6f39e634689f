"""Who owns running turns: starts them, stops them, ends them exactly once, and takes over those whose process died.

A turn has two tasks here. The inner one answers; the outer one waits for it, for a wish to stop, or for the time limit, and
then writes the end. Nobody cancels the outer one, so every turn that begins in this process ends in it - or, if the process dies,
in another one after its lease has run out, or in this one when it starts again.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.background import titles
from chat.background.keepalive import KeepaliveScheduler
from chat.background.summarizer import Summarizer
from chat.calls import ledger
from chat.calls.caller import CALL_LEASE, LEASE
from chat.errors import NotFound, Unavailable
from chat.periodic import repeat
from chat.planning.planner import Planning
from chat.runtime.runtime import Runtime
from chat.stream import events
from chat.stream.answer_builder import AnswerBuilder
from chat.stream.journal import Journal, TurnLog
from chat.turns.accept import Accepted, accept
from chat.turns.after import compact_if_due
from chat.turns.cache_miss import explain, notice
from chat.turns.finish import finish, record_calls
from chat.turns.outcome import INTERNAL_ERROR, INTERRUPTED, TOOK_TOO_LONG, Cancelled, Outcome
from chat.turns.recovery import recover
from chat.turns.try_models import answer
from chat.turns.turn_request import TurnRequest
from chat.turns.turn_work import TurnWork
from store import events as store_events
from store import turns
from store.errors import StoreError
from store.ledger import open_calls

log = structlog.get_logger()

MOST_AT_ONCE = 4
BEAT = 2.0  # seconds between lease renewals; a lease outlives four missed ones
STORE_PATIENCE = (0.2, 5.0)  # seconds between tries to write an end while the store fails: first, largest
BACKGROUND_GRACE = 3.0  # seconds background tasks get to finish when the server stops
CALL_PATIENCE = 300  # seconds past the longest turn before a call nobody closed counts as lost
TIDY = 3_600.0  # seconds between removals of old event logs


@dataclass(slots=True)
class _Running:
    work: TurnWork
    log: TurnLog
    stop: asyncio.Future[Outcome]
    task: asyncio.Task[None] | None = None


@dataclass(slots=True, kw_only=True)
class Runner:
    """Runs the turns of this process. `holder` is the process's own id, under which it holds leases."""

    runtime: Runtime
    holder: str
    shared: bool  # whether other processes may run turns in the same database
    summarizer: Summarizer
    keepalive_scheduler: KeepaliveScheduler
    log_hours: int = 24
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    refusing: bool = False  # no new turns: the server is being stopped
    _running: dict[str, _Running] = field(default_factory=dict)
    _background: list[asyncio.Task[None]] = field(default_factory=list)
    _background_tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self) -> None:
        """End what an earlier process left running, then keep watch."""
        await self.take_over(everything=not self.shared)
        self._background = [
            asyncio.create_task(repeat(BEAT, self.beat), name="leases"),
            asyncio.create_task(repeat(TIDY, self.tidy), name="old logs"),
            asyncio.create_task(repeat(BEAT, self.keepalive_scheduler.look), name="keep-alives"),
        ]

    async def accept(self, owner_id: str, turn_request: TurnRequest) -> Accepted:
        """Make a turn durable and start it. Raises PalaverError."""
        if self.refusing and not await self._is_known(owner_id, turn_request):
            raise Unavailable("this server is shutting down", retry_after=2)
        admission, coming = self.runtime.caller.admission, self.runtime.clock.new_id("coming")
        room = admission.expect(coming)
        try:
            accepted = await accept(
                self.runtime,
                owner_id=owner_id,
                holder=self.holder,
                turn_request=turn_request,
                room=room,
            )
        finally:
            admission.forget(coming)
        if not accepted.replayed:
            admission.expect(accepted.turn.id)  # until it stands in line or has ended
            self._begin(accepted, replace(turn_request, requested_model=accepted.turn.requested_model))
        return accepted

    async def _is_known(self, owner_id: str, turn_request: TurnRequest) -> bool:
        """Whether a wish was taken before: then it is answered with its turn, also while the server stops."""
        key = turn_request.idempotency_key
        if key is None:
            return False
        async with self.runtime.database.reading() as connection:
            return await turns.by_key(connection, owner_id, key) is not None

    async def cancel(self, owner_id: str, turn_id: str) -> None:
        """Stop a turn, wherever it runs; a turn that has ended stays as it is. Raises NotFound."""
        async with self.runtime.database.reading() as connection:
            turn = await turns.get(connection, owner_id, turn_id)
        if turn is None:
            raise NotFound("no such turn")
        if turn.status != "running":
            return
        mine = self._running.get(turn_id)
        if mine is None:
            await self.runtime.database.write(
                lambda connection: turns.request_cancel(connection, owner_id, turn_id)
            )
        else:
            self._stop(mine, Cancelled(reason="user"))

    async def cancel_and_wait(self, owner_id: str, turn_id: str, patience: float = 5.0) -> bool:
        """Stop a turn and wait for its end. False when it runs elsewhere and has not ended in time."""
        await self.cancel(owner_id, turn_id)
        mine = self._running.get(turn_id)
        if mine is None or mine.task is None:
            return False
        await asyncio.wait([mine.task], timeout=patience)
        return mine.task.done()

    def live(self, turn_id: str) -> TurnLog | None:
        """The log of a turn that runs in this process."""
        running = self._running.get(turn_id)
        return None if running is None else running.log

    @property
    def _longest_call(self) -> int:
        """Milliseconds after which a call that is still noted as on its way belongs to a process that is gone."""
        return round(self.runtime.deployment.max_turn_seconds + CALL_PATIENCE) * 1_000

    @property
    def count(self) -> int:
        """How many turns run here."""
        return len(self._running)

    @property
    def _tasks(self) -> list[asyncio.Task[None]]:
        return [running.task for running in self._running.values() if running.task is not None]

    async def drain(self, grace: float) -> None:
        """Take no new turns, give running ones `grace` seconds, end the others as interrupted, let all streams end."""
        self.refusing = True
        if self._running:
            log.info("waiting for running turns", turns=len(self._running), seconds=grace)
        end = asyncio.get_running_loop().time() + grace
        # Again and again, for a wish that was being stored when the signal came is a turn by now.
        while (left := end - asyncio.get_running_loop().time()) > 0 and (tasks := self._tasks):
            await asyncio.wait(tasks, timeout=left)
        for running in list(self._running.values()):
            self._stop(running, INTERRUPTED)
        if tasks := self._tasks:
            await asyncio.wait(tasks, timeout=5)
        self.draining.set()
        for running in list(self._running.values()):
            running.log.wake()

    async def stop(self) -> None:
        """Drain without grace and end all background work."""
        await self.drain(0)
        if self._background_tasks:
            await asyncio.wait(
                set(self._background_tasks), timeout=BACKGROUND_GRACE
            )  # so that their calls reach the ledger
        for task in [*self._background, *self._background_tasks]:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        with suppress(StoreError):  # else the next process does it
            await ledger.close_own(self.runtime.database, self.holder, local=self.runtime.deployment.local)

    async def beat(self) -> None:
        """Renew this process's leases, obey cancels left for it, and take over what other processes left behind."""
        if self._running:
            until, ids = self.runtime.clock.now() + LEASE, list(self._running)
            requested_model = await self.runtime.database.write(
                lambda connection: turns.renew_leases(connection, self.holder, ids, until)
            )
            for turn_id in requested_model:
                if turn_id in self._running:
                    self._stop(self._running[turn_id], Cancelled(reason="user"))
        if self.shared:
            held = self.runtime.clock.now() + CALL_LEASE
            await self.runtime.database.write(
                lambda connection: open_calls.renew(connection, self.holder, held)
            )
        await self.take_over(everything=False)

    async def take_over(self, *, everything: bool) -> None:
        """End abandoned turns as interrupted, with what their logs say was said."""
        async with self.runtime.database.reading() as connection:
            found = await turns.abandoned(connection, None if everything else self.runtime.clock.now())
        for turn in found:
            if turn.id in self._running:
                continue
            try:
                if await recover(self.runtime, turn, INTERRUPTED):
                    log.warning("ended an abandoned turn", turn_id=turn.id)
            except Exception:  # one that cannot be ended keeps no other from it
                log.exception("an abandoned turn could not be ended; it will be tried again", turn_id=turn.id)
        before = self.runtime.clock.now() + 1 if everything else self.runtime.clock.now() - self._longest_call
        now = (
            self.runtime.clock.now() if self.shared else None
        )  # alone there is nobody else whose calls could be left
        await ledger.close_left_behind(
            self.runtime.database, before, now=now, local=self.runtime.deployment.local
        )

    async def tidy(self) -> None:
        """Remove event logs that need no longer be kept."""
        before = self.runtime.clock.now() - self.log_hours * 3_600_000
        while True:
            async with self.runtime.database.reading() as connection:
                old = await turns.with_old_logs(connection, before, 200)
            if not old:
                return

            async def remove(connection: AsyncConnection, ids: list[str]) -> None:
                await store_events.remove(connection, ids)
                await turns.forget_logs(connection, ids)

            await self.runtime.database.write(partial(remove, ids=list(old)))

    def _begin(self, accepted: Accepted, turn_request: TurnRequest) -> None:
        turn, live = accepted.turn, TurnLog()
        live.extend([events.frame(1, accepted.first)])
        journal = Journal(self.runtime.database, turn.id, live, self.runtime.clock)
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
                can_compact=not self.summarizer.rests(turn.owner_id, turn.thread_id),
                continued=accepted.continued,
            ),
        )
        running = _Running(work=work, log=live, stop=asyncio.get_running_loop().create_future())
        self._running[turn.id] = running
        self.runtime.caller.hooks.turn_begins(turn.id)
        running.task = asyncio.create_task(self._own(running), name=f"turn {turn.id}")
        if self.runtime.deployment.model_titles:
            self._run_in_background(
                titles.write_title(
                    turn,
                    work.call_context,
                    runtime=self.runtime,
                    journal=journal,
                ),
                f"title {turn.id}",
            )

    def _explain(self, work: TurnWork) -> None:
        """Look behind the turn for the cause of a cache read that did not happen; of too many at once only some are looked at."""
        looking = sum(task.get_name().startswith("cause ") for task in self._background_tasks)
        if looking < MOST_AT_ONCE and notice(work) is not None:
            self._run_in_background(explain(work), f"cause {work.turn.id}")

    def _run_in_background(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Something on the side of a turn: its failure costs only itself."""

        async def guarded() -> None:
            try:
                await work
            except Exception:
                log.exception("an errand failed", call_context=name.split()[0])

        task = asyncio.create_task(guarded(), name=name)
        self._background_tasks.add(task)
        task.add_done_callback(self._background_tasks.discard)

    def _stop(self, running: _Running, outcome: Outcome) -> None:
        if not running.stop.done():
            running.stop.set_result(outcome)

    async def _own(self, running: _Running) -> None:
        work, turn = running.work, running.work.turn
        with structlog.contextvars.bound_contextvars(turn_id=turn.id):
            try:
                outcome = await self._outcome(running)
                self.runtime.caller.hooks.turn_ended(turn.id, type(outcome).__name__.lower())
                await self._end(work, outcome)
                if not self.refusing:
                    self._run_in_background(compact_if_due(work, self.summarizer), f"fold {turn.id}")
                    if (embeddings := self.runtime.embeddings) is not None:
                        caught_up = embeddings.catch_up(
                            turn.owner_id, turn.thread_id, stopping=lambda: self.refusing
                        )
                        self._run_in_background(caught_up, f"vectors {turn.id}")
                    self._explain(work)
                log.info("turn ended", outcome=type(outcome).__name__.lower(), calls=len(work.calls))
            finally:
                self.runtime.caller.admission.forget(turn.id)
                del self._running[turn.id]
                running.log.extend([], ended=True)

    async def _outcome(self, running: _Running) -> Outcome:
        """How the turn goes: its answer, a wish to stop, or the time limit - whichever comes first."""
        answering = asyncio.create_task(answer(running.work), name="answer")
        limit = self.runtime.deployment.max_turn_seconds
        await asyncio.wait({answering, running.stop}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        if answering.done():
            running.stop.cancel()
            try:
                return answering.result()
            except Exception:
                log.exception("a turn broke")
                return INTERNAL_ERROR
        outcome = running.stop.result() if running.stop.done() else TOOK_TOO_LONG
        for record in running.work.calls:
            if record.ended is None:
                record.end(
                    "cancelled" if isinstance(outcome, Cancelled) else "interrupted",
                    self.runtime.clock.monotonic(),
                )
        answering.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await answering
        return outcome

    async def _end(self, work: TurnWork, outcome: Outcome) -> None:
        """Write the end, however long the store takes to come back: until then the turn is not over."""
        pause, largest = STORE_PATIENCE
        while True:
            try:
                await finish(work, outcome)
                return
            except StoreError as failure:
                log.error("the end of a turn cannot be stored yet", kind=type(failure).__name__)
            except Exception:
                # Another process took the turn over, or the thread was deleted: either way it is not ours any more.
                log.exception("the end of a turn was not stored")
                with suppress(StoreError):
                    await record_calls(work)
                return
            await asyncio.sleep(pause)
            pause = min(largest, pause * 2)
