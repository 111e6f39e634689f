"""What each call passes before it is sent: is the model well, is there room below its rate limits, is it this call's turn.

    breaker ....... a model that keeps failing is not asked (context.limits.breaker); the caller goes straight to another
    headroom ...... expected use stays below the share of each bucket (context.limits.headroom)
    concurrency ... at most so many calls to a model at once, whatever it allows
    queue ......... who must wait is served in fair order, and told the position

Everything here is one process's own knowledge and lost with it; nothing waits for a disk. `tell` passes on what other replicas ought to
know, `hear` takes over what they say (chat.upstream.replica_sync).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Literal

import structlog

from chat.clock import Clock
from chat.upstream import failures
from chat.upstream.failures import UpstreamFailure
from chat.upstream.fair_queue import FairQueue
from chat.upstream.replica_events import ReplicaEvent
from context.limits.breaker import UNWELL, Breaker, Thresholds
from context.limits.headroom import UNKNOWN, Bucket, Headroom, Need

log = structlog.get_logger()

Kind = Literal["reply", "side", "spare"]
"""Somebody waits for it; it can wait; it is not worth waiting for, and is left out where it would have to."""

TOLD_EVERY = 1.0  # seconds between two positions told to one waiting call
TICK = (0.02, 0.25)  # seconds between two looks at the queue while calls wait: shortest, longest
LONGEST_HOLD = 300.0  # seconds a `retry-after` holds a model; a longer one is tried again then: it may have been a mistake
LONGEST_ELSEWHERE = 120.0  # seconds another replica's call counts at most: its end may never be heard
CALM = 60.0  # seconds after a 429 or 529 in which no spare call is made


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotRequest:
    """A call that wants to be sent.

    `patience`: seconds it would wait for a model that is known to be held; None for one that no other model could answer, which also
    waits for a model that rests.
    """

    model: str
    owner: str
    need: Need
    kind: Kind
    turn: str | None = None
    patience: float | None = None

    @property
    def waits_for_rest(self) -> bool:
        """Whether it had better wait until the model may be asked again than fail at once."""
        return self.kind == "reply" and self.patience is None


@dataclass(slots=True, eq=False)
class _Waiter:
    slot_request: SlotRequest
    since: float
    future: "asyncio.Future[Slot]"
    tell: Callable[[int], None] | None
    told: int = 0
    told_at: float = float("-inf")


@dataclass(slots=True)
class _ModelState:
    """What is known of one model, and its calls."""

    breaker: Breaker = field(default_factory=Breaker)
    room: Headroom = UNKNOWN
    limited_at: float = float("-inf")
    under_way: dict[int, Need] = field(default_factory=dict)
    elsewhere: dict[tuple[str, str], tuple[Need, float]] = field(
        default_factory=dict
    )  # by replica and call; until when

    def coming(self, now: float) -> list[Need]:
        """What calls under way are still expected to use, here and in other replicas."""
        for key in [key for key, (_, until) in self.elsewhere.items() if until <= now]:
            del self.elsewhere[key]
        return [*self.under_way.values(), *(need for need, _ in self.elsewhere.values())]

    queue: FairQueue[_Waiter] = field(default_factory=FairQueue)


@dataclass(slots=True, eq=False)
class Slot:
    """A call's place among those under way. What becomes of the call is told here."""

    admission: "Admission"
    slot_request: SlotRequest
    probe: bool
    well: bool = False
    told: bool = False  # whether other replicas were told of it
    output: int = 0  # tokens it brought

    def answered(self, headers: Mapping[str, str]) -> None:
        """The response began: what it says of the limits counts this call's input already."""
        self.admission.observe(self, headers)

    def first_token(self) -> None:
        """The model's first words came: it is well, however long it goes on."""
        if not self.well:
            self.well = True
            self.admission.went_well(self.slot_request.model)

    def produced(self, output: int) -> None:
        """How many tokens came out."""
        self.output = output
        self.admission.produced(self.slot_request.model, output)


