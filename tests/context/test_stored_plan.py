"""Stored plans: what is written comes back typed, and what older versions wrote is still read."""

from dataclasses import replace
from typing import Any

import pytest

from context.planning.stored_plan import BELOW_COMPLEX, StoredPlan, StoredRoute
from context.routing.thread_bill import UNKNOWN, Expectation

RECIPE: dict[str, Any] = {
    "layout": 1,
    "model": "m",
    "max_tokens": 100,
    "thinking": "none",
    "prompt_digest": "d",
    "first_message_id": "a",
    "last_message_id": "b",
    "breakpoints": [{"at": "system", "ttl": "5m"}],
    "user_ref": None,
}


def test_a_plan_of_the_first_version_is_read() -> None:
    plan = StoredPlan.from_json({"recipe": RECIPE, "digest": "x"})
    assert (plan.recipe.model, plan.digest, plan.rounds, plan.summary_tokens) == ("m", "x", (), 0)
    assert plan.block_digests is None
    assert plan.route == StoredRoute(tier=None, score=None)


def test_the_rounds_of_tools_are_read_as_they_were_stored() -> None:
    rounds = [{"assistant": [{"type": "tool_use", "id": "t1"}], "results": [{"type": "tool_result"}]}]
    assert StoredPlan.from_json({"recipe": RECIPE, "digest": "x", "rounds": rounds}).rounds == tuple(rounds)


def test_a_turn_without_a_plan_has_none() -> None:
    assert StoredPlan.of(None) is None


@pytest.mark.parametrize(
    ("route", "read"),
    [
        ({"tier": "complex", "complexity": {"score": 0.7}}, StoredRoute(tier="complex", score=0.7)),
        ({"tier": "complex", "complexity": None}, StoredRoute(tier="complex", score=None)),
        (
            {"tier": "standard", "by": "score", "needed": "standard", "complexity": {"score": 0.7}},
            StoredRoute(
                tier="standard",
                score=BELOW_COMPLEX,
                expectation=replace(UNKNOWN, needs=UNKNOWN.after("standard")),
            ),
        ),
        (
            {"needed": "complex", "expectation": {"turns": 2.0, "needs": [1.0, 2.0, 3.0]}},
            StoredRoute(
                expectation=Expectation(turns=2.0, needs=Expectation(needs=(1.0, 2.0, 3.0)).after("complex"))
            ),
        ),
        ({"tier": "enormous", "complexity": {"score": "high"}}, StoredRoute(tier=None, score=None)),
        ({}, StoredRoute(tier=None, score=None)),
        (None, StoredRoute(tier=None, score=None)),
    ],
)
def test_of_a_route_the_tier_and_the_score_are_read(route: Any, read: StoredRoute) -> None:
    assert StoredPlan.from_json({"recipe": RECIPE, "digest": "x", "route": route}).route == read


def test_damaged_block_digests_trouble_only_who_reads_them() -> None:
    plan = StoredPlan.from_json({"recipe": RECIPE, "digest": "x", "blocks": "not base64!"})
    assert plan.digest == "x"
    with pytest.raises(ValueError, match=r"base64|Only"):
        _ = plan.block_digests
