"""What a plan caches and for how long, and what the model's cache state is told of it."""

from __future__ import annotations

import re
from dataclasses import replace

from context.cache.cache_state import CacheState, Ttls, Written
from context.cache.cache_state_update import after_request
from context.cache.idle_gaps import Gap
from context.models.pricing import Usage
from context.planning.planned import Plan
from context.planning.tool_offer import offered
from context.policy import DEFAULT
from context.request.recipe import Recalled
from context.request.tools import SEARCH
from tests.context.plan_inputs import MID, NOON, inputs, planned, summary, talk

SECONDS, HALF_HOUR, DAYS = 20_000, 1_500_000, 400_000_000


def used_every(gap: int) -> CacheState:
    """A cache state that has had 60 pauses of that length, in milliseconds; nothing of it is cached now."""
    return CacheState(model=MID, uses=50, gaps=tuple(Gap(ms=gap, tokens=200) for _ in range(60)))


def test_an_endpoint_without_a_cache_is_not_marked() -> None:
    plan_inputs = inputs()
    bare = replace(plan_inputs, model=replace(plan_inputs.model, min_cacheable=0))
    assert planned(bare, talk(3)).recipe.breakpoints == ()


def test_a_new_thread_is_first_kept_five_minutes() -> None:
    assert {cache_breakpoint.ttl for cache_breakpoint in planned(inputs(), talk(1)).recipe.breakpoints} == {
        "5m"
    }


def test_pauses_of_an_hour_choose_another_life_than_pauses_of_seconds() -> None:
    assert planned(inputs(), talk(8), cache_state=used_every(SECONDS)).cache_use.ttls.window == "5m"
    assert planned(inputs(), talk(8), cache_state=used_every(DAYS)).cache_use.ttls.window == "none"
    slow = planned(inputs(), talk(8), cache_state=used_every(HALF_HOUR))
    assert slow.cache_use.ttls.window == "1h"
    assert {cache_breakpoint.ttl for cache_breakpoint in slow.recipe.breakpoints} == {"1h"}


def test_a_head_that_is_cached_for_an_hour_is_not_written_anew_for_five_minutes() -> None:
    plan_inputs = inputs()
    head = Written(key=plan_inputs.settings, tokens=1_000, ttl="1h", touched_at=NOON - 1_800_000)
    quick = replace(used_every(SECONDS), written=(head,))
    assert planned(plan_inputs, talk(8), cache_state=quick).cache_use.ttls == Ttls(head="1h", window="5m")
    dead = replace(quick, written=(replace(head, touched_at=NOON - 3_700_000),))
    assert planned(plan_inputs, talk(8), cache_state=dead).cache_use.ttls == Ttls(head="5m", window="5m")


def after(turn_plan: Plan, usage: Usage | None, at: int = NOON) -> CacheState:
    """The model's cache state after a request as planned."""
    return after_request(
        CacheState(model=MID),
        turn_plan.cache_use,
        started_at=at,
        actual_usage=usage,
        upstream_id=None,
        policy=DEFAULT,
    )


def test_a_window_that_is_cached_and_too_long_is_compacted_later_and_still_read_and_marked_now() -> None:
    path = talk(42, size=300)
    first = planned(inputs(), path[:-2], can_compact=False)
    turn_plan = planned(inputs(), path, cache_state=after(first, first.estimated_usage, NOON - 60_000))
    assert turn_plan.compaction is not None
    assert turn_plan.compaction.kind == "warm"
    assert turn_plan.recipe.breakpoints[-1].at == path[-1].id
    assert turn_plan.cache_use.read == first.cache_use.breakpoints[-1].key
    assert turn_plan.reasons["cache"] == "the cached prefix is still valid, and reading renews it"


def test_a_request_whose_bill_is_not_known_has_cached_what_was_estimated() -> None:
    turn_plan = planned(inputs(), talk(8), recalled=[Recalled(id="r", text="r", tokens=7)])
    newest = after(turn_plan, None).written[-1]
    assert newest.tokens == turn_plan.estimate.total - 7
    assert not newest.exact
    billed = after(turn_plan, turn_plan.estimated_usage).written[-1]
    assert (billed.tokens, billed.exact) == (newest.tokens, True)


def test_tools_that_were_offered_under_a_summary_stay_until_the_next_one() -> None:
    plan_inputs = replace(inputs(), tools=(SEARCH,), tools_tokens=480)
    path = [replace(entry, parent_id=entry.parent_id or "before") for entry in talk(3)]
    turn_plan = planned(plan_inputs, path, summary=summary(300))
    cache_state = replace(after(turn_plan, turn_plan.estimated_usage), need=0.0)

    def tools(summary_id: str) -> tuple[str, ...]:
        return offered(
            (SEARCH,), cache_state, summary_id, tokens=480, prices=plan_inputs.prices, mode="balanced"
        )

    assert tools("l1") == (SEARCH,)
    assert tools("l2") == ()


def test_a_cold_turn_that_will_be_folded_behind_marks_only_what_stays() -> None:
    turn_plan = planned(inputs(), talk(40, size=300))
    assert turn_plan.compaction is not None
    assert turn_plan.compaction.kind == "cold"
    assert [cache_breakpoint.at for cache_breakpoint in turn_plan.recipe.breakpoints] == ["system"]
    assert "only what stays" in turn_plan.reasons["breakpoints"]


def test_while_nobody_can_summarise_the_whole_prefix_is_cached() -> None:
    plan_inputs, path = inputs(), talk(40, size=300)
    turn_plan = planned(plan_inputs, path, can_compact=False)
    assert turn_plan.compaction is None
    assert turn_plan.recipe.breakpoints[-1].at == path[-1].id


def test_a_small_surplus_is_written_with_a_window_that_is_cached_and_compacted_where_none_is() -> None:
    path = talk(16, size=200)
    assert planned(inputs(), path, cache_state=used_every(SECONDS)).compaction is None
    turn_plan = planned(inputs(), path, cache_state=used_every(DAYS))
    assert turn_plan.compaction is not None
    assert turn_plan.compaction.kind == "cold"


def test_what_arrived_since_the_models_last_turn_is_counted() -> None:
    def arrived(last_id: str | None) -> int:
        return planned(
            inputs(), talk(5), cache_state=CacheState(model=MID, last_id=last_id)
        ).cache_use.arrived

    assert arrived("m4") == 400
    assert arrived(None) == arrived("no longer in the window") == 900


def test_a_floor_that_may_grow_makes_the_window_dearer_to_come() -> None:
    def least_cost(share: float) -> float:
        policy = replace(DEFAULT, floor_price_share=share)
        reason = planned(inputs(policy=policy), talk(4, size=1_000), cache_state=used_every(SECONDS)).reasons[
            "cache"
        ]
        return min(map(float, re.findall(r"\$(\d+\.\d+)", reason)))

    assert least_cost(1e9) > 1.05 * least_cost(0.0)
