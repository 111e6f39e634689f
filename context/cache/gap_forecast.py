"""What to expect of the next pause: a cache state's own past, and what all threads do (context economics, section 5)."""

from collections.abc import Sequence
from dataclasses import dataclass

from context.cache.global_gaps import MIDDLES, GlobalGaps, weights
from context.cache.idle_gaps import Gap, Kind, kind_of
from context.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class GapForecast:
    """The pauses to expect: (length, tokens that arrive meanwhile, weight after a short gap, weight after a long one).

    The pseudo-observation "never comes back" has weight `never` besides.
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
    short, long = weights(gaps, "short", policy), weights(gaps, "long", policy)
    points = [
        (gap.ms, float(gap.tokens), one, other) for gap, one, other in zip(gaps, short, long, strict=True)
    ]
    prior = global_gaps.weight(policy)
    points += [
        (MIDDLES[bucket], per_gap, prior * one, prior * other)
        for bucket, (one, other) in enumerate(
            zip(global_gaps.shares("short"), global_gaps.shares("long"), strict=True)
        )
        if one or other
    ]
    counted = prior + sum(map(max, short, long))
    return GapForecast(
        points=tuple(points),
        never=counted / (share * min(prior, policy.ends_after) + max(uses, len(gaps))),
        now=kind_of(gaps[-1].ms) if gaps else None,
    )
