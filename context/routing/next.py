"""The cascade: one tier up after an answer that was refused, cut or disliked. (When a model cannot answer: `context.limits.fallback`.)"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from context.models.catalog import TIERS, Tier
from context.routing.choice import Route, choose

# Where a person or the operator fixed the model of a turn, no other one answers without being asked for.
FIXED: Final = frozenset({"turn", "token", "thread", "default", "fallback", "budget"})


def tier_above(tier: Tier) -> Tier | None:
    """The next tier up, None above the top."""
    place = TIERS.index(tier) + 1
    return TIERS[place] if place < len(TIERS) else None


def one_up(route: Route, why: str) -> Route | None:
    """The next better model after an answer that was refused or cut; None when nothing better may be asked."""
    if route.by in FIXED or route.tier is None:
        return None
    tier = tier_above(route.tier)
    if tier is None:
        return None
    pins = replace(route.pins, rule_tier=tier, rule="")
    second = choose(route.complexity, pins, route.candidates, expectation=route.expectation, because=why)
    return second if _better(second, route) else None


def _better(second: Route, first: Route) -> bool:
    if second.model_id == first.model_id or second.tier is None or first.tier is None:
        return False
    return TIERS.index(second.tier) > TIERS.index(first.tier)
