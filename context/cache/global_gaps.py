"""A histogram of the idle gaps of all threads, and how much it says about one: the prior of every gap forecast.

How alike threads are differs between deployments. So the weight of what all threads do, against what this one did, is learned: each of
a few weights would have given every gap that came some probability, and the likelier weights count for more.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Any, Final

from context.cache.idle_gaps import Gap, Kind, kind_of
from context.policy import Policy

# Bucket limits of the histogram, in milliseconds: 1 second to 60 days, each 1.5 times the one before.
EDGES: Final = tuple(round(1_000 * 1.5**step) for step in range(39))
MIDDLES: Final = (500, *(round(edge * 1.5**0.5) for edge in EDGES))
# Buckets of the default before anything was seen: a second to a week, all alike.
BROAD: Final = range(34)

# What the whole histogram may count beside a cache state's own gaps, in gaps; and how likely each of these is at the start: the
# more extreme ones must first earn it.
WEIGHTS: Final = (10.0, 30.0, 100.0, 300.0)
PRIOR: Final = (0.2, 0.5, 0.2, 0.1)
MEMORY: Final = 2_000.0  # gaps after which the score of a weight has faded to a third: threads change
PSEUDO_COUNT: Final = 4.0  # observations added to a histogram, spread over `BROAD`


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalGaps:
    """How often each length of gap was seen over all cache states of one model, apart for what kind of gap came before it.

    It matters most in short threads. `scores`: how well each of `WEIGHTS` predicted the gaps, as logarithms of probability, the best at
    zero.
    """

    after_short: tuple[int, ...] = (0,) * len(MIDDLES)
    after_long: tuple[int, ...] = (0,) * len(MIDDLES)
    scores: tuple[float, ...] = tuple(log(share) for share in PRIOR)

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
            scores=self._scored(bucket, earlier, before, policy),
        )

    def weight(self, policy: Policy) -> float:
        """What the histogram counts together, in gaps: little in the beginning, then as much as has proved right."""
        likely = [exp(score) for score in self.scores]
        mean = sum(share * log(weight) for share, weight in zip(likely, WEIGHTS, strict=True)) / sum(likely)
        grown = min(1.0, self.seen / policy.global_gaps_trusted)
        return policy.global_gaps_weight_young + grown * (exp(mean) - policy.global_gaps_weight_young)

    def shares(self, before: Kind | None) -> list[float]:
        """How likely a gap falls into each bucket after one of that kind; after either when it is not known. Sums to one."""
        if before is None:
            return [
                (after_short + after_long) / 2
                for after_short, after_long in zip(self.shares("short"), self.shares("long"), strict=True)
            ]
        counts = self.after_short if before == "short" else self.after_long
        # A few pseudo-observations, spread broadly, keep a young histogram from ruling anything out.
        seen = sum(counts) + PSEUDO_COUNT
        return [
            (count + (PSEUDO_COUNT / len(BROAD) if bucket in BROAD else 0.0)) / seen
            for bucket, count in enumerate(counts)
        ]

    def _scored(
        self, bucket: int, earlier: Sequence[Gap], before: Kind | None, policy: Policy
    ) -> tuple[float, ...]:
        """The scores after a gap in that bucket: each weight is judged by the probability it gave to it."""
        own_here = own_total = 0.0
        for gap, weight in zip(earlier, weights(earlier, before, policy), strict=True):
            own_total += weight
            own_here += weight * (bucket_of(gap.ms) == bucket)
        share = self.shares(before)[bucket]
        scores = [
            score * (1 - 1 / MEMORY) + log((weight * share + own_here + 1e-9) / (weight + own_total))
            for score, weight in zip(self.scores, WEIGHTS, strict=True)
        ]
        return tuple(round(score - max(scores), 6) for score in scores)

    def to_json(self) -> dict[str, Any]:
        return {
            "after_short": list(self.after_short),
            "after_long": list(self.after_long),
            "scores": list(self.scores),
        }

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> "GlobalGaps":
        """The inverse of `to_json`; a histogram with other buckets starts anew, as do scores of other weights."""
        short, long = tuple(value["after_short"]), tuple(value["after_long"])
        if len(short) != len(MIDDLES) or len(long) != len(MIDDLES):
            return GlobalGaps()
        scores = tuple(value.get("scores", value.get("told", ())))  # `told`: the name in rows of 2026-11
        if len(scores) != len(WEIGHTS):
            return GlobalGaps(after_short=short, after_long=long)
        return GlobalGaps(after_short=short, after_long=long, scores=scores)


def bucket_of(gap_ms: int) -> int:
    return bisect_right(EDGES, gap_ms)


def weights(gaps: Sequence[Gap], now: Kind | None, policy: Policy) -> list[float]:
    """What each of a cache state's gaps counts after one of kind `now`: older ones less, and those that followed the other kind."""
    counts, before = list[float](), None
    for age, gap in zip(range(len(gaps) - 1, -1, -1), gaps, strict=True):
        other = now is not None and before is not None and before != now
        counts.append(0.5 ** (age / policy.gap_half_life) * (policy.other_kind_weight if other else 1.0))
        before = kind_of(gap.ms)
    return counts


def _more(counts: tuple[int, ...], bucket: int) -> tuple[int, ...]:
    return (*counts[:bucket], counts[bucket] + 1, *counts[bucket + 1 :])
