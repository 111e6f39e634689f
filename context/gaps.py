"""The pauses between turns: what was seen, and what to expect next (context economics, section 5)."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from context.policy import Policy

Kind = Literal["short", "long"]
LINE: Final = 300_000  # milliseconds: shorter is one kind of gap, longer the other
HOUR: Final = 3_600_000

# Bucket limits of the service histogram, in milliseconds: 1 second to 60 days, each 1.5 times the one before.
EDGES: Final = tuple(round(1_000 * 1.5**step) for step in range(39))
MIDDLES: Final = (500, *(round(edge * 1.5**0.5) for edge in EDGES))
BROAD: Final = tuple(
    range(34)
)  # buckets of the default before anything was seen: a second to a week, all alike


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A pause between two uses of a lane, and the tokens that arrived on the thread meanwhile."""

    ms: int
    tokens: int


def kind_of(ms: int) -> Kind:
    return "short" if ms < LINE else "long"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """How often each length of gap was seen over all lanes of one model, apart for what kind of gap came before it.

    The prior of every lane: it matters most in short threads.
    """

    after_short: tuple[int, ...] = (0,) * len(MIDDLES)
    after_long: tuple[int, ...] = (0,) * len(MIDDLES)

    @property
    def seen(self) -> int:
        return sum(self.after_short) + sum(self.after_long)

    def observe(self, gap_ms: int, before: Kind | None) -> "Service":
        """The histogram with one more gap. `before` is the kind of the gap before it; a first one counts for both."""
        bucket = bisect_right(EDGES, gap_ms)
        return Service(
            after_short=self.after_short if before == "long" else _more(self.after_short, bucket),
            after_long=self.after_long if before == "short" else _more(self.after_long, bucket),
        )

    def to_json(self) -> dict[str, Any]:
        return {"after_short": list(self.after_short), "after_long": list(self.after_long)}

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> "Service":
        """The inverse of `to_json`; a histogram with other buckets starts anew."""
        short, long = tuple(value["after_short"]), tuple(value["after_long"])
        if len(short) != len(MIDDLES) or len(long) != len(MIDDLES):
            return Service()
        return Service(after_short=short, after_long=long)


def _more(counts: tuple[int, ...], bucket: int) -> tuple[int, ...]:
    return (*counts[:bucket], counts[bucket] + 1, *counts[bucket + 1 :])


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """How much the present signs (a tab visible, open, gone) speak for each length of the present pause.

    Factors P(sign | pause shorter than 5 minutes), P(sign | shorter than an hour), P(sign | longer): section 7.
    """

    short: float = 1.0
    hour: float = 1.0
    longer: float = 1.0

    def weight(self, ms: int) -> float:
        return self.short if ms < LINE else self.hour if ms < HOUR else self.longer

    def diluted(self, share: float) -> "Evidence":
        """The same evidence when it concerns only that share of the cases."""
        mean = (self.short + self.hour + self.longer) / 3
        return Evidence(
            short=share * self.short + (1 - share) * mean,
            hour=share * self.hour + (1 - share) * mean,
            longer=share * self.longer + (1 - share) * mean,
        )


Presence = Literal["visible", "open", "gone"]

# Chances of each sign given the pause: a person who comes back within minutes mostly still looks at the page.
SIGNS: Final[Mapping[Presence, Evidence]] = {
    "visible": Evidence(short=0.80, hour=0.35, longer=0.08),
    "open": Evidence(short=0.15, hour=0.40, longer=0.32),
    "gone": Evidence(short=0.05, hour=0.25, longer=0.60),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """The pauses to expect: (length, tokens that arrive meanwhile, weight after a short gap, weight after a long one).

    The pseudo-observation "never comes back" has weight `never` besides. `shares` is how often each kind comes before.
    """

    points: tuple[tuple[int, float, float, float], ...]
    never: float = 1.0
    shares: tuple[float, float] = field(default=(0.5, 0.5))
    now: Kind | None = None

    def sample(self) -> list[tuple[int, float, float]]:
        """The points with the weight that holds now: after the kind of gap that came last."""
        if self.now is None:
            return [(ms, tokens, (short + long) / 2) for ms, tokens, short, long in self.points]
        last = 2 if self.now == "short" else 3
        return [(point[0], point[1], point[last]) for point in self.points]


def outlook(gaps: Sequence[Gap], service: Service, *, per_gap: float, policy: Policy) -> Outlook:
    """What to expect of a lane with those gaps, oldest first. `per_gap`: tokens that arrive in a gap of the prior."""
    points: list[tuple[int, float, float, float]] = []
    shares = [0.0, 0.0]
    before: Kind | None = None
    count = len(gaps)
    for index, gap in enumerate(gaps):
        weight = 0.5 ** ((count - 1 - index) / policy.gap_half_life)
        short = weight if before in (None, "short") else weight * policy.other_kind
        long = weight if before in (None, "long") else weight * policy.other_kind
        points.append((gap.ms, gap.tokens, short, long))
        before = kind_of(gap.ms)
        shares[before == "long"] += weight
    prior = _prior(service, policy)
    for bucket, (short, long) in enumerate(prior):
        if short or long:
            points.append((MIDDLES[bucket], per_gap, short, long))
            shares[MIDDLES[bucket] >= LINE] += (short + long) / 2
    total = sum(shares)
    return Outlook(points=tuple(points), shares=(shares[0] / total, shares[1] / total), now=before)


def _prior(service: Service, policy: Policy) -> list[tuple[float, float]]:
    """Each bucket's weight after a short and after a long gap."""
    broad = 1 / len(BROAD)
    if service.seen == 0:
        weight = policy.service_weight_young * broad
        return [(weight, weight) if bucket in BROAD else (0.0, 0.0) for bucket in range(len(MIDDLES))]
    grown = min(1.0, service.seen / policy.service_trusted)
    total = policy.service_weight_young + grown * (policy.service_weight - policy.service_weight_young)
    sides = []
    for counts in (service.after_short, service.after_long):
        # A few made-up sightings, spread broadly, keep a young histogram from ruling anything out.
        seen = sum(counts) + 4
        sides.append(
            [
                total * (count + (4 * broad if bucket in BROAD else 0.0)) / seen
                for bucket, count in enumerate(counts)
            ]
        )
    return list(zip(*sides, strict=True))
