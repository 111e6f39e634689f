"""Answer a conversation that its client keeps: nothing of it is stored but the calls' ledger rows.

Such an answer has no thread, no log and nobody who can come back to it, so it is no turn: it is routed, admitted, fitted to the budgets,
repeated, given to a fallback candidate and counted as a turn's calls are, and it tells the same events, straight to its one reader. When
the reader leaves, the call is cancelled.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import structlog
from sqlalchemy import Connection

from chat.budgets.reservations import CallDoesNotFit, refusal
from chat.calls import ledger
from chat.calls.ledger import entry, total
from chat.calls.record import CallContext, CallRecord
from chat.errors import Unavailable
from chat.renewed_timeout import RenewedTimeout
from chat.runtime.runtime import Runtime
from chat.stream import events
from chat.stream.answer_builder import BLANK, harmless
from chat.stream.events import TurnEvent
from chat.turns.check_request import check_model
from chat.turns.finish import terminal_event
from chat.turns.outcome import (
    INTERNAL_ERROR,
    INTERRUPTED,
    TOOK_TOO_LONG,
    Completed,
    Outcome,
    Unanswered,
)
from chat.turns.stateless_request import Fitted, StatelessRequest, check_size, fitted, route_of
from chat.turns.tool_loop import FINISH
from chat.turns.try_models import most_telling
from chat.upstream import failures, retry
from chat.upstream.failures import FailureDetails, UpstreamFailure
from chat.upstream.stream_decoder import BlockEnded, MessageStopped, StreamEvent, TextDelta
from context.limits.budgets import BudgetAccount
from context.limits.model_sequence import End, ModelFailed, ModelSequence
from store.ledger.budgets import DoesNotFit
from store.ledger.entries import Entry

log = structlog.get_logger()

AHEAD = 64  # reads of the model's stream that wait for a slow reader; then the model is read no faster

Events = Sequence[TurnEvent]


async def accept_stateless(
    runtime: Runtime, request: StatelessRequest, *, stopping: bool
) -> "StatelessAnswer":
    """Check a request as `accept` checks a turn's, and count it in the request budgets. Raises PalaverError.

    `stopping`: the server stops.
    """
    if stopping:
        raise Unavailable("this server is shutting down", retry_after=2)
    check_model(runtime.deployment, request.turn_request)
    await check_size(runtime, request)
    answer_id = runtime.clock.new_id("answer")
    room = runtime.caller.admission.expect(answer_id)
    runtime.caller.admission.forget(answer_id)  # nobody may come to read the answer: the queue checks again
    if not room:
        raise Unavailable("too many people are asking at the moment", retry_after=5)
    await _count(runtime, request)
    return StatelessAnswer(runtime=runtime, request=request, id=answer_id)


async def _count(runtime: Runtime, request: StatelessRequest) -> None:
    """Count the request in the budgets that count turns. Raises OverBudget."""
    budgets, now = runtime.caller.budgets, runtime.clock.now()
    if not budgets:
        return
    account = BudgetAccount(owner_id=request.owner_id, token=request.turn_request.token)
    least = runtime.deployment.least(now)

    def write(connection: Connection) -> None:
        budgets.accept(connection, account, least, now=now)

    try:
        await runtime.database.write(write)
    except DoesNotFit as full:
        await budgets.remember(runtime.database, full.counter, now)
        raise refusal(full.counter, now) from None


@dataclass(slots=True, kw_only=True)
class StatelessAnswer:
    """One answer on its way to its reader."""

    runtime: Runtime
    request: StatelessRequest
    id: str
    _spent: list[Entry] = field(default_factory=list)
    _queue: asyncio.Queue[Events] = field(default_factory=lambda: asyncio.Queue(AHEAD))
    _task: asyncio.Task[None] | None = None
    _interrupted: bool = False
    _left: bool = False
    _open: str | None = None  # kind of the part that is open
    _parts: int = 0
    _text_shown: bool = False

    def interrupt(self) -> None:
        """End the answer as interrupted: the reader's access has ended."""
        self._interrupted = True
        if self._task is not None:
            self._task.cancel()

    def leave(self) -> None:
        """Cancel the call: its reader is gone."""
        self._left = True
        if self._task is not None:
            self._task.cancel()

    async def events(
        self, silence: float, attach: Callable[[asyncio.Task[None]], None]
    ) -> AsyncGenerator[Events, None]:
        """The answer's events, those of each read together, up to the terminal one; none after `silence` seconds without any.

        Closing the generator cancels the call. `attach` is given its task, which may be cancelled: then the answer ends as interrupted.
        """
        self._task = task = asyncio.create_task(self._run(), name="stateless answer")
        attach(task)
        timeout = RenewedTimeout(silence)
        try:
            while True:
                batch: Events = ()
                with suppress(TimeoutError), timeout:
                    batch = await self._queue.get()
                yield batch
                if batch and isinstance(batch[-1], events.TurnCompleted | events.TurnFailed):
                    return
        finally:
            timeout.close()
            self.leave()

    async def _run(self) -> None:
        outcome: Outcome
        try:
            if self._interrupted:
                outcome = INTERRUPTED
            else:
                async with asyncio.timeout(self.runtime.deployment.max_turn_seconds):
                    outcome = await self._answer()
        except TimeoutError:
            outcome = TOOK_TOO_LONG
        except asyncio.CancelledError:
            if self._left:
                raise
            outcome = INTERRUPTED
        except Exception:
            log.exception("stateless_answer.crashed")
            outcome = INTERNAL_ERROR
        tokens, _ = total(self._spent)
        end = terminal_event(outcome, tokens if self._spent else None)
        assert isinstance(end, events.TurnCompleted | events.TurnFailed)  # noqa: S101 - nobody is left to read of a cancelled one
        await self._queue.put([*self._part_ended(), end])

    async def _answer(self) -> Outcome:
        """One model after another, as `try_models` asks them."""
        runtime, deployment = self.runtime, self.runtime.deployment
        route = await route_of(runtime, self.request, self._call_context("classify"))
        models = ModelSequence.start(
            route, deployment.tiers, fallback=deployment.fallback, cascade=deployment.cascade
        )
        ends: dict[str, Unanswered] = {}
        while True:
            breakers = runtime.caller.admission.open_breakers()
            policy = retry.WITH_OTHERS if models.has_alternative(breakers) else retry.ALONE
            call = await fitted(runtime, self.request, models)
            if isinstance(call, FailureDetails):
                return Unanswered(trouble=call).failed
            end = await self._repeated(call, policy)
            if isinstance(end, Completed):
                return end
            ends.pop(call.route.model_id, None)
            ends[call.route.model_id] = end
            step = models.moved_by_budget(call.route).after_failure(
                ModelFailed(
                    outcome=end.trouble.outcome,
                    text_shown=self._text_shown,
                    open_breakers=runtime.caller.admission.open_breakers(),
                )
            )
            if isinstance(step, End):
                return most_telling(list(ends.values())).failed
            models = step.models

    async def _repeated(self, call: Fitted, policy: retry.RetryPolicy) -> Completed | Unanswered:
        """One model's answer, its call repeated while a repeat can help and none of its text was shown."""
        trouble: FailureDetails | None = None
        attempt = 0
        while True:
            attempt += 1
            record = self._record(call, attempt)
            try:
                stop_reason = await self._call(record, call, policy)
            except CallDoesNotFit as failure:
                return Unanswered(trouble=failure.details)
            except UpstreamFailure as failure:
                if not record.opened and trouble is not None:
                    return Unanswered(trouble=trouble)  # says more than that the way is closed
                trouble = failure.details
                chance = self.runtime.clock.chance()
                wait = retry.delay(
                    trouble, attempt=attempt, text_shown=self._text_shown, chance=chance, policy=policy
                )
                if wait is None:
                    return Unanswered(trouble=trouble)
                await self.runtime.clock.sleep(wait)
                continue
            if stop_reason == "refusal":
                return Unanswered(trouble=failures.REFUSED, refused=True)
            if self._text_shown:
                return Completed(finish_reason=FINISH.get(stop_reason, "stop"))
            return Unanswered(trouble=failures.NO_ANSWER if stop_reason == "max_tokens" else failures.EMPTY)

    async def _call(self, record: CallRecord, call: Fitted, policy: retry.RetryPolicy) -> str:
        """Send the request once and pass on what streams in. Returns the provider's stop reason. Raises UpstreamFailure."""
        caller, clock = self.runtime.caller, self.runtime.clock
        stopped: str | None = None
        longest_wait = None if policy == retry.ALONE else policy.longest_wait
        try:
            async with caller.ask(record, call.body, longest_wait=longest_wait) as reads:
                await self._queue.put([events.Note(name="route", data={"model": record.model})])
                async for read in reads:
                    now = clock.monotonic()
                    stopped = next(
                        (event.reason for event in read if isinstance(event, MessageStopped)), stopped
                    )
                    batch = [each for event in read for each in self._events(record, event, now)]
                    if batch:
                        await self._queue.put(batch)
                if stopped is None:
                    raise UpstreamFailure(failures.UNFINISHED)
                record.end("refusal" if stopped == "refusal" else "ok", clock.monotonic())
        finally:
            if record.opened:
                row = entry(record, local=self.runtime.deployment.local)
                self._spent.append(row)
                # Also when the reader has left: nobody else would count the call.
                await asyncio.shield(self.runtime.database.write(partial(ledger.keep, rows=[row])))
        return stopped

    def _events(self, record: CallRecord, event: StreamEvent, now: float) -> list[TurnEvent]:
        """The events for the reader that stand for what was read."""
        if isinstance(event, BlockEnded):
            return self._part_ended()
        if not isinstance(event, TextDelta):
            return []
        record.received(event.text, now, kind=event.kind)
        words = harmless(event.text)
        if event.kind == "text" and words.strip(BLANK):
            self._text_shown = True
        made: list[TurnEvent] = []
        if self._open != event.kind:
            made += self._part_ended()
            self._open, self._parts = event.kind, self._parts + 1
            made.append(events.PartStarted(part_id=f"p{self._parts}", kind=event.kind))
        made.append(events.PartDelta(part_id=f"p{self._parts}", text=words))
        return made

    def _part_ended(self) -> list[TurnEvent]:
        if self._open is None:
            return []
        self._open = None
        return [events.PartEnded(part_id=f"p{self._parts}")]

    def _call_context(self, purpose: str = "reply") -> CallContext:
        return CallContext(
            owner_id=self.request.owner_id,
            thread_id=None,
            purpose=purpose,
            token=self.request.turn_request.token,
            feature=self.request.turn_request.feature,
        )

    def _record(self, call: Fitted, attempt: int) -> CallRecord:
        counted = any(row.tier == call.route.tier for row in self._spent)
        return self.runtime.caller.record(
            self._call_context(),
            model=call.route.model_id,
            tier=call.route.tier,
            size=call.size,
            attempt=len(self._spent) + 1 if self._spent else attempt,
            again=counted,
        )
