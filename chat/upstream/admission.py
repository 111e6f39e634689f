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
from chat.upstream.replica_events import News
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
class Wish:
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
    wish: Wish
    since: float
    future: "asyncio.Future[Place]"
    tell: Callable[[int], None] | None
    told: int = 0
    told_at: float = float("-inf")


@dataclass(slots=True)
class _Lane:
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
class Place:
    """A call's place among those under way. What becomes of the call is told here."""

    gate: "Gate"
    wish: Wish
    probe: bool
    well: bool = False
    told: bool = False  # whether other replicas were told of it
    output: int = 0  # tokens it brought

    def answered(self, headers: Mapping[str, str]) -> None:
        """The response began: what it says of the limits counts this call's input already."""
        self.gate.observe(self, headers)

    def spoke(self) -> None:
        """The model's first words came: it is well, however long it goes on."""
        if not self.well:
            self.well = True
            self.gate.went_well(self.wish.model)

    def produced(self, output: int) -> None:
        """How many tokens came out."""
        self.output = output
        self.gate.produced(self.wish.model, output)


@dataclass(slots=True, kw_only=True)
class Gate:
    """All models' breakers, headroom and queues in this process.

    at_once: calls to one model; length: calls that may wait in all; seconds: how long one may.
    """

    clock: Clock
    at_once: int
    length: int
    seconds: float
    thresholds: Thresholds = field(default_factory=Thresholds)
    tell: Callable[[News], None] | None = None
    _lanes: dict[str, _Lane] = field(default_factory=dict)
    _expected: set[str] = field(default_factory=set)
    _ticking: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return sum(len(lane.queue) for lane in self._lanes.values())

    def expect(self, turn: str) -> bool:
        """A turn will come here; False when there would be no place for it, counting those that are on their way."""
        busiest = max((len(lane.under_way) for lane in self._lanes.values()), default=0)
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
        return {model: lane.breaker.state(now) for model, lane in self._lanes.items()}

    def resting(self) -> frozenset[str]:
        """Models that are not to be asked now."""
        now = self.clock.monotonic()
        return frozenset(
            model for model, lane in self._lanes.items() if lane.breaker.wait(now, self.thresholds) > 0
        )

    def headroom(self, model: str) -> Headroom:
        """What is known of a model's rate limits."""
        lane = self._lanes.get(model)
        return UNKNOWN if lane is None else lane.room

    def elsewhere(self, model: str) -> list[Need]:
        """What other replicas' calls to a model are still expected to use."""
        lane = self._lanes.get(model)
        return [] if lane is None else [need for need, _ in lane.elsewhere.values()]

    def reset(self) -> None:
        """Forget everything that was learned of the models."""
        for lane in self._lanes.values():
            lane.breaker, lane.room, lane.limited_at = Breaker(), UNKNOWN, float("-inf")

    @asynccontextmanager
    async def place(self, wish: Wish, tell: Callable[[int], None] | None = None) -> AsyncIterator[Place]:
        """Wait for a place and hold it. `tell` hears the position while the call waits.

        Raises UpstreamFailure, and then nothing was sent: the model rests, is held for too long, or the queue is too long.
        """
        if wish.turn is not None and wish.kind == "reply":
            self.forget(wish.turn)
        lane = self._lanes.setdefault(wish.model, _Lane())
        self._refuse(lane, wish)
        place = (
            self._admit(lane, wish)
            if not len(lane.queue) and self._fits(lane, wish)
            else await self._wait(lane, wish, tell)
        )
        try:
            yield place
        except UpstreamFailure as failure:
            self._failed(lane, place, failure)
            raise
        except BaseException:
            if place.probe and not place.well:
                lane.breaker = lane.breaker.let_go()
            raise
        else:
            place.spoke()
        finally:
            self._leave(lane, place)
            self._pump()

    def observe(self, place: Place, headers: Mapping[str, str]) -> None:
        """Take over what a response says of the limits."""
        lane = self._lanes[place.wish.model]
        before = lane.room
        lane.room = before.told(headers, self.clock.monotonic(), self.clock.now())
        if lane.room is not before:
            buckets = {kind: (one.limit, one.level, one.refill) for kind, one in lane.room.buckets.items()}
            self._share(News(model=place.wish.model, what="limits", buckets=buckets))
        if id(place) in lane.under_way:
            self._count(lane, place, replace(place.wish.need, input=0, requests=0))

    def went_well(self, model: str) -> None:
        """A call was answered."""
        lane = self._lanes[model]
        self._share(News(model=model, what="well"))
        self._turn(model, lane, lane.breaker.went_well(self.clock.monotonic(), self.thresholds))

    def produced(self, model: str, output: int) -> None:
        """A call brought that many tokens."""
        lane = self._lanes[model]
        lane.room = lane.room.spent(output, self.clock.monotonic())

    def hear(self, news: News) -> None:
        """Take over what another replica says of a model, as if it had happened here."""
        lane, now = self._lanes.setdefault(news.model, _Lane()), self.clock.monotonic()
        match news.what:
            case "well":
                lane.breaker = lane.breaker.went_well(now, self.thresholds)
            case "failed":
                lane.breaker = lane.breaker.failed(now, self.thresholds)
            case "open" if lane.breaker.state(now) != "open":
                lane.breaker = Breaker(opened_at=now, pause=min(news.seconds, self.thresholds.longest))
            case "closed":
                lane.breaker = Breaker()
            case "probe" if lane.breaker.opened_at is not None:
                lane.breaker = replace(lane.breaker, probe_at=now)
            case "limits":
                told = {
                    kind: Bucket(limit=limit, level=level, at=now, refill=refill)
                    for kind, (limit, level, refill) in news.buckets.items()
                    if limit > 0 and refill > 0
                }
                lane.room = lane.room.learned(told, now)
            case "held":
                lane.room = lane.room.hold(min(news.seconds, LONGEST_HOLD), now)
            case "limited":
                lane.limited_at = now
            case "coming":
                requests, given, brought = news.need
                need = Need(requests=requests, input=given, output=brought)
                lane.elsewhere[news.sender, news.call] = need, now + LONGEST_ELSEWHERE
            case "gone":
                lane.elsewhere.pop((news.sender, news.call), None)
                lane.room = lane.room.spent(news.need[2], now)
            case _:
                pass
        self._pump()

    def _share(self, news: News) -> None:
        if self.tell is not None:
            self.tell(news)

    def _turn(self, model: str, lane: _Lane, breaker: Breaker) -> None:
        """Take over a breaker's next state; openings and closings are logged and passed on."""
        before, lane.breaker = lane.breaker, breaker
        if breaker.opened_at is not None and breaker.opened_at != before.opened_at:
            log.warning("a model keeps failing and is left alone", model=model, seconds=breaker.pause)
            self._share(News(model=model, what="open", seconds=breaker.pause))
        elif before.opened_at is not None and breaker.opened_at is None:
            log.info("a model is asked again", model=model)
            self._share(News(model=model, what="closed"))

    def _refuse(self, lane: _Lane, wish: Wish) -> None:
        """Raise for a call that had better not even wait."""
        now = self.clock.monotonic()
        wait = lane.breaker.wait(now, self.thresholds)
        if wait > (self.seconds if wish.waits_for_rest else 0):
            raise UpstreamFailure(replace(failures.RESTING, retry_after=wait))
        if wish.kind == "spare":
            calm = lane.breaker.opened_at is None and now - lane.limited_at > CALM
            if not calm or self.waiting or not self._fits(lane, wish):
                raise UpstreamFailure(failures.SKIPPED)
        held = lane.room.held_until - now
        if held > min(self.seconds, wish.patience if wish.patience is not None else self.seconds):
            raise UpstreamFailure(replace(failures.HELD, retry_after=held))

    def _fits(self, lane: _Lane, wish: Wish) -> bool:
        now = self.clock.monotonic()
        return (
            len(lane.under_way) < self.at_once
            and not (wish.waits_for_rest and lane.breaker.wait(now, self.thresholds) > 0)
            and lane.room.wait(wish.need, lane.coming(now), now) <= 0
        )

    def _admit(self, lane: _Lane, wish: Wish) -> Place:
        """Take a place. Raises UpstreamFailure when the model rests by now."""
        now = self.clock.monotonic()
        admitted = lane.breaker.admit(now, self.thresholds)
        if admitted is None:
            wait = lane.breaker.wait(now, self.thresholds)
            raise UpstreamFailure(replace(failures.RESTING, retry_after=wait))
        probe = admitted.probe_at is not None
        lane.breaker = admitted
        if probe:
            self._share(News(model=wish.model, what="probe"))
        place = Place(gate=self, wish=wish, probe=probe)
        self._count(lane, place, wish.need)
        return place

    def _count(self, lane: _Lane, place: Place, need: Need) -> None:
        """A call is expected to use so much more. Others are told where there are limits to share."""
        lane.under_way[id(place)] = need
        if lane.room.buckets:
            place.told = True
            told = (need.requests, need.input, need.output)
            self._share(News(model=place.wish.model, what="coming", call=str(id(place)), need=told))

    def _leave(self, lane: _Lane, place: Place) -> None:
        """A call is under way no more."""
        del lane.under_way[id(place)]
        if place.told:
            told = (0, 0, place.output)
            self._share(News(model=place.wish.model, what="gone", call=str(id(place)), need=told))

    async def _wait(self, lane: _Lane, wish: Wish, tell: Callable[[int], None] | None) -> Place:
        if self.waiting >= self.length:
            raise UpstreamFailure(failures.QUEUE_FULL)
        reply = wish.kind == "reply"
        future: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
        waiter = _Waiter(wish=wish, since=self.clock.monotonic(), future=future, tell=tell)
        lane.queue.add(waiter, owner=wish.owner, reply=reply)
        self._tell()
        if self._ticking is None or self._ticking.done():
            self._ticking = asyncio.create_task(self._tick(), name="queue")
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                self._give_up(lane, future.result())  # it was let in at the very moment it was given up
            raise
        finally:
            lane.queue.remove(waiter, owner=wish.owner, reply=reply)
            self._pump()

    def _give_up(self, lane: _Lane, place: Place) -> None:
        """Leave a place no call was made from."""
        self._leave(lane, place)
        if place.probe:
            lane.breaker = lane.breaker.let_go()

    def _failed(self, lane: _Lane, place: Place, failure: UpstreamFailure) -> None:
        """Draw the conclusions from a failed call, for everybody."""
        trouble, now = failure.trouble, self.clock.monotonic()
        if failure.headers:
            self.observe(place, failure.headers)
        model = place.wish.model
        if trouble.outcome in {"rate_limited", "overloaded"}:
            lane.limited_at = now
            self._share(News(model=model, what="limited"))
        if trouble.outcome == "rate_limited" and trouble.retry_after is not None:
            seconds = min(trouble.retry_after, LONGEST_HOLD)
            lane.room = lane.room.hold(seconds, now)
            self._share(News(model=model, what="held", seconds=seconds))
        if trouble.outcome in UNWELL:
            self._share(News(model=model, what="failed"))
            self._turn(model, lane, lane.breaker.failed(now, self.thresholds))
        elif place.probe and not place.well:
            lane.breaker = lane.breaker.let_go()

    def _pump(self) -> None:
        """Let in whoever is first and fits. Nobody overtakes: a large call would otherwise wait for ever."""
        for lane in self._lanes.values():
            while (first := lane.queue.first()) is not None:
                if not first.future.done():
                    if not self._fits(lane, first.wish):
                        break
                    try:
                        first.future.set_result(self._admit(lane, first.wish))
                    except UpstreamFailure as failure:
                        first.future.set_exception(failure)
                lane.queue.take()

    def _tell(self) -> None:
        """Tell those who wait where they stand, if it changed and they were not told just now."""
        now = self.clock.monotonic()
        for lane in self._lanes.values():
            for position, waiter in enumerate(lane.queue.in_order(), 1):
                if waiter.tell is None or waiter.told == position or now - waiter.told_at < TOLD_EVERY:
                    continue
                waiter.told, waiter.told_at = position, now
                waiter.tell(position)

    async def _tick(self) -> None:
        """While calls wait: end those that waited too long, let in those there is room for again, tell positions."""
        while self.waiting:
            await asyncio.sleep(self._next_look())
            now = self.clock.monotonic()
            for lane in self._lanes.values():
                for waiter in list(lane.queue.in_order()):
                    if now - waiter.since >= self.seconds and not waiter.future.done():
                        rests = lane.breaker.wait(now, self.thresholds) > 0
                        why = failures.RESTING if rests else failures.WAITED_TOO_LONG
                        waiter.future.set_exception(UpstreamFailure(why))
            self._pump()
            self._tell()

    def _next_look(self) -> float:
        """Seconds until something may have changed that no call's end tells of."""
        now, (shortest, soonest) = self.clock.monotonic(), TICK
        for lane in self._lanes.values():
            first = lane.queue.first()
            if first is not None:
                wait = lane.room.wait(first.wish.need, lane.coming(now), now)
                soonest = min(soonest, wait or soonest)
        return max(shortest, soonest)
