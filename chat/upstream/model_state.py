"""The state of one model: circuit breaker, rate-limit headroom, and the calls in flight here and in other replicas.

What other replicas need to know is passed to `publish`; `apply` takes over what they publish (chat.upstream.replica_sync).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import structlog

from chat.clock import Clock
from chat.upstream import failures
from chat.upstream.failures import UpstreamFailure
from chat.upstream.replica_events import EventType, ReplicaEvent
from chat.upstream.slot_request import SlotRequest
from context.limits.breaker import UNWELL, Breaker, Thresholds
from context.limits.headroom import UNKNOWN, Bucket, Headroom, Need

log = structlog.get_logger()

LONGEST_HOLD = 300.0  # seconds a `retry-after` holds a model at most: a longer one may have been a mistake
LONGEST_REMOTE_CALL = 120.0  # seconds another replica's call counts at most: its end may never be published
CALM_AFTER = 60.0  # seconds without a 429 or 529 before optional calls are sent again


@dataclass(slots=True, eq=False, kw_only=True)
class Slot:
    """Permission to have one call to a model in flight. The caller reports the call's progress here."""

    state: "ModelState"
    slot_request: SlotRequest
    probe: bool  # whether the call probes a half-open breaker
    succeeded: bool = False
    published: bool = False  # whether other replicas count this call
    output: int = 0  # tokens

    def response_started(self, headers: Mapping[str, str]) -> None:
        """The response began. The rate limits in its headers already include this call's input."""
        self.state.response_started(self, headers)

    def first_token(self) -> None:
        """The first token arrived: the model works, however long the answer goes on."""
        if not self.succeeded:
            self.succeeded = True
            self.state.call_succeeded()

    def output_counted(self, tokens: int) -> None:
        """The number of output tokens is known."""
        self.output = tokens
        self.state.output_counted(tokens)


