"""What routing saved against the best single tier that would have been good enough."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from context.audit.single_tier import RoutingComparison, TierCall, TierPrices, compare, on_one_tier
from context.models.catalog import TIERS, Tier
from context.models.pricing import Prices, PriceTable

MINUTE = 60_000


def prices(unit: int, minimum: int = 512) -> TierPrices:
    step = Prices(
        input=unit,
        output=5 * unit,
        cache_read=unit // 10,
        cache_write_5m=unit * 5 // 4,
        cache_write_1h=2 * unit,
    )
    return TierPrices(table=PriceTable(model=str(unit), steps=((0, step),)), minimum=minimum)


PRICES: dict[Tier, TierPrices] = {"simple": prices(100), "standard": prices(300), "complex": prices(500)}


def call(tier: Tier, minute: float, prompt: int, cost: int = 0) -> TierCall:
    return TierCall(tier=tier, at=round(minute * MINUTE), prompt=prompt, output=10, cost=cost)


def test_a_prompt_is_written_once_and_read_while_its_cache_lives() -> None:
    calls = [call("standard", 0, 1_000), call("standard", 1, 1_100), call("standard", 2, 1_200)]
    written = 1_200 * 375 + (1_000 + 1_100) * 30
    assert on_one_tier(calls, PRICES["standard"]) == written + 30 * 1_500


def test_the_cheapest_time_to_live_counts() -> None:
    hourly = [call("standard", 30 * place, 1_000) for place in range(6)]
    hour = 1_000 * 600 + 5 * 1_000 * 30
    assert on_one_tier(hourly, PRICES["standard"]) == hour + 60 * 1_500
    daily = [call("standard", 1_440 * place, 1_000) for place in range(3)]
    assert on_one_tier(daily, PRICES["standard"]) == 3 * 1_000 * 300 + 30 * 1_500


def test_what_is_too_short_or_has_no_cache_is_input() -> None:
    calls = [call("standard", 0, 400), call("standard", 1, 450)]
    assert on_one_tier(calls, PRICES["standard"]) == 850 * 300 + 20 * 1_500
    assert on_one_tier([call("standard", 0, 900)] * 2, prices(300, minimum=0)) == 1_800 * 300 + 20 * 1_500


def test_a_compacted_prompt_is_written_anew() -> None:
    calls = [call("standard", 0, 2_000), call("standard", 1, 1_000)]
    assert on_one_tier(calls, PRICES["standard"]) == min(3_000 * 300, 3_000 * 375) + 20 * 1_500


def test_a_thread_is_compared_with_the_highest_tier_that_answered() -> None:
    calls = [call("simple", 0, 1_000, cost=50), call("standard", 1, 1_100, cost=500)]
    compared = compare(calls, PRICES, besides=7)
    assert compared == RoutingComparison(
        threads=1,
        turns=2,
        paid=557,
        single=on_one_tier(calls, PRICES["standard"]),
        needed_more=1,
        surplus=0,
    )


def test_the_price_of_the_turns_that_needed_more() -> None:
    calls = [call("standard", 0, 1_000, cost=400_000), call("complex", 1, 1_100, cost=9_000_000)]
    compared = compare(calls, PRICES)
    assert compared is not None
    assert compared.surplus == 9_400_000 - on_one_tier(calls, PRICES["standard"])
    assert compared.needed_more == 1
    alone = compare([replace(calls[1])], PRICES)
    assert alone is not None
    assert (alone.needed_more, alone.surplus) == (0, 0), "no lower tier answered anything"


def test_nothing_is_compared_without_prices_or_calls() -> None:
    assert compare([], PRICES) is None
    assert compare([call("complex", 0, 1_000)], {"simple": PRICES["simple"]}) is None


@given(st.lists(st.tuples(st.sampled_from(TIERS), st.integers(0, 500), st.integers(1, 5_000)), min_size=1))
@settings(max_examples=100, deadline=None)
def test_no_single_tier_costs_more_than_without_a_cache(calls: list[tuple[Tier, int, int]]) -> None:
    at = 0
    thread = []
    for tier, gap, prompt in calls:
        at += gap
        thread.append(call(tier, at, prompt))
    for tier in TIERS:
        table = PRICES[tier].table.at(0)
        uncached = sum(reply.prompt * table.input + reply.output * table.output for reply in thread)
        assert on_one_tier(thread, PRICES[tier]) <= uncached
