"""Stored plans: what is written comes back typed, and what older versions wrote is still read."""

import json
from dataclasses import asdict, replace
from typing import Any

import pytest

from context.messages import ShortReply
from context.planning.stored_plan import BELOW_COMPLEX, StoredPlan, StoredRoute, plan_to_json
from context.recall.decision import NO_RECALL
from context.request import request
from context.routing.thread_bill import UNKNOWN, Expectation
from tests.context.plan_inputs import CHEAP, inputs, planned, talk
from tests.context.story import Story

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
    assert (plan.floor, plan.floor_spared) == (None, 0)


def test_what_is_stored_of_a_plan_is_read_back() -> None:
    asked = Story().say("Where is my parcel? " * 50)
    plan = replace(asked.planned, floor_spared=120, estimate=replace(asked.planned.estimate, summary=300))
    rounds = [{"assistant": [{"type": "tool_use", "id": "t1"}], "results": [{"type": "tool_result"}]}]
    stored = json.loads(json.dumps(plan_to_json(plan, asked.body, rounds=rounds, tried={"m": "overloaded"})))
    assert StoredPlan.from_json(stored) == StoredPlan(
        recipe=plan.recipe,
        digest=request.digest(asked.body),
        packed_blocks=stored["blocks"],
        rounds=tuple(rounds),
        route=StoredRoute(tier=None, score=None, expectation=plan.route.expectation),
        summary_tokens=300,
        floor=plan.floor,
        floor_spared=120,
    )
    assert StoredPlan.from_json(stored).block_digests
    assert stored["tried"] == {"m": "overloaded"}
    assert (stored["window_messages"], stored["summary_segments"]) == (1, 0)


def test_a_stored_plan_shows_what_it_expects_leaves_out_and_compacts_and_why() -> None:
    plan = planned(inputs(), talk(40, size=1_000))
    compaction, kinds = plan.compaction, ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output")
    assert compaction is not None
    assert plan.left_out
    first, *others = plan.messages
    short = replace(first, short=ShortReply(id=first.id, end=9, closing="", tokens=30), tokens=30, rest=70)
    plan = replace(plan, messages=(short, *others), floor_spared=70)
    assert plan.to_json() == {
        "estimate": plan.estimate.to_json(),
        "estimated_usage": {kind: getattr(plan.estimated_usage, kind) for kind in kinds},
        "cost_pico_usd": plan.cost,
        "window_ttl": plan.cache_use.ttls.window,
        "head_ttl": plan.cache_use.ttls.head,
        "compaction": {
            "kind": "overdue",
            "first_id": "m0",
            "last_id": compaction.last_id,
            "tokens": compaction.tokens,
            "calls": len(compaction.chunks),
            "summarizer": "cheap",
            "model": CHEAP,
            "reason": plan.reasons["compaction"],
        },
        "floor_messages": plan.floor,
        "floor_spared": 70,
        "shortened": [{"message_id": first.id, "tokens": 30, "saved": 70}],
        "left_out": [asdict(part) for part in plan.left_out],
        "reasons": {**plan.reasons, "recall": "nothing recalled: recall is switched off"},
        "recall": NO_RECALL.to_json(),
    }


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
