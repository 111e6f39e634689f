"""The cascade: one tier up after an answer that was no use. (Around a model that cannot answer: `context.limits.fallback`.)"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from context.models.catalog import TIERS, Tier
from context.routing.choice import Route, choose

# Who fixed the model of a turn does not want another one without being asked: a person, or the operator.
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
    found = choose(route.complexity, pins, route.candidates, because=why)
    return found if _better(found, route) else None


def _better(found: Route, before: Route) -> bool:
    if found.model_id == before.model_id or found.tier is None or before.tier is None:
        return False
    return TIERS.index(found.tier) > TIERS.index(before.tier)
