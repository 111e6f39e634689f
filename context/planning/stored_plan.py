"""The plan as it is stored with a turn: written here, and read here into typed values, whatever version wrote it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from context.models.catalog import TIERS, Tier
from context.planning.planned import Plan
from context.request import blocks, request
from context.request.recipe import Recipe
from context.request.request import Round
from context.routing.thread_bill import UNKNOWN, Expectation

BELOW_COMPLEX = 0.6666  # the highest score of the tier `standard`


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRoute:
    """What later turns need of a stored route: the tier that answered, the router's score of the message (0 to 1), and the thread's needs."""

    tier: Tier | None = None
    score: float | None = None
    expectation: Expectation = UNKNOWN

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> StoredRoute:
        return StoredRoute(
            tier=_tier(value.get("tier")),
            score=_score(value),
            expectation=_expectation(value.get("expectation"), _tier(value.get("needed"))),
        )


def _score(value: Mapping[str, Any]) -> float | None:
    """The score of a route; no more than the top of the tier that the thread's bill lowered it to, so that what follows is no harder."""
    score = (value.get("complexity") or {}).get("score")
    if not isinstance(score, float | int):
        return None
    if value.get("by") == "score" and value.get("needed") == "standard":
        return min(score, BELOW_COMPLEX)
    return score


def _tier(value: Any) -> Tier | None:
    return next((tier for tier in TIERS if tier == value), None)


def _expectation(value: Any, needed: Tier | None) -> Expectation:
    """What is to be expected after a turn; routes from before it was stored have none."""
    before = Expectation.from_json(value) if isinstance(value, dict) else UNKNOWN
    return before if needed is None else replace(before, needs=before.after(needed))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPlan:
    """A plan read back: the recipe, the digest of the request's bytes, what tools were asked, the route, and the summary's tokens.

    `packed_blocks` are the digests of the cached prefix's blocks, `floor` the messages that had to be verbatim, both None in a plan from
    before they were stored; `floor_spared`: tokens that shortening would have left out of these.
    """

    recipe: Recipe
    digest: str
    packed_blocks: str | None
    rounds: tuple[Round, ...]
    route: StoredRoute
    summary_tokens: int
    floor: int | None = None
    floor_spared: int = 0

    @property
    def block_digests(self) -> tuple[bytes, ...] | None:
        """Raises ValueError when they are damaged."""
        return None if self.packed_blocks is None else blocks.unpacked(self.packed_blocks)

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> StoredPlan:
        """Raises KeyError when the recipe or the digest is missing."""
        return StoredPlan(
            recipe=Recipe.from_json(value["recipe"]),
            digest=value["digest"],
            packed_blocks=value.get("blocks"),
            rounds=tuple(value.get("rounds", ())),
            route=StoredRoute.from_json(value.get("route") or {}),
            summary_tokens=value.get("estimate", {}).get("summary", 0),
            floor=value.get("floor_messages"),
            floor_spared=value.get("floor_spared", 0),
        )

    @staticmethod
    def of(value: Mapping[str, Any] | None) -> StoredPlan | None:
        """The plan of a turn, None when it ended before one was made. Raises as `from_json`."""
        return None if value is None else StoredPlan.from_json(value)


def plan_to_json(
    plan: Plan, body: bytes, *, rounds: Sequence[Round] = (), tried: Mapping[str, str]
) -> dict[str, Any]:
    """A plan as it is stored before its request `body` is sent. `tried`: models that failed the turn before, with the outcome of each."""
    prefix = request.body_fields(
        plan.recipe, plan.prompt.text, plan.messages, plan.instructions, plan.summary, ()
    )
    return {
        "recipe": plan.recipe.to_json(),
        "digest": request.digest(body),
        "blocks": blocks.packed(*blocks.digests(prefix)),
        "prompt": {"name": plan.prompt.name, "version": plan.prompt.version},
        "window_messages": len(plan.messages),
        "summary_segments": 0 if plan.summary is None else len(plan.summary.segments),
        "route": plan.route.to_json(),
        "tried": dict(tried),
        **plan.to_json(),
        "rounds": list(rounds),
    }