@dataclass(slots=True, kw_only=True)
class Admission:
    """All models' breakers, headroom and queues in this process.

    at_once: calls to one model; length: calls that may wait in all; seconds: how long one may.
    """

    clock: Clock
    at_once: int
    length: int
    seconds: float
    thresholds: Thresholds = field(default_factory=Thresholds)
    tell: Callable[[ReplicaEvent], None] | None = None
    _models: dict[str, _ModelState] = field(default_factory=dict)
    _expected: set[str] = field(default_factory=set)
    _ticking: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return sum(len(state.queue) for state in self._models.values())

    def expect(self, turn: str) -> bool:
        """A turn will come here; False when there would be no place for it, counting those that are on their way."""
        busiest = max((len(state.under_way) for state in self._models.values()), default=0)
        if self.waiting + len(self._expected) >= self.length + max(0, self.at_once - busiest):
            return False
        self._expected.add(turn)
        return True

    def forget(self, turn: str) -> None:
        """It came, or never will."""
        self._expected.discard(turn)

    @property
    def breakers(self) -> dict[str, str]:
        """The state of each model that was asked so far."""
        now = self.clock.monotonic()
        return {model: state.breaker.state(now) for model, state in self._models.items()}

    def open_breakers(self) -> frozenset[str]:
        """Models that are not to be asked now."""
        now = self.clock.monotonic()
        return frozenset(
            model for model, state in self._models.items() if state.breaker.wait(now, self.thresholds) > 0
        )

    def headroom(self, model: str) -> Headroom:
        """What is known of a model's rate limits."""
        state = self._models.get(model)
        return UNKNOWN if state is None else state.room

    def elsewhere(self, model: str) -> list[Need]:
        """What other replicas' calls to a model are still expected to use."""
        state = self._models.get(model)
        return [] if state is None else [need for need, _ in state.elsewhere.values()]

    def reset(self) -> None:
        """Forget everything that was learned of the models."""
        for state in self._models.values():
            state.breaker, state.room, state.limited_at = Breaker(), UNKNOWN, float("-inf")

    @asynccontextmanager
    async def slot(
        self, slot_request: SlotRequest, tell: Callable[[int], None] | None = None
    ) -> AsyncIterator[Slot]:
        """Wait for a place and hold it. `tell` hears the position while the call waits.

        Raises UpstreamFailure, and then nothing was sent: the model rests, is held for too long, or the queue is too long.
        """
        if slot_request.turn is not None and slot_request.kind == "reply":
            self.forget(slot_request.turn)
        state = self._models.setdefault(slot_request.model, _ModelState())
        self._refuse(state, slot_request)
        slot = (
            self._admit(state, slot_request)
            if not len(state.queue) and self._fits(state, slot_request)
            else await self._wait(state, slot_request, tell)
        )
        try:
            yield slot
        except UpstreamFailure as failure:
            self._failed(state, slot, failure)
            raise
        except BaseException:
            if slot.probe and not slot.well:
                state.breaker = state.breaker.let_go()
            raise
        else:
            slot.first_token()
        finally:
            self._leave(state, slot)
            self._pump()

    def observe(self, slot: Slot, headers: Mapping[str, str]) -> None:
        """Take over what a response says of the limits."""
        state = self._models[slot.slot_request.model]
        before = state.room
        state.room = before.reported(headers, self.clock.monotonic(), self.clock.now())
        if state.room is not before:
            buckets = {kind: (one.limit, one.level, one.refill) for kind, one in state.room.buckets.items()}
            self._share(ReplicaEvent(model=slot.slot_request.model, what="limits", buckets=buckets))
        if id(slot) in state.under_way:
            self._count(state, slot, replace(slot.slot_request.need, input=0, requests=0))

    def went_well(self, model: str) -> None:
        """A call was answered."""
        state = self._models[model]
        self._share(ReplicaEvent(model=model, what="well"))
        self._turn(model, state, state.breaker.went_well(self.clock.monotonic(), self.thresholds))

    def produced(self, model: str, output: int) -> None:
        """A call brought that many tokens."""
        state = self._models[model]
        state.room = state.room.spent(output, self.clock.monotonic())

    def hear(self, news: ReplicaEvent) -> None:
        """Take over what another replica says of a model, as if it had happened here."""
        state, now = self._models.setdefault(news.model, _ModelState()), self.clock.monotonic()
        match news.what:
            case "well":
                state.breaker = state.breaker.went_well(now, self.thresholds)
            case "failed":
                state.breaker = state.breaker.failed(now, self.thresholds)
            case "open" if state.breaker.state(now) != "open":
                state.breaker = Breaker(opened_at=now, pause=min(news.seconds, self.thresholds.longest))
            case "closed":
                state.breaker = Breaker()
            case "probe" if state.breaker.opened_at is not None:
                state.breaker = replace(state.breaker, probe_at=now)
            case "limits":
                told = {
                    kind: Bucket(limit=limit, level=level, at=now, refill=refill)
                    for kind, (limit, level, refill) in news.buckets.items()
                    if limit > 0 and refill > 0
                }
                state.room = state.room.with_buckets(told, now)
            case "held":
                state.room = state.room.hold(min(news.seconds, LONGEST_HOLD), now)
            case "limited":
                state.limited_at = now
            case "coming":
                requests, given, brought = news.need
                need = Need(requests=requests, input=given, output=brought)
                state.elsewhere[news.sender, news.call] = need, now + LONGEST_ELSEWHERE
            case "gone":
                state.elsewhere.pop((news.sender, news.call), None)
                state.room = state.room.spent(news.need[2], now)
            case _:
                pass
        self._pump()

    def _share(self, news: ReplicaEvent) -> None:
        if self.tell is not None:
            self.tell(news)

    def _turn(self, model: str, state: _ModelState, breaker: Breaker) -> None:
        """Take over a breaker's next state; openings and closings are logged and passed on."""
        before, state.breaker = state.breaker, breaker
        if breaker.opened_at is not None and breaker.opened_at != before.opened_at:
            log.warning("a model keeps failing and is left alone", model=model, seconds=breaker.pause)
            self._share(ReplicaEvent(model=model, what="open", seconds=breaker.pause))
        elif before.opened_at is not None and breaker.opened_at is None:
            log.info("a model is asked again", model=model)
            self._share(ReplicaEvent(model=model, what="closed"))

    def _refuse(self, state: _ModelState, slot_request: SlotRequest) -> None:
        """Raise for a call that had better not even wait."""
        now = self.clock.monotonic()
        wait = state.breaker.wait(now, self.thresholds)
        if wait > (self.seconds if slot_request.waits_for_rest else 0):
            raise UpstreamFailure(replace(failures.BREAKER_OPEN, retry_after=wait))
        if slot_request.kind == "spare":
            calm = state.breaker.opened_at is None and now - state.limited_at > CALM
            if not calm or self.waiting or not self._fits(state, slot_request):
                raise UpstreamFailure(failures.SKIPPED)
        held = state.room.held_until - now
        if held > min(
            self.seconds, slot_request.patience if slot_request.patience is not None else self.seconds
        ):
            raise UpstreamFailure(replace(failures.HELD, retry_after=held))

    def _fits(self, state: _ModelState, slot_request: SlotRequest) -> bool:
        now = self.clock.monotonic()
        return (
            len(state.under_way) < self.at_once
            and not (slot_request.waits_for_rest and state.breaker.wait(now, self.thresholds) > 0)
            and state.room.wait(slot_request.need, state.coming(now), now) <= 0
        )

    def _admit(self, state: _ModelState, slot_request: SlotRequest) -> Slot:
        """Take a place. Raises UpstreamFailure when the model rests by now."""
        now = self.clock.monotonic()
        admitted = state.breaker.admit(now, self.thresholds)
        if admitted is None:
            wait = state.breaker.wait(now, self.thresholds)
            raise UpstreamFailure(replace(failures.BREAKER_OPEN, retry_after=wait))
        probe = admitted.probe_at is not None
        state.breaker = admitted
        if probe:
            self._share(ReplicaEvent(model=slot_request.model, what="probe"))
        slot = Slot(admission=self, slot_request=slot_request, probe=probe)
        self._count(state, slot, slot_request.need)
        return slot

    def _count(self, state: _ModelState, slot: Slot, need: Need) -> None:
        """A call is expected to use so much more. Others are told where there are limits to share."""
        state.under_way[id(slot)] = need
        if state.room.buckets:
            slot.told = True
            told = (need.requests, need.input, need.output)
            self._share(
                ReplicaEvent(model=slot.slot_request.model, what="coming", call=str(id(slot)), need=told)
            )

    def _leave(self, state: _ModelState, slot: Slot) -> None:
        """A call is under way no more."""
        del state.under_way[id(slot)]
        if slot.told:
            told = (0, 0, slot.output)
            self._share(
                ReplicaEvent(model=slot.slot_request.model, what="gone", call=str(id(slot)), need=told)
            )

    async def _wait(
        self, state: _ModelState, slot_request: SlotRequest, tell: Callable[[int], None] | None
    ) -> Slot:
        if self.waiting >= self.length:
            raise UpstreamFailure(failures.QUEUE_FULL)
        reply = slot_request.kind == "reply"
        future: asyncio.Future[Slot] = asyncio.get_running_loop().create_future()
        waiter = _Waiter(slot_request=slot_request, since=self.clock.monotonic(), future=future, tell=tell)
        state.queue.add(waiter, owner=slot_request.owner, reply=reply)
        self._tell()
        if self._ticking is None or self._ticking.done():
            self._ticking = asyncio.create_task(self._tick(), name="queue")
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                self._give_up(state, future.result())  # it was let in at the very moment it was given up
            raise
        finally:
            state.queue.remove(waiter, owner=slot_request.owner, reply=reply)
            self._pump()

    def _give_up(self, state: _ModelState, slot: Slot) -> None:
        """Leave a place no call was made from."""
        self._leave(state, slot)
        if slot.probe:
            state.breaker = state.breaker.let_go()

    def _failed(self, state: _ModelState, slot: Slot, failure: UpstreamFailure) -> None:
        """Draw the conclusions from a failed call, for everybody."""
        trouble, now = failure.trouble, self.clock.monotonic()
        if failure.headers:
            self.observe(slot, failure.headers)
        model = slot.slot_request.model
        if trouble.outcome in {"rate_limited", "overloaded"}:
            state.limited_at = now
            self._share(ReplicaEvent(model=model, what="limited"))
        if trouble.outcome == "rate_limited" and trouble.retry_after is not None:
            seconds = min(trouble.retry_after, LONGEST_HOLD)
            state.room = state.room.hold(seconds, now)
            self._share(ReplicaEvent(model=model, what="held", seconds=seconds))
        if trouble.outcome in UNWELL:
            self._share(ReplicaEvent(model=model, what="failed"))
            self._turn(model, state, state.breaker.failed(now, self.thresholds))
        elif slot.probe and not slot.well:
            state.breaker = state.breaker.let_go()

    def _pump(self) -> None:
        """Let in whoever is first and fits. Nobody overtakes: a large call would otherwise wait for ever."""
        for state in self._models.values():
            while (first := state.queue.first()) is not None:
                if not first.future.done():
                    if not self._fits(state, first.slot_request):
                        break
                    try:
                        first.future.set_result(self._admit(state, first.slot_request))
                    except UpstreamFailure as failure:
                        first.future.set_exception(failure)
                state.queue.take()

    def _tell(self) -> None:
        """Tell those who wait where they stand, if it changed and they were not told just now."""
        now = self.clock.monotonic()
        for state in self._models.values():
            for position, waiter in enumerate(state.queue.in_order(), 1):
                if waiter.tell is None or waiter.told == position or now - waiter.told_at < TOLD_EVERY:
                    continue
                waiter.told, waiter.told_at = position, now
                waiter.tell(position)

    async def _tick(self) -> None:
        """While calls wait: end those that waited too long, let in those there is room for again, tell positions."""
        while self.waiting:
            await asyncio.sleep(self._next_look())
            now = self.clock.monotonic()
            for state in self._models.values():
                for waiter in list(state.queue.in_order()):
                    if now - waiter.since >= self.seconds and not waiter.future.done():
                        rests = state.breaker.wait(now, self.thresholds) > 0
                        why = failures.BREAKER_OPEN if rests else failures.WAITED_TOO_LONG
                        waiter.future.set_exception(UpstreamFailure(why))
            self._pump()
            self._tell()

    def _next_look(self) -> float:
        """Seconds until something may have changed that no call's end tells of."""
        now, (shortest, soonest) = self.clock.monotonic(), TICK
        for state in self._models.values():
            first = state.queue.first()
            if first is not None:
                wait = state.room.wait(first.slot_request.need, state.coming(now), now)
                soonest = min(soonest, wait or soonest)
        return max(shortest, soonest)
