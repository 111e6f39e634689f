"""The arithmetic of "When to compact" (context/README.md), against figures worked out by hand and against a search by brute force."""

from dataclasses import replace
from math import sqrt

import pytest

from context.cache.cost_model import CostModel, ModelShare, turn_tokens
from context.models.pricing import Prices, PriceTable
from context.policy import DEFAULT

PRICES = Prices(input=10, output=50, cache_read=1, cache_write_5m=12, cache_write_1h=20)
SUMMARIZER = Prices(input=2, output=10, cache_read=1, cache_write_5m=3, cache_write_1h=4)
COSTS = CostModel(
    system=1_000,
    summary=500,
    floor=2_000,
    turn=300.0,
    prices=PRICES,
    summarizer=PriceTable(model="s", steps=((0, SUMMARIZER),)),
    policy=DEFAULT,
)


def test_what_is_not_read_from_the_cache_costs_a_write_or_the_input() -> None:
    assert (COSTS.write("none"), COSTS.write("5m"), COSTS.write("1h")) == (10, 12, 20)


def test_a_summary_is_a_fifth_of_what_is_compacted_up_to_its_budget() -> None:
    assert COSTS.new_summary(1_000) == 200
    assert COSTS.new_summary(9_000) == COSTS.new_summary(90_000) == DEFAULT.summary_budget / 2 == 1_800


@pytest.mark.parametrize(
    ("surplus", "merged", "cost"),
    [
        (1_000, 0, 2 * (400 + 1_000) + 10 * 200),
        (1_000, 600, 2 * (400 + 1_000 + 600) + 10 * (200 + 300)),
        (90_000, 0, 2 * (400 + 90_000) + 10 * 1_800),
        (90_001, 0, 2 * (800 + 90_001) + 10 * 1_800),
    ],
)
def test_the_summarizers_call_reads_its_instructions_for_each_chunk(
    surplus: int, merged: int, cost: float
) -> None:
    assert COSTS.summary_call(surplus, merged) == pytest.approx(cost)


def test_a_chunk_is_priced_by_its_own_length() -> None:
    steps = ((0, SUMMARIZER), (60_000, replace(SUMMARIZER, input=4)))
    costs = replace(COSTS, summarizer=PriceTable(model="s", steps=steps))
    assert costs.summary_call(100_000) == pytest.approx(2 * 100_800 + 18_000), "two chunks below the step"
    assert costs.summary_call(80_000) == pytest.approx(4 * 80_400 + 18_000)


def test_a_model_used_every_turn_compacts_at_the_economic_order_quantity() -> None:
    surplus = COSTS.surplus("5m")
    premium = (12 - 1) * (2_000 + COSTS.new_summary(surplus))
    assert surplus == pytest.approx(sqrt(2 * (COSTS.summary_call(surplus) + premium) * 300 / 1), rel=0.03)
    uncached = COSTS.surplus("none")
    assert uncached == pytest.approx(sqrt(2 * COSTS.summary_call(uncached) * 300 / 10), rel=0.03)
    renewed = replace(COSTS, renewals=3.0).surplus("5m")
    premium = (12 - 1) * (2_000 + COSTS.new_summary(renewed))
    four = sqrt(2 * (COSTS.summary_call(renewed) + premium) * 300 / 4)
    assert renewed == pytest.approx(four, rel=0.03), "a token in the window is read four times a turn"


def price_of_a_turn(costs: CostModel, models: tuple[ModelShare, ...], turns: float, surplus: float) -> float:
    """The mean price, straight from the formula, with the summary of a surplus."""
    kept = costs.floor + costs.new_summary(surplus)
    total = costs.summary_call(surplus) / turns
    for one in models:
        used = 1 - (1 - one.share) ** turns
        total += one.share * one.read * turns * costs.turn / 2
        total += (one.write - one.read) * (kept - costs.turn / one.share) * used / turns
    return total


