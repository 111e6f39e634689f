"""What a turn is said to cost with each model, and what the next one would."""

from dataclasses import replace

import pytest

from context.cache.cache_state import Ttls
from context.models.pricing import Ttl
from context.planning.planned import Plan
from context.planning.quote import Quote, quote
from context.request.recipe import Recalled
from tests.context.plan_inputs import MID, todays
from tests.context.story import Story

PRICES = todays(MID)
ANSWER = 500


def planned(story: Story, text: str = "Where is my parcel? " * 50) -> Plan:
    return story.say(text, recalled=[Recalled(id="old", text="It was sent on Friday.", tokens=12)]).planned


def cached_for(turn_plan: Plan, ttls: Ttls) -> Plan:
    return replace(turn_plan, cache_use=replace(turn_plan.cache_use, ttls=ttls))


def price_now(turn_plan: Plan) -> int:
    return PRICES.cost(replace(turn_plan.estimated_usage, output=ANSWER))


@pytest.mark.parametrize("ttl", ["5m", "1h"])
def test_the_next_turn_reads_this_prompt_and_writes_the_answer_and_a_message_as_long(ttl: Ttl) -> None:
    first = cached_for(planned(Story()), Ttls(head=ttl, window=ttl))
    sizes, prices = first.estimate, PRICES.at(0)
    read = sizes.tools + sizes.system + sizes.summary + sizes.window + sizes.new
    again = read * prices.cache_read + (ANSWER + sizes.new) * prices.write(ttl) + ANSWER * prices.output
    assert quote(first, PRICES, ANSWER) == Quote(price=price_now(first), again=again)


def test_where_the_window_is_not_cached_the_next_turn_costs_as_much_as_this_one() -> None:
    turn_plan = cached_for(planned(Story()), Ttls(head="5m", window="none"))
    assert turn_plan.cache_use.breakpoints, "the system prompt"
    assert quote(turn_plan, PRICES, ANSWER) == Quote(price=price_now(turn_plan), again=price_now(turn_plan))


def test_where_the_prompt_is_too_short_to_be_cached_the_next_turn_costs_as_much_as_this_one() -> None:
    turn_plan = planned(Story())
    short = replace(turn_plan, cache_use=replace(turn_plan.cache_use, breakpoints=()))
    assert quote(short, PRICES, ANSWER) == Quote(price=price_now(short), again=price_now(short))


def test_the_next_turn_is_never_said_to_cost_more() -> None:
    story = Story()
    planned(story)
    warm = planned(story, "Thanks!")
    assert warm.estimated_usage.cache_read > 0
    quoted = quote(warm, PRICES, output=20_000)
    assert quoted.again == quoted.price is not None


def test_a_model_whose_prices_are_assumed_is_not_quoted() -> None:
    assert quote(planned(Story()), replace(PRICES, known=False), ANSWER) == Quote()
