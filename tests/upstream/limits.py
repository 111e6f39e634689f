"""Rate limits: token buckets per workspace and model class, and the headers that report them.

Cache reads do not count, plain input and cache writes do (upstream-facts 4.4). The output bucket is charged with what
was really produced. By default the buckets are only reported; `enforced` makes an empty one answer 429.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.upstream.cache import Bill
from tests.upstream.clock import SimClock, rfc3339
from tests.upstream.errors import ApiError
from tests.upstream.models import Model

SHARED = {
    **dict.fromkeys(("claude-opus-4-5", "claude-opus-4-6", "claude-opus-4-7", "claude-opus-4-8"), "opus-4"),
    **dict.fromkeys(("claude-sonnet-4-5", "claude-sonnet-4-6"), "sonnet-4"),
}
"""Models that draw on one bucket; every other model has its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Allowances per minute; the defaults are the Start tier."""

    requests: int = 1_000
    input_tokens: int = 2_000_000
    output_tokens: int = 400_000
    enforced: bool = False


@dataclass(slots=True)
class Bucket:
    """Refills evenly over a minute."""

    size: int
    level: float
    at: float

    def refill(self, now: float) -> None:
        self.level = min(self.size, self.level + (now - self.at) * self.size / 60)
        self.at = now

    def seconds_until(self, level: float) -> float:
        return max(0.0, (level - self.level) * 60 / self.size)


@dataclass(slots=True)
class Meter:
    """All buckets of one simulator."""

    limits: Limits
    clock: SimClock
    buckets: dict[tuple[str, str, str], Bucket] = field(default_factory=dict)

    def admit(self, workspace: str, model: Model, bill: Bill, speed: str = "standard") -> dict[str, str]:
        """Charge one request and its input; returns the headers, or raises 429 when enforced and empty."""
        requests, incoming, outgoing = self._of(workspace, model, speed)
        charge = bill.total - bill.read
        if self.limits.enforced:
            for bucket, need in ((requests, 1.0), (incoming, min(charge, incoming.size)), (outgoing, 1.0)):
                if bucket.level < need:
                    raise self._refusal(bucket, need, self._headers(requests, incoming, outgoing, speed))
        requests.level = max(0.0, requests.level - 1)
        incoming.level = max(0.0, incoming.level - charge)
        return self._headers(requests, incoming, outgoing, speed)

    def produced(self, workspace: str, model: Model, output_tokens: int, speed: str = "standard") -> None:
        """Charge what was generated."""
        _, _, outgoing = self._of(workspace, model, speed)
        outgoing.level -= output_tokens

    def _of(self, workspace: str, model: Model, speed: str) -> tuple[Bucket, Bucket, Bucket]:
        """Requests, input and output; fast mode has buckets of its own."""
        now = self.clock.now
        group = SHARED.get(model.id, model.id) + (":fast" if speed == "fast" else "")
        buckets = []
        for kind in ("requests", "input_tokens", "output_tokens"):
            size = getattr(self.limits, kind)
            bucket = self.buckets.setdefault((workspace, group, kind), Bucket(size=size, level=size, at=now))
            bucket.refill(now)
            buckets.append(bucket)
        return buckets[0], buckets[1], buckets[2]

    def _refusal(self, bucket: Bucket, need: float, headers: dict[str, str]) -> ApiError:
        wait = str(max(1, round(bucket.seconds_until(need) + 0.5)))
        message = "This request would exceed your organization's rate limit. Please try again later."
        return ApiError(
            status=429, type="rate_limit_error", message=message, headers={**headers, "retry-after": wait}
        )

    def _headers(self, requests: Bucket, incoming: Bucket, outgoing: Bucket, speed: str) -> dict[str, str]:
        tightest = min(incoming, outgoing, key=lambda bucket: bucket.level / bucket.size)
        named = {
            "ratelimit-requests": requests,
            "ratelimit-input-tokens": incoming,
            "ratelimit-output-tokens": outgoing,
            "ratelimit-tokens": tightest,
        }
        if speed == "fast":
            named |= {"fast-input-tokens": incoming, "fast-output-tokens": outgoing}
        headers: dict[str, str] = {}
        for name, bucket in named.items():
            remaining = max(0, int(bucket.level))
            shown = remaining if bucket is requests else round(remaining, -3)
            headers[f"anthropic-{name}-limit"] = str(bucket.size)
            headers[f"anthropic-{name}-remaining"] = str(shown)
            headers[f"anthropic-{name}-reset"] = rfc3339(bucket.at + bucket.seconds_until(bucket.size))
        return headers