def test_a_model_that_is_used_rarely_compacts_where_a_turn_is_cheapest() -> None:
    other = ModelShare(share=0.6, read=2.0, write=24.0)
    costs = replace(COSTS, share=0.4, others=(other,))
    models = (ModelShare(share=0.4, read=1.0, write=12.0), other)
    surplus = costs.surplus("5m")
    prices = {turns / 8: price_of_a_turn(costs, models, turns / 8, surplus) for turns in range(8, 3_200)}
    assert surplus / costs.turn == pytest.approx(min(prices, key=prices.__getitem__), rel=0.1)
    assert price_of_a_turn(costs, models, surplus / costs.turn, surplus) <= 1.005 * min(prices.values())


def test_the_surplus_has_its_bounds() -> None:
    assert replace(COSTS, turn=0.0, floor=0).surplus("none") == DEFAULT.compaction_min
    small = replace(COSTS, system=0, summary=0, floor=100, turn=1.0, minimum=4_100)
    assert small.uncached == 4_000
    assert small.surplus("5m") == 16_000, "the window must first become long enough to be cached"
    assert small.surplus("none") < 16_000
    assert COSTS.uncached == 0
    free = replace(COSTS, prices=replace(PRICES, cache_read=0))
    assert free.surplus("5m") == 2 * DEFAULT.window_cap, "what costs nothing to keep is kept up to the cap"


def test_what_a_cold_compaction_saves_and_what_a_cold_surplus_costs() -> None:
    call = COSTS.summary_call(1_000)
    # Where nothing is cached the same tokens are read by a later call, unless the thread ends: one in 30.
    later = 29 / 30 * (2 * 1_000 + 10 * 200)
    assert COSTS.cold_compaction_saves(1_000, "none") == pytest.approx(800 * 10 - call + later)
    assert COSTS.cold_compaction_saves(1_000, "5m") == pytest.approx(800 * 12 - call)
    assert COSTS.cold_compaction_saves(1_000, "1h") == pytest.approx(800 * 12.5 - call), "at most 1.25 inputs"
    merged = COSTS.summary_call(1_000, 600)
    assert COSTS.cold_compaction_saves(1_000, "none", 600) == pytest.approx(800 * 10 - merged + later), (
        "what is merged is read by every call"
    )
    elsewhere = replace(COSTS, rewriting_elsewhere=0.5)
    assert elsewhere.cold_compaction_saves(1_000, "5m") == pytest.approx(800 * 12 - call - 0.5 * 2_200)
    assert COSTS.cold_surplus(100, "5m") == 1_200, "written again"
    assert COSTS.cold_surplus(1_000, "5m") == pytest.approx(call + 200 * 12), "compacted"
    assert elsewhere.cold_surplus(1_000, "5m") == pytest.approx(call + 200 * 12 + 0.5 * 2_200)


def test_how_often_a_use_is_the_first_after_a_compaction() -> None:
    assert COSTS.compactions_per_use(3_000) == pytest.approx(0.1)
    half = replace(COSTS, share=0.5)
    assert half.compactions_per_use(600) == pytest.approx((1 - 0.25) / (0.5 * 2))
    assert half.compactions_per_use(10) == pytest.approx(1.0)
    assert replace(COSTS, share=0.0).compactions_per_use(300) == pytest.approx(1.0)


def test_a_young_thread_is_expected_to_grow() -> None:
    young = replace(COSTS, floor=600, summary=0)
    assert young.grown().floor == 10 * 300
    assert young.grown().summary == int(young.new_summary(young.surplus("5m"))) > 0
    assert replace(young, floor_most=1_500).grown().floor == 1_500, "as far as the floor's price allows"
    assert replace(young, floor_most=100).grown().floor == DEFAULT.floor_exchanges * 300, (
        "but the least floor"
    )
    old = replace(COSTS, floor=50_000, summary=2_000).grown()
    assert (old.floor, old.summary) == (50_000, 2_000)
    assert replace(COSTS, floor=0, summary=0, turn=0.0).grown().summary == 0, "nothing is known yet"


def test_a_turn_brings_what_the_last_twenty_brought() -> None:
    assert turn_tokens([]) == 0.0
    assert turn_tokens([100, 300]) == 200.0
    assert turn_tokens([10_000] + [100] * 20) == 100.0
