"""What a plan holds, what it leaves out, and that it never overflows."""

from __future__ import annotations

import re
from dataclasses import asdict, replace

import pytest

from context.cache.plan_inputs import PlanInputs, with_room_for
from context.policy import DEFAULT
from context.request.recipe import Recalled
from context.request.window import MessageTooLarge
from tests.context.plan_inputs import CHEAP, inputs, message, planned, summary, talk


def roomy(tokens: int) -> PlanInputs:
    """Terms of a model whose prompt may have so many tokens."""
    plan_inputs = inputs()
    return replace(
        plan_inputs, model=replace(plan_inputs.model, context_window=tokens + plan_inputs.max_output + 1)
    )


def test_a_message_larger_than_the_model_takes_is_refused() -> None:
    plan_inputs = inputs()
    with pytest.raises(MessageTooLarge):
        planned(plan_inputs, [message("m0", "x", size=2_000_000)])


def test_a_window_above_its_cap_is_cut_in_one_large_step_and_says_so() -> None:
    turn_plan = planned(inputs(), talk(40, size=1_000))
    size = sum(entry.tokens for entry in turn_plan.messages)
    assert 20_000 <= size <= 45_000
    left_out = turn_plan.left_out[0]
    assert left_out.what == "window"
    assert left_out.tokens + size == 79_000
    assert left_out.messages + len(turn_plan.messages) == 79
    assert left_out.why == turn_plan.reasons["window"]
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
    [left_out] = turn_plan.left_out
    assert (left_out.what, left_out.messages, left_out.tokens) == ("recall m2", 0, 50_000)
    assert re.fullmatch(r"only \d+ tokens are left", left_out.why)


def test_a_summary_that_does_not_fit_beside_the_message_is_left_out() -> None:
    path = [message("m0", "x", parent="before", size=7_000)]
    turn_plan = planned(roomy(11_000), path, summary=summary(2_000))
    assert turn_plan.summary is None
    assert turn_plan.recipe.summary_id is None
    left_out = turn_plan.left_out[0]
    assert (left_out.what, left_out.messages, left_out.tokens) == ("summary", 0, 2_000)
    assert re.fullmatch(r"it does not fit \d+ tokens", left_out.why)


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


def test_a_local_model_folds_only_what_does_not_fit() -> None:
    plan_inputs = inputs()
    local = replace(plan_inputs, model=replace(plan_inputs.model, local=True, min_cacheable=0))
    assert planned(local, talk(40, size=300)).compaction is None
    assert planned(local, talk(40, size=1_000)).compaction is not None
