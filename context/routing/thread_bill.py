"""What a choice of model means for the bill of its thread: this turn, and the turns that are expected while the caches live.

Each model has a cache of its own. Its first turn after an absence pays for the whole prompt, a turn on a warm one reads it for a tenth or
less. So the cheapest model that is good enough is not always the cheapest choice: a thread that needs the standard tier again and again
should not pay a cold prompt of another model for one "thanks", nor a cold prompt of the dearest for a turn that hardly needs it.

    total(c) = price(c) + min over f of sum over models m of  n(m, f) · again(m) + [m ≠ c] · P(m is used) · (price(m) − again(m))

`f` is the lowest tier that the coming turns use: what needs less goes up to it. `n(m, f)` is how many of the expected turns then go to a
model, from the needs of the thread so far with a prior; a model is used at all with chance n / (1 + n), for the number of turns to
come is geometric. Once the caches have died all choices are alike, so nothing beyond counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from context.models.catalog import TIERS, Tier
from context.routing.candidates import Candidate

# Turns that are expected when nothing is known of the thread's idle gaps, and at most.
EXPECTED_TURNS: Final = 3.0
MOST_TURNS: Final = 20.0
# Needs of a thread before its first turn, in turns: chats of other people's making need the standard tier most, the top one rarely.
PRIOR: Final = (1.2, 1.6, 0.2)
# What a turn keeps of its weight with each turn that follows: about twenty count.
FADING: Final = 0.95
# A warmer model is chosen over the one of the needed tier when the thread is expected to cost less than this share.
CHEAPER: Final = 0.98
# An answer that was too weak is asked for again: what it is worth to have asked the better model at once, in turns of that model.
WORTH: Final = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What is expected of a thread. turns: how many more come while what is cached now lives; needs: turns that needed each tier so far,
    the lowest first, older ones counting less, with the prior.
    """

    turns: float = EXPECTED_TURNS
    needs: tuple[float, ...] = PRIOR

    def after(self, tier: Tier) -> tuple[float, ...]:
        """The needs once a turn needed that tier."""
        seen = TIERS.index(tier)
        return tuple(
            round(
                prior + (count - prior) * FADING + (place == seen), 6
            )  # the prior never fades, so that a rare tier stays possible
            for place, (prior, count) in enumerate(zip(PRIOR, self.needs, strict=True))
        )

    def to_json(self) -> dict[str, Any]:
        """As it is stored with a route."""
        return {"turns": self.turns, "needs": list(self.needs)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Expectation:
        """The inverse of `to_json`."""
        return cls(turns=stored["turns"], needs=tuple(stored["needs"]))


UNKNOWN: Final = Expectation()


def turns_ahead(sample: Sequence[tuple[int, float, float]], never: float, ttl_ms: int) -> float:
    """How many turns are expected before a gap longer than a cache lives. `sample`: gaps as (ms, tokens, weight)."""
    total = sum(weight for _, _, weight in sample)
    if not total:
        return EXPECTED_TURNS
    within = sum(weight for gap, _, weight in sample if gap <= ttl_ms) / (total + never)
    return round(min(MOST_TURNS, within / max(1e-6, 1 - within)), 4)


def totals(needed: Tier, candidates: Sequence[Candidate], expectation: Expectation) -> dict[str, float]:
    """The expected cost of the thread, this turn included, by model that is good enough: picodollars. Empty where a price is unknown."""
    by_tier = _by_tier(candidates)
    if any(candidate.price is None for candidate in by_tier.values()):
        return {}
    return {
        candidate.model_id: (candidate.price or 0)
        + min(_rest(floor, by_tier, candidate, expectation) for floor in by_tier)
        for tier, candidate in reversed(by_tier.items())
        if TIERS.index(tier) >= TIERS.index(needed)
    }


def cheapest(
    needed: Tier, candidates: Sequence[Candidate], expectation: Expectation
) -> tuple[Candidate, int] | None:
    """The candidate with which the thread costs least, if that is not the one of the needed tier, and what it is expected to save."""
    by_tier, costs = _by_tier(candidates), totals(needed, candidates, expectation)
    base = by_tier.get(needed)
    if base is None or not costs:
        return None
    best = min(
        (candidate for candidate in by_tier.values() if candidate.model_id in costs),
        key=lambda candidate: (costs[candidate.model_id], TIERS.index(candidate.tier)),
    )
    if best.model_id == base.model_id or costs[best.model_id] >= CHEAPER * costs[base.model_id]:
        return None
    return best, round(costs[base.model_id] - costs[best.model_id])


def too_dear(chance: float, candidates: Sequence[Candidate], expectation: Expectation) -> bool:
    """Whether the top tier, most of whose price is a cold prompt, costs more than it is worth for a turn that needs it with that chance."""
    by_tier, costs = _by_tier(candidates), totals("standard", candidates, expectation)
    top, middle = by_tier.get("complex"), by_tier.get("standard")
    if top is None or middle is None or not costs or top.model_id == middle.model_id:
        return False
    price = top.price or 0
    cold = price - min(price, price if top.again is None else top.again)
    surplus = costs[top.model_id] - costs[middle.model_id]
    return cold * 2 > price and surplus > chance * WORTH * price


def _by_tier(candidates: Sequence[Candidate]) -> dict[Tier, Candidate]:
    """The cheapest admissible model of each tier, the lowest tier first."""
    chosen: dict[Tier, Candidate] = {}
    for tier in TIERS:
        able = [option for option in candidates if option.tier == tier and option.admissible]
        if able:
            chosen[tier] = min(
                able, key=lambda option: (option.price is None, option.price or 0, option.model_id)
            )
    return chosen


def _rest(
    floor: Tier, by_tier: Mapping[Tier, Candidate], chosen: Candidate, expectation: Expectation
) -> float:
    """The expected cost of the turns to come when none of them goes below a tier and `chosen` answers this one."""
    total = sum(expectation.needs)
    uses: dict[str, float] = {}
    for tier, need in zip(TIERS, expectation.needs, strict=True):
        at_least = max(TIERS.index(tier), TIERS.index(floor))
        enough = [option for name, option in by_tier.items() if TIERS.index(name) >= at_least]
        model = (enough or list(by_tier.values())[-1:])[0].model_id
        uses[model] = uses.get(model, 0.0) + expectation.turns * need / total
    cost = 0.0
    for candidate in {option.model_id: option for option in by_tier.values()}.values():
        expected, price = uses.get(candidate.model_id, 0.0), candidate.price or 0
        again = price if candidate.again is None else min(price, candidate.again)
        cost += expected * again
        if candidate.model_id != chosen.model_id:
            cost += expected / (1 + expected) * (price - again)
    return cost