@dataclass(slots=True, kw_only=True)
class ModelState:
    """One model's state in this process. `max_concurrent`: calls in flight at once, whatever the rate limits allow."""

    model: str
    clock: Clock
    max_concurrent: int
    thresholds: Thresholds
    publish: Callable[[ReplicaEvent], None]
    breaker: Breaker = field(default_factory=Breaker)
    headroom: Headroom = UNKNOWN
    limited_at: float = float("-inf")  # when the provider last answered 429 or 529
    in_flight: dict[int, Need] = field(default_factory=dict)  # by slot
    _remote: dict[tuple[str, str], tuple[Need, float]] = field(default_factory=dict)
    """Other replicas' calls in flight, by replica and call id, with the time they count until."""

    @property
    def remote_needs(self) -> list[Need]:
        """What the calls of other replicas are still expected to use."""
        return [need for need, _ in self._remote.values()]

    def reset(self) -> None:
        """Forget what was learned of the model."""
        self.breaker, self.headroom, self.limited_at = Breaker(), UNKNOWN, float("-inf")

    def breaker_wait(self) -> float:
        """Seconds until the breaker may let a call through; 0: now."""
        return self.breaker.wait(self.clock.monotonic(), self.thresholds)

    def hold_left(self) -> float:
        """Seconds until the provider's `retry-after` is over; negative when it is."""
        return self.headroom.held_until - self.clock.monotonic()

    def is_calm(self) -> bool:
        """Whether the model has shown no trouble lately, so that optional calls are harmless."""
        return self.breaker.opened_at is None and self.clock.monotonic() - self.limited_at > CALM_AFTER

    def headroom_wait(self, need: Need) -> float:
        """Seconds until a call fits below the rate limits, besides all calls in flight."""
        now = self.clock.monotonic()
        for key in [key for key, (_, until) in self._remote.items() if until <= now]:
            del self._remote[key]
        return self.headroom.wait(need, [*self.in_flight.values(), *self.remote_needs], now)

    def fits(self, slot_request: SlotRequest) -> bool:
        """Whether a call can be sent now."""
        return (
            len(self.in_flight) < self.max_concurrent
            and not (slot_request.waits_for_breaker and self.breaker_wait() > 0)
            and self.headroom_wait(slot_request.need) <= 0
        )

    def admit(self, slot_request: SlotRequest) -> Slot:
        """Give the call a slot. Raises UpstreamFailure when the breaker is open."""
        now = self.clock.monotonic()
        admitted = self.breaker.admit(now, self.thresholds)
        if admitted is None:
            raise UpstreamFailure(replace(failures.BREAKER_OPEN, retry_after=self.breaker_wait()))
        probe = admitted.probe_at is not None
        self.breaker = admitted
        if probe:
            self._publish("breaker_probed")
        slot = Slot(state=self, slot_request=slot_request, probe=probe)
        self._count(slot, slot_request.need)
        return slot

    def release(self, slot: Slot) -> None:
        """The call is no longer in flight."""
        del self.in_flight[id(slot)]
        if slot.published:
            self._publish("call_ended", call_id=str(id(slot)), need=(0, 0, slot.output))

    def release_unused(self, slot: Slot) -> None:
        """Release a slot no call was made with."""
        self.release(slot)
        self.release_probe(slot)

    def release_probe(self, slot: Slot) -> None:
        """Let another call probe the breaker, when this one ended without saying anything of the model's health."""
        if slot.probe and not slot.succeeded:
            self.breaker = self.breaker.let_go()

    def response_started(self, slot: Slot, headers: Mapping[str, str]) -> None:
        """Take over the rate limits a response reports."""
        before = self.headroom
        self.headroom = before.reported(headers, self.clock.monotonic(), self.clock.now())
        if self.headroom is not before:
            buckets = self.headroom.buckets.items()
            levels = {kind: (bucket.limit, bucket.level, bucket.refill) for kind, bucket in buckets}
            self._publish("limits_reported", buckets=levels)
        if id(slot) in self.in_flight:
            self._count(slot, replace(slot.slot_request.need, input=0, requests=0))

    def call_succeeded(self) -> None:
        """The model answered a call."""
        self._publish("call_succeeded")
        self._change_breaker(self.breaker.went_well(self.clock.monotonic(), self.thresholds))

    def output_counted(self, tokens: int) -> None:
        """Take a call's output off the headroom: the provider did so after it had sent its headers."""
        self.headroom = self.headroom.spent(tokens, self.clock.monotonic())

    def call_failed(self, slot: Slot, failure: UpstreamFailure) -> None:
        """Learn from a failed call: rate limits, holds, the model's health."""
        details, now = failure.details, self.clock.monotonic()
        if failure.headers:
            self.response_started(slot, failure.headers)
        if details.outcome in {"rate_limited", "overloaded"}:
            self.limited_at = now
            self._publish("rate_limited")
        if details.outcome == "rate_limited" and details.retry_after is not None:
            seconds = min(details.retry_after, LONGEST_HOLD)
            self.headroom = self.headroom.hold(seconds, now)
            self._publish("model_held", seconds=seconds)
        if details.outcome in UNWELL:
            self._publish("call_failed")
            self._change_breaker(self.breaker.failed(now, self.thresholds))
        else:
            self.release_probe(slot)

    def apply(self, event: ReplicaEvent) -> None:
        """Take over what happened in another replica as if it had happened here."""
        now = self.clock.monotonic()
        match event.type:
            case "call_succeeded":
                self.breaker = self.breaker.went_well(now, self.thresholds)
            case "call_failed":
                self.breaker = self.breaker.failed(now, self.thresholds)
            case "breaker_opened" if self.breaker.state(now) != "open":
                self.breaker = Breaker(opened_at=now, pause=min(event.seconds, self.thresholds.longest))
            case "breaker_closed":
                self.breaker = Breaker()
            case "breaker_probed" if self.breaker.opened_at is not None:
                self.breaker = replace(self.breaker, probe_at=now)
            case "call_started" | "call_ended":
                self._apply_remote_call(event, now)
            case _:
                self._apply_limits(event, now)

    def _apply_remote_call(self, event: ReplicaEvent, now: float) -> None:
        requests, input_tokens, output_tokens = event.need
        if event.type == "call_started":
            need = Need(requests=requests, input=input_tokens, output=output_tokens)
            self._remote[event.sender, event.call_id] = need, now + LONGEST_REMOTE_CALL
        else:
            self._remote.pop((event.sender, event.call_id), None)
            self.headroom = self.headroom.spent(output_tokens, now)

    def _apply_limits(self, event: ReplicaEvent, now: float) -> None:
        match event.type:
            case "limits_reported":
                buckets = {
                    kind: Bucket(limit=limit, level=level, at=now, refill=refill)
                    for kind, (limit, level, refill) in event.buckets.items()
                    if limit > 0 and refill > 0
                }
                self.headroom = self.headroom.with_buckets(buckets, now)
            case "model_held":
                self.headroom = self.headroom.hold(min(event.seconds, LONGEST_HOLD), now)
            case "rate_limited":
                self.limited_at = now
            case _:
                pass

    def _count(self, slot: Slot, need: Need) -> None:
        """Count what a call is still expected to use. Published where there are rate limits to share."""
        self.in_flight[id(slot)] = need
        if self.headroom.buckets:
            slot.published = True
            needs = (need.requests, need.input, need.output)
            self._publish("call_started", call_id=str(id(slot)), need=needs)

    def _change_breaker(self, breaker: Breaker) -> None:
        before, self.breaker = self.breaker, breaker
        if breaker.opened_at is not None and breaker.opened_at != before.opened_at:
            log.warning("circuit_breaker.opened", model=self.model, seconds=breaker.pause)
            self._publish("breaker_opened", seconds=breaker.pause)
        elif before.opened_at is not None and breaker.opened_at is None:
            log.info("circuit_breaker.closed", model=self.model)
            self._publish("breaker_closed")

    def _publish(
        self,
        type: EventType,
        *,
        seconds: float = 0.0,
        buckets: Mapping[str, tuple[int, float, float]] | None = None,
        call_id: str = "",
        need: tuple[int, int, int] = (0, 0, 0),
    ) -> None:
        self.publish(
            ReplicaEvent(
                model=self.model,
                type=type,
                seconds=seconds,
                buckets=dict(buckets or {}),
                call_id=call_id,
                need=need,
            )
        )
