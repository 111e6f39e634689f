"""Admission: what a call passes before it is sent. Circuit breaker, rate-limit headroom, concurrency limit, fair queue.

    breaker ....... a model that keeps failing is not asked (context.limits.breaker); the caller tries another model at once
    headroom ...... expected use stays below a share of each rate limit (context.limits.headroom)
    concurrency ... at most so many calls to a model are in flight, whatever it allows
    queue ......... calls that must wait are served in fair order and are told their position (chat.upstream.fair_queue)

All of it is this process's own knowledge and lost with it; nothing waits for a disk. `publish` passes on what other replicas
need to know, `apply` takes over what they publish (chat.upstream.replica_sync).
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import Context
from dataclasses import dataclass, field, replace

from chat.clock import Clock
from chat.upstream import failures
from chat.upstream.failures import UpstreamFailure
from chat.upstream.fair_queue import FairQueue
from chat.upstream.model_state import ModelState, Slot
from chat.upstream.replica_events import ReplicaEvent
from chat.upstream.slot_request import SlotRequest
from context.limits.breaker import Thresholds
from context.limits.headroom import UNKNOWN, Headroom, Need

POSITION_EVERY = 1.0  # seconds between two positions reported to one waiting call
TICK = (0.02, 0.25)  # seconds between two checks of the queue while calls wait: shortest, longest


@dataclass(slots=True, eq=False, kw_only=True)
class _Waiter:
    slot_request: SlotRequest
    since: float
    future: "asyncio.Future[Slot]"
    on_position: Callable[[int], None] | None
    position: int = 0  # as reported last
    reported_at: float = float("-inf")


@dataclass(slots=True, kw_only=True)
class _Model:
    state: ModelState
    queue: FairQueue[_Waiter] = field(default_factory=FairQueue)


@dataclass(slots=True, kw_only=True)
class Admission:
    """The models' states and queues in this process.

    max_concurrent: calls in flight to one model. queue_length: calls that may wait, over all models. queue_seconds: the longest wait.
    """

    clock: Clock
    max_concurrent: int
    queue_length: int
    queue_seconds: float
    thresholds: Thresholds = field(default_factory=Thresholds)
    publish: Callable[[ReplicaEvent], None] | None = None
    _models: dict[str, _Model] = field(default_factory=dict)
    _expected: set[str] = field(default_factory=set)  # turns that will ask for a slot soon
    _ticking: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return sum(len(model.queue) for model in self._models.values())

    def expect(self, turn: str) -> bool:
        """Announce a turn that will ask for a slot. False when the queue would be full, counting the turns already announced."""
        busiest = max((len(model.state.in_flight) for model in self._models.values()), default=0)
        if self.waiting + len(self._expected) >= self.queue_length + max(0, self.max_concurrent - busiest):
            return False
        self._expected.add(turn)
        return True

    def forget(self, turn: str) -> None:
        """The turn has asked for its slot, or never will."""
        self._expected.discard(turn)

    @property
    def breakers(self) -> dict[str, str]:
        """The breaker state of each model that was asked so far."""
        now = self.clock.monotonic()
        return {name: model.state.breaker.state(now) for name, model in self._models.items()}

    def open_breakers(self) -> frozenset[str]:
        """Models whose breaker lets no call through now."""
        return frozenset(name for name, model in self._models.items() if model.state.breaker_wait() > 0)

    def headroom(self, model: str) -> Headroom:
        """What is known of a model's rate limits."""
        return self._models[model].state.headroom if model in self._models else UNKNOWN

    def remote_needs(self, model: str) -> list[Need]:
        """What other replicas' calls to a model are still expected to use."""
        return self._models[model].state.remote_needs if model in self._models else []

    def reset(self) -> None:
        """Forget everything that was learned of the models."""
        for model in self._models.values():
            model.state.reset()

    def apply(self, event: ReplicaEvent) -> None:
        """Take over what happened in another replica."""
        self._model(event.model).state.apply(event)
        self._admit_waiting()

    @asynccontextmanager
    async def slot(
        self, slot_request: SlotRequest, on_position: Callable[[int], None] | None = None
    ) -> AsyncIterator[Slot]:
        """Wait for a slot and hold it. `on_position` receives the queue position while the call waits.

        Raises UpstreamFailure when nothing is to be sent: the breaker is open, the model is held for too long, or the queue is full.
        """
        if slot_request.turn is not None and slot_request.priority == "reply":
            self.forget(slot_request.turn)
        model = self._model(slot_request.model)
        state = model.state
        self._refuse(state, slot_request)
        slot = (
            state.admit(slot_request)
            if not len(model.queue) and state.fits(slot_request)
            else await self._wait(model, slot_request, on_position)
        )
        try:
            yield slot
        except UpstreamFailure as failure:
            state.call_failed(slot, failure)
            raise
        except BaseException:
            state.release_probe(slot)
            raise
        else:
            slot.first_token()
        finally:
            state.release(slot)
            self._admit_waiting()

    def _model(self, name: str) -> _Model:
        if name not in self._models:
            self._models[name] = _Model(
                state=ModelState(
                    model=name,
                    clock=self.clock,
                    max_concurrent=self.max_concurrent,
                    thresholds=self.thresholds,
                    publish=self._publish,
                )
            )
        return self._models[name]

    def _publish(self, event: ReplicaEvent) -> None:
        if self.publish is not None:
            self.publish(event)

    def _refuse(self, state: ModelState, slot_request: SlotRequest) -> None:
        """Raise for a call that is better not even queued."""
        breaker_wait = state.breaker_wait()
        if breaker_wait > (self.queue_seconds if slot_request.waits_for_breaker else 0):
            raise UpstreamFailure(replace(failures.BREAKER_OPEN, retry_after=breaker_wait))
        if slot_request.priority == "optional" and (
            not state.is_calm() or self.waiting or not state.fits(slot_request)
        ):
            raise UpstreamFailure(failures.SKIPPED)
        longest_wait = self.queue_seconds if slot_request.longest_wait is None else slot_request.longest_wait
        hold_left = state.hold_left()
        if hold_left > min(self.queue_seconds, longest_wait):
            raise UpstreamFailure(replace(failures.HELD, retry_after=hold_left))

    async def _wait(
        self, model: _Model, slot_request: SlotRequest, on_position: Callable[[int], None] | None
    ) -> Slot:
        if self.waiting >= self.queue_length:
            raise UpstreamFailure(failures.QUEUE_FULL)
        reply = slot_request.priority == "reply"
        future: asyncio.Future[Slot] = asyncio.get_running_loop().create_future()
        waiter = _Waiter(
            slot_request=slot_request, since=self.clock.monotonic(), future=future, on_position=on_position
        )
        model.queue.add(waiter, owner=slot_request.owner, reply=reply)
        self._report_positions()
        if self._ticking is None or self._ticking.done():
            # Without the context of the caller that happens to be first.
            self._ticking = asyncio.create_task(self._tick(), name="queue", context=Context())
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                model.state.release_unused(future.result())  # admitted at the very moment it was cancelled
            raise
        finally:
            model.queue.remove(waiter, owner=slot_request.owner, reply=reply)
            self._admit_waiting()

    def _admit_waiting(self) -> None:
        """Admit the first waiting calls while they fit. Nobody overtakes: a large call would otherwise wait for ever."""
        for model in self._models.values():
            while (first := model.queue.first()) is not None:
                if not first.future.done():
                    if not model.state.fits(first.slot_request):
                        break
                    try:
                        first.future.set_result(model.state.admit(first.slot_request))
                    except UpstreamFailure as failure:
                        first.future.set_exception(failure)
                model.queue.take()

    def _report_positions(self) -> None:
        """Report positions that changed, at most once in POSITION_EVERY seconds for each waiting call."""
        now = self.clock.monotonic()
        for model in self._models.values():
            for position, waiter in enumerate(model.queue.in_order(), 1):
                if waiter.on_position is None or waiter.position == position:
                    continue
                if now - waiter.reported_at >= POSITION_EVERY:
                    waiter.position, waiter.reported_at = position, now
                    waiter.on_position(position)

    async def _tick(self) -> None:
        """While calls wait: end waits that took too long, admit calls there is room for again, report positions."""
        while self.waiting:
            await asyncio.sleep(self._next_check())
            now = self.clock.monotonic()
            for model in self._models.values():
                for waiter in list(model.queue.in_order()):
                    if now - waiter.since >= self.queue_seconds and not waiter.future.done():
                        is_open = model.state.breaker_wait() > 0
                        reason = failures.BREAKER_OPEN if is_open else failures.QUEUE_TIMEOUT
                        waiter.future.set_exception(UpstreamFailure(reason))
            self._admit_waiting()
            self._report_positions()

    def _next_check(self) -> float:
        """Seconds until room may appear without any call ending."""
        shortest, soonest = TICK
        for model in self._models.values():
            first = model.queue.first()
            if first is not None:
                soonest = min(soonest, model.state.headroom_wait(first.slot_request.need) or soonest)
        return max(shortest, soonest)
