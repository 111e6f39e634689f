"""What a plan holds, what it leaves out, and that it never overflows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

import pytest

from context.cache.cache_state import CacheState, Ttls, Written
from context.cache.cache_state_update import after_request
from context.cache.idle_gaps import Gap
from context.cache.plan_inputs import BranchState, PlanInputs, with_room_for
from context.messages import Message
from context.models.pricing import Usage
from context.planning.plan import TurnInputs, plan
from context.planning.planned import Plan
from context.planning.tool_offer import offered
from context.policy import DEFAULT
from context.request.recipe import Recalled
from context.request.summary_blocks import Line, Segment, Summary
from context.request.tools import SEARCH
from context.request.window import MessageTooLarge
from context.routing.choice import Route
from tests.context.plan_inputs import CHEAP, MID, NOON, inputs, message

ROUTE = Route(model_id=MID, tier=None, reason="asked for")


def talk(turns: int, size: int = 100) -> list[Message]:
    messages: list[Message] = []
    for depth in range(turns * 2 - 1):
        parent = messages[-1].id if messages else None
        role = "assistant" if depth % 2 else "user"
        messages.append(message(f"m{depth}", "words", parent=parent, role=role, depth=depth, size=size))  # type: ignore[arg-type]
    return messages


def planned(
    plan_inputs: PlanInputs,
    path: Sequence[Message],
    *,
    summary: Summary | None = None,
    cache_state: CacheState | None = None,
    recalled: Sequence[Recalled] = (),
    previous_start: str | None = None,
    can_compact: bool = True,
) -> Plan:
    branch = BranchState(
        path=path,
        summary=summary,
        cache_state=cache_state or CacheState(model=plan_inputs.model.id),
        now=NOON,
    )
    turn = TurnInputs(
        route=ROUTE,
        branch=branch,
        recalled=recalled,
        previous_start=previous_start,
        can_compact=can_compact,
    )
    return plan(plan_inputs, turn)


def roomy(tokens: int) -> PlanInputs:
    """Terms of a model whose prompt may have so many tokens."""
    plan_inputs = inputs()
    return replace(
        plan_inputs, model=replace(plan_inputs.model, context_window=tokens + plan_inputs.max_output + 1)
    )


def summary(tokens: int, upto: str = "before") -> Summary:
    line = Line(text="a fact", sources=("x",))
    return Summary(
        id="l1",
        upto_id=upto,
        segments=(Segment(id="s1", first_id="x", last_id=upto, lines=(line,), tokens=tokens),),
    )


def test_a_message_larger_than_the_model_takes_is_refused() -> None:
    plan_inputs = inputs()
    with pytest.raises(MessageTooLarge):
        planned(plan_inputs, [message("m0", "x", size=2_000_000)])


def test_a_window_above_its_cap_is_cut_in_one_large_step_and_says_so() -> None:
    turn_plan = planned(inputs(), talk(40, size=1_000))
    size = sum(entry.tokens for entry in turn_plan.messages)
    assert 20_000 <= size <= 45_000
    assert turn_plan.left_out[0].what == "window"
    assert turn_plan.left_out[0].tokens + size == 79_000
    assert turn_plan.compaction is not None
    assert turn_plan.compaction.kind == "overdue"
    assert turn_plan.compaction.first_id == "m0"


def test_a_cut_window_begins_where_it_began_before_as_long_as_that_fits() -> None:
    path = talk(40, size=1_000)
    first = planned(inputs(), path)
    start = first.messages[0].id
    longer = [*path, message("m79", "x", parent="m78", role="assistant", depth=79, size=500)]
    longer.append(message("m80", "x", parent="m79", depth=80, size=500))
    assert planned(inputs(), longer, previous_start=start).messages[0].id == start


def test_a_prompt_stays_below_the_length_at_which_every_token_costs_more() -> None:
    plan_inputs = replace(inputs(CHEAP), policy=replace(DEFAULT, window_cap=400_000))
    turn_plan = planned(plan_inputs, talk(120, size=1_000))
    assert turn_plan.estimate.total < 100_000
    assert turn_plan.left_out


def test_a_message_above_the_price_step_is_still_sent() -> None:
    turn_plan = planned(inputs(CHEAP), [message("m0", "x", size=150_000)])
    assert turn_plan.messages[0].id == "m0"


def test_a_small_model_gets_a_short_prompt() -> None:
    turn_plan = planned(roomy(5_000), talk(40, size=100))
    assert turn_plan.estimate.total * DEFAULT.safety <= 5_000


def test_what_is_needed_takes_the_room_of_older_messages_and_of_what_is_recalled() -> None:
    plan_inputs = replace(inputs(), model=replace(inputs().model, context_window=20_000), max_output=4_000)
    rest = Recalled(id="continue:m1", text="the first half", tokens=6_000)
    turn_plan = planned(
        plan_inputs, talk(10, size=1_000), recalled=(Recalled(id="old", text="x", tokens=5_000), rest)
    )
    assert turn_plan.recalled == (rest,)
    assert turn_plan.bound + 4_000 <= 20_000
    with pytest.raises(MessageTooLarge):
        planned(plan_inputs, talk(1, size=9_000), recalled=(rest,))
    short = with_room_for(plan_inputs, 15_000, least=500)
    assert 500 <= short.max_tokens < 4_000
    turn_plan = planned(short, talk(1, size=9_000), recalled=(rest,))
    assert turn_plan.bound + short.max_tokens <= 20_000
    assert with_room_for(plan_inputs, 7_000, least=500) == plan_inputs, "no answer is shorter than it must be"


def test_recall_that_does_not_fit_is_left_out_by_name() -> None:
    brought = [
        Recalled(id="m1", text="short", tokens=10),
        Recalled(id="m2", text="long", tokens=50_000),
    ]
    turn_plan = planned(roomy(10_000), talk(3), recalled=brought)
    assert [block.id for block in turn_plan.recalled] == ["m1"]
    assert [reference.id for reference in turn_plan.recipe.recalled] == ["m1"]
    assert [part.what for part in turn_plan.left_out] == ["recall m2"]


def test_a_summary_that_does_not_fit_beside_the_message_is_left_out() -> None:
    path = [message("m0", "x", parent="before", size=7_000)]
    turn_plan = planned(roomy(11_000), path, summary=summary(2_000))
    assert turn_plan.summary is None
    assert turn_plan.recipe.summary_id is None
    assert turn_plan.left_out[0].what == "summary"


def test_each_section_is_estimated_and_the_sections_add_up() -> None:
    path = [replace(entry, parent_id="before") if entry.parent_id is None else entry for entry in talk(3)]
    turn_plan = planned(inputs(), path, summary=summary(300), recalled=[Recalled(id="r", text="r", tokens=7)])
    assert turn_plan.estimate.summary == 300
    assert turn_plan.estimate.window == 400
    assert turn_plan.estimate.recall == 7
    assert turn_plan.estimate.new == 100
    assert (
        turn_plan.estimate.total == turn_plan.estimate.tools + turn_plan.estimate.system + 300 + 400 + 7 + 100
    )
    assert turn_plan.to_json()["estimate"] == {
        **asdict(turn_plan.estimate),
        "total": turn_plan.estimate.total,
    }


def test_nothing_is_folded_while_older_messages_were_not_even_loaded() -> None:
    assert planned(inputs(), talk(10)[4:]).compaction is None


def test_an_endpoint_without_a_cache_is_not_marked() -> None:
    plan_inputs = inputs()
    bare = replace(plan_inputs, model=replace(plan_inputs.model, min_cacheable=0))
    assert planned(bare, talk(3)).recipe.breakpoints == ()


def test_a_new_thread_is_first_kept_five_minutes() -> None:
    assert {cache_breakpoint.ttl for cache_breakpoint in planned(inputs(), talk(1)).recipe.breakpoints} == {
        "5m"
    }


def test_pauses_of_an_hour_choose_another_life_than_pauses_of_seconds() -> None:
    quick = CacheState(model=MID, uses=50, gaps=tuple(Gap(ms=20_000, tokens=200) for _ in range(60)))
    slow = CacheState(model=MID, uses=50, gaps=tuple(Gap(ms=1_500_000, tokens=200) for _ in range(60)))
    rare = CacheState(model=MID, uses=50, gaps=tuple(Gap(ms=400_000_000, tokens=200) for _ in range(60)))
    assert planned(inputs(), talk(8), cache_state=quick).cache_use.ttls.window == "5m"
    assert planned(inputs(), talk(8), cache_state=slow).cache_use.ttls.window == "1h"
    assert planned(inputs(), talk(8), cache_state=rare).cache_use.ttls.window == "none"


def test_a_head_that_is_cached_for_an_hour_is_not_written_anew_for_five_minutes() -> None:
    plan_inputs = inputs()
    head = Written(key=plan_inputs.settings, tokens=1_000, ttl="1h", touched_at=NOON - 1_800_000)
    quick = CacheState(
        model=MID, uses=50, gaps=tuple(Gap(ms=20_000, tokens=200) for _ in range(60)), written=(head,)
    )
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


def test_a_request_whose_bill_is_not_known_has_cached_what_was_estimated() -> None:
    turn_plan = planned(inputs(), talk(8), recalled=[Recalled(id="r", text="r", tokens=7)])
    newest = after(turn_plan, None).written[-1]
    assert newest.tokens == turn_plan.estimate.total - 7
    assert not newest.exact


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


def test_a_local_model_folds_only_what_does_not_fit() -> None:
    plan_inputs = inputs()
    local = replace(plan_inputs, model=replace(plan_inputs.model, local=True, min_cacheable=0))
    assert planned(local, talk(40, size=300)).compaction is None
    assert planned(local, talk(40, size=1_000)).compaction is not None
