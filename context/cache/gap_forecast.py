"""Forecast the next idle gap of a cache state from its own past and from what all threads do."""

from collections.abc import Sequence
from dataclasses import dataclass

from context.cache.global_gaps import MIDDLES, GlobalGaps, weights
from context.cache.idle_gaps import Gap, Kind, kind_of
from context.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class GapForecast:
    """The gaps to expect: (length in ms, tokens that arrive meanwhile, weight after a short gap, weight after a long one).

    The pseudo-observation "never comes back" has weight `never` besides. `now`: the kind of the last gap.
    """

    points: tuple[tuple[int, float, float, float], ...]
    never: float = 1.0
    now: Kind | None = None

    def sample(self) -> list[tuple[int, float, float]]:
        """The points with the weight that holds now: after the kind of gap that came last."""
        if self.now is None:
            return [(ms, tokens, (short + long) / 2) for ms, tokens, short, long in self.points]
        last = 2 if self.now == "short" else 3
        return [(point[0], point[1], point[last]) for point in self.points]


def forecast_gaps(
    gaps: Sequence[Gap],
    global_gaps: GlobalGaps,
    *,
    per_gap: float,
    policy: Policy,
    uses: int = 0,
    share: float = 1.0,
) -> GapForecast:
    """What to expect of a cache state with those gaps, oldest first. `per_gap`: tokens that arrive in a gap of the prior; `uses`: turns so far.

    "Never comes back" counts as one gap among those of the prior and all the cache state ever had, and what is forgotten of those does not make it
    likelier: a thread of a thousand turns has a thousand times not been over.
    """
    after_short, after_long = weights(gaps, "short", policy), weights(gaps, "long", policy)
    points = [
        (gap.ms, float(gap.tokens), short, long)
        for gap, short, long in zip(gaps, after_short, after_long, strict=True)
    ]
    prior = global_gaps.weight(policy)
    points += [
        (MIDDLES[bucket], per_gap, prior * short, prior * long)
        for bucket, (short, long) in enumerate(
            zip(global_gaps.shares("short"), global_gaps.shares("long"), strict=True)
        )
        if short or long
    ]
    counted = prior + sum(map(max, after_short, after_long))
    return GapForecast(
        points=tuple(points),
        never=counted / (share * min(prior, policy.expected_turns) + max(uses, len(gaps))),
        now=kind_of(gaps[-1].ms) if gaps else None,
    )
