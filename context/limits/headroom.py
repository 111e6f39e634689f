"""Rate-limit headroom: whether a call still fits below a share of what the provider allows. Pure; times in seconds.

The provider keeps token buckets per model and says in every response how full they are (`anthropic-ratelimit-*` headers; Claude API
documentation, "Rate limits"). Between responses the level is estimated here: it refills evenly, less what calls in flight are expected
to use. Plain input and cache writes count as input, cache reads do not; output counts as produced. Without headers everything fits.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

SHARE = 0.8
"""The part of each bucket that is used: estimates are off by some percent, and a 429 costs more than a short wait."""

REFILL = 60.0
"""Seconds an empty bucket takes to fill where its reset time does not say: limits are per minute."""

LONGEST_REFILL = 3_600.0
"""Seconds a reset time may be ahead; later ones are a clock that is wrong."""

SLACK = 0.02
"""A bucket this near to full counts as full: the provider rounds what is left to thousands of tokens."""

KINDS = ("requests", "input-tokens", "output-tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a call is expected to use of each bucket. `input`: tokens that are not read from the cache."""

    input: int
    output: int
    requests: int = 1

    def of(self, kind: str) -> int:
        return {"requests": self.requests, "input-tokens": self.input}.get(kind, self.output)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """One bucket as last reported. `level` is what was left at `at`; empty, it takes `refill` seconds to fill."""

    limit: int
    level: float
    at: float
    refill: float = REFILL

    def left(self, now: float) -> float:
        """What is left by now."""
        return min(self.limit, self.level + max(0.0, now - self.at) * self.limit / self.refill)

    def wait(self, need: int, coming: int, now: float) -> float:
        """Seconds until the call fits. One that is larger than the share on its own fits a bucket that is full."""
        used = self.limit - self.left(now) + coming
        room = SHARE * self.limit if need <= SHARE * self.limit else need + SLACK * self.limit
        return max(0.0, (used + need - room) * self.refill / self.limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Headroom:
    """All that is known of a model's rate limits. `held_until`: the provider asked for no calls before then."""

    buckets: Mapping[str, Bucket]
    held_until: float = 0.0

    def wait(self, need: Need, coming: Iterable[Need], now: float) -> float:
        """Seconds until a call has room, as far as can be told; 0 when it has room now. `coming`: calls on their way."""
        under_way = list(coming)
        waits = [
            bucket.wait(need.of(kind), sum(call.of(kind) for call in under_way), now)
            for kind, bucket in self.buckets.items()
        ]
        return max(0.0, self.held_until - now, *waits)

    def reported(self, headers: Mapping[str, str], now: float, wall: int) -> "Headroom":
        """What a response says of the limits; what it does not say stays as it was. `wall`: the time of day in milliseconds."""
        buckets = {
            kind: bucket for kind in KINDS if (bucket := _bucket(headers, kind, now, wall)) is not None
        }
        if "input-tokens" not in buckets and "output-tokens" not in buckets:
            # An endpoint that reports only the tightest of its limits: taken for the input, the larger part of a chat.
            tightest = _bucket(headers, "tokens", now, wall)
            buckets |= {} if tightest is None else {"input-tokens": tightest}
        return self.with_buckets(buckets, now)

    def with_buckets(self, reported: Mapping[str, Bucket], now: float) -> "Headroom":
        """Take over buckets as reported just now.

        Reports overtake each other: one that says more is left than was estimated is older, and the refill will make up for it.
        """
        if not reported:
            return self
        buckets = dict(self.buckets)
        for kind, bucket in reported.items():
            known = buckets.get(kind)
            if known is not None and known.limit == bucket.limit:
                bucket = replace(bucket, level=min(bucket.level, known.left(now)))
            buckets[kind] = bucket
        return replace(self, buckets=buckets)

    def spent(self, output: int, now: float) -> "Headroom":
        """A call ended having produced that much: the provider took it off after it had sent its headers."""
        bucket = self.buckets.get("output-tokens")
        if bucket is None or not output:
            return self
        less = replace(bucket, level=bucket.left(now) - output, at=now)
        return replace(self, buckets={**self.buckets, "output-tokens": less})

    def hold(self, seconds: float, now: float) -> "Headroom":
        """The provider refused a call and said when to come back: that holds for everybody."""
        return replace(self, held_until=max(self.held_until, now + seconds))


UNKNOWN = Headroom(buckets={})


def _bucket(headers: Mapping[str, str], kind: str, now: float, wall: int) -> Bucket | None:
    name = f"anthropic-ratelimit-{kind}"
    try:
        limit, level = int(headers[f"{name}-limit"]), int(headers[f"{name}-remaining"])
    except (KeyError, ValueError):
        return None
    if limit <= 0:
        return None
    level = max(0, min(level, limit))
    return Bucket(limit=limit, level=level, at=now, refill=_refill(headers, name, limit - level, limit, wall))


def _refill(headers: Mapping[str, str], name: str, missing: int, limit: int, wall: int) -> float:
    """Seconds an empty bucket takes to fill, from when this one will be full; a minute where that tells nothing sensible."""
    try:
        until = datetime.fromisoformat(headers[f"{name}-reset"]).timestamp() - wall / 1000
    except (KeyError, ValueError):
        return REFILL
    if missing < SLACK * limit or not 1 <= until <= LONGEST_REFILL:
        return REFILL  # rounding weighs too much, or the clocks disagree
    return until * limit / missing
