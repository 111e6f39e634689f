"""The pauses of all threads, and how much they say about one: the prior of every cache state (context economics, section 5).

How alike threads are differs between deployments. So the weight of what all threads do, against what this one did, is learned: each of
a few weights would have foretold every pause with some probability, and the likelier weights count for more.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Any, Final

from context.cache.idle_gaps import Gap, Kind, kind_of
from context.policy import Policy

# Bucket limits of the service histogram, in milliseconds: 1 second to 60 days, each 1.5 times the one before.
EDGES: Final = tuple(round(1_000 * 1.5**step) for step in range(39))
MIDDLES: Final = (500, *(round(edge * 1.5**0.5) for edge in EDGES))
BROAD: Final = tuple(
    range(34)
)  # buckets of the default before anything was seen: a second to a week, all alike

WEIGHTS: Final = (10.0, 30.0, 100.0, 300.0)  # gaps' worth of the whole histogram beside a cache state's own
# Half believed at the start; the more extreme ones must first earn it.
BELIEVED: Final = (0.2, 0.5, 0.2, 0.1)
MEMORY: Final = 2_000.0  # pauses after which what a weight foretold has faded to a third: threads change
SPREAD: Final = 4.0  # made-up sightings of a histogram


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalGaps:
    """How often each length of gap was seen over all cache states of one model, apart for what kind of gap came before it.

    The prior of every cache state: it matters most in short threads. `told`: how well each of `WEIGHTS` foretold the gaps, as logarithms of
    probability, the best at zero.
    """

    after_short: tuple[int, ...] = (0,) * len(MIDDLES)
    after_long: tuple[int, ...] = (0,) * len(MIDDLES)
    told: tuple[float, ...] = tuple(log(share) for share in BELIEVED)

    @property
    def seen(self) -> int:
        return sum(self.after_short) + sum(self.after_long)

    def observe(self, gap_ms: int, earlier: Sequence[Gap], policy: Policy) -> "GlobalGaps":
        """The histogram with one more gap. `earlier`: the cache state's before it, oldest first; a first one counts for both kinds."""
        bucket = bucket_of(gap_ms)
        before = kind_of(earlier[-1].ms) if earlier else None
        return GlobalGaps(
            after_short=self.after_short if before == "long" else _more(self.after_short, bucket),
            after_long=self.after_long if before == "short" else _more(self.after_long, bucket),
            told=self._judged(bucket, earlier, before, policy),
        )

    def weight(self, policy: Policy) -> float:
        """What the histogram counts together, in gaps: little in the beginning, then as much as has proved right."""
        likely = [exp(score) for score in self.told]
        mean = sum(share * log(weight) for share, weight in zip(likely, WEIGHTS, strict=True)) / sum(likely)
        grown = min(1.0, self.seen / policy.global_gaps_trusted)
        return policy.global_gaps_weight_young + grown * (exp(mean) - policy.global_gaps_weight_young)

    def shares(self, before: Kind | None) -> list[float]:
        """How likely a gap falls into each bucket after one of that kind; after either when it is not known. Sums to one."""
        if before is None:
            return [
                (one + other) / 2
                for one, other in zip(self.shares("short"), self.shares("long"), strict=True)
            ]
        counts = self.after_short if before == "short" else self.after_long
        # A few made-up sightings, spread broadly, keep a young histogram from ruling anything out.
        seen = sum(counts) + SPREAD
        return [
            (count + (SPREAD / len(BROAD) if bucket in BROAD else 0.0)) / seen
            for bucket, count in enumerate(counts)
        ]

    def _judged(
        self, bucket: int, earlier: Sequence[Gap], before: Kind | None, policy: Policy
    ) -> tuple[float, ...]:
        """The scores after that gap: each weight is judged by the probability it gave to what came."""
        here = every = 0.0
        for gap, weight in zip(earlier, weights(earlier, before, policy), strict=True):
            every += weight
            here += weight * (bucket_of(gap.ms) == bucket)
        share = self.shares(before)[bucket]
        told = [
            score * (1 - 1 / MEMORY) + log((total * share + here + 1e-9) / (total + every))
            for score, total in zip(self.told, WEIGHTS, strict=True)
        ]
        return tuple(round(score - max(told), 6) for score in told)

    def to_json(self) -> dict[str, Any]:
        return {
            "after_short": list(self.after_short),
            "after_long": list(self.after_long),
            "told": list(self.told),
        }

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> "GlobalGaps":
        """The inverse of `to_json`; a histogram with other buckets starts anew, as do scores of other weights."""
        short, long = tuple(value["after_short"]), tuple(value["after_long"])
        if len(short) != len(MIDDLES) or len(long) != len(MIDDLES):
            return GlobalGaps()
        told = tuple(value.get("told", ()))
        if len(told) != len(WEIGHTS):
            return GlobalGaps(after_short=short, after_long=long)
        return GlobalGaps(after_short=short, after_long=long, told=told)


def bucket_of(gap_ms: int) -> int:
    return bisect_right(EDGES, gap_ms)


def weights(gaps: Sequence[Gap], now: Kind | None, policy: Policy) -> list[float]:
    """What each of a cache state's gaps counts after one of kind `now`: older ones less, and those that followed the other kind."""
    found, before = list[float](), None
    for age, gap in zip(range(len(gaps) - 1, -1, -1), gaps, strict=True):
        other = now is not None and before is not None and before != now
        found.append(0.5 ** (age / policy.gap_half_life) * (policy.other_kind if other else 1.0))
        before = kind_of(gap.ms)
    return found


def _more(counts: tuple[int, ...], bucket: int) -> tuple[int, ...]:
    return (*counts[:bucket], counts[bucket] + 1, *counts[bucket + 1 :])
