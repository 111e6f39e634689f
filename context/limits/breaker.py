"""A circuit breaker per model: calls to a model that keeps failing are not sent. Pure values; times in seconds.

    closed ...... every call goes through
    open ........ none does: each would only make somebody wait, and add to the load that is the trouble
    half open ... one call at a time tries whether the model is back; two good ones close, one bad one opens for twice as long

Only failures of the model's health count (overload, 5xx, silence, cut connections): those a repeat can help. What is wrong with
one request (a 4xx) or with this deployment's own pace (429) says nothing about the model, so it never opens the breaker.
"""

from dataclasses import dataclass, replace
from typing import Literal

State = Literal["closed", "open", "half_open"]

UNWELL = frozenset({"overloaded", "server_error", "timeout", "connection", "unfinished", "garbled"})
"""Outcomes of a call that tell of the model's health."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """When a breaker opens, and for how long.

    window: seconds that count; a minute is as long as people wait, and long enough for a model few people use.
    slices: parts the window rolls by; a sixth of it may be stale, and the value stays small.
    failures: the least number of failed calls; one turn alone (at most four calls to a model) never opens it for everybody.
    share: the least part of all calls that failed; at half of them a repeat still has even odds, below that it usually helps.
    pause, longest: seconds it stays open at first and at most, doubled with every probe that fails; providers recover from overload in
    seconds, from an outage in minutes, and two minutes is what a person accepts before trying by hand.
    probes: good calls in a row that close it; one may be luck.
    probing: seconds after which a probe nobody reported on is forgotten, longer than the wait for a first byte.
    """

    window: float = 60.0
    slices: int = 6
    failures: int = 5
    share: float = 0.5
    pause: float = 10.0
    longest: float = 120.0
    probes: int = 2
    probing: float = 150.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Calls that went well and that failed in one part of the window; `number` counts parts since time began."""

    number: int
    well: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """The state of a breaker. `opened_at` is None while it is closed; `pause` is how long it stays open this time."""

    slices: tuple[Slice, ...] = ()
    opened_at: float | None = None
    pause: float = 0.0
    probe_at: float | None = None
    good_probes: int = 0

    def state(self, now: float) -> State:
        """Whether calls go through."""
        if self.opened_at is None:
            return "closed"
        return "open" if now < self.opened_at + self.pause else "half_open"

    def admit(self, now: float, thresholds: Thresholds) -> "Breaker | None":
        """The breaker after letting a call through; None when it does not. In the half-open state the call is the probe."""
        match self.state(now):
            case "closed":
                return self
            case "open":
                return None
            case "half_open":
                if self.probe_at is not None and now < self.probe_at + thresholds.probing:
                    return None
                return replace(self, probe_at=now)

    def wait(self, now: float, thresholds: Thresholds) -> float:
        """Seconds until a call has a chance to be let through; 0 when it has one now."""
        if self.opened_at is None:
            return 0.0
        until = self.opened_at + self.pause
        if now >= until and self.probe_at is not None:
            until = self.probe_at + thresholds.probing
        return max(0.0, until - now)

    def went_well(self, now: float, thresholds: Thresholds) -> "Breaker":
        """A call was answered."""
        if self.opened_at is None:
            return self._counted(now, thresholds, well=1)
        if self.state(now) == "open":
            return self  # it was let through before: one that got lucky closes nothing
        good = self.good_probes + 1
        return Breaker() if good >= thresholds.probes else replace(self, probe_at=None, good_probes=good)

    def failed(self, now: float, thresholds: Thresholds) -> "Breaker":
        """A call failed in a way that tells of the model's health."""
        if self.opened_at is not None:
            if self.state(now) == "open":
                return self
            longer = min(thresholds.longest, self.pause * 2)
            return Breaker(opened_at=now, pause=longer)
        counted = self._counted(now, thresholds, failed=1)
        bad = sum(part.failed for part in counted.slices)
        calls = bad + sum(part.well for part in counted.slices)
        if bad >= thresholds.failures and bad >= calls * thresholds.share:
            return Breaker(opened_at=now, pause=thresholds.pause)
        return counted

    def let_go(self) -> "Breaker":
        """A call ended without saying anything of the model's health: somebody cancelled it, or the request was wrong."""
        return replace(self, probe_at=None) if self.probe_at is not None else self

    def _counted(self, now: float, thresholds: Thresholds, *, well: int = 0, failed: int = 0) -> "Breaker":
        number = int(now // (thresholds.window / thresholds.slices))
        recent = tuple(part for part in self.slices if number - thresholds.slices < part.number)
        last = recent[-1] if recent and recent[-1].number >= number else Slice(number=number)
        counted = replace(last, well=last.well + well, failed=last.failed + failed)
        return replace(self, slices=(*(part for part in recent if part.number != last.number), counted))
