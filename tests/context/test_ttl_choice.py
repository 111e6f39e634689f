"""For how long the two parts of a prompt are cached, and when the cache states of a thread are compacted together."""

from __future__ import annotations

from dataclasses import replace
from math import isclose, sqrt

from context.cache.cache_state import Ttls
from context.cache.cost_model import CostModel, ModelShare
from context.cache.gap_forecast import forecast_gaps
from context.cache.global_gaps import GlobalGaps
from context.cache.idle_gaps import Gap, Kind
from context.cache.ttl_choice import choose_ttls, future_costs
from context.policy import DEFAULT
from tests.context.plan_inputs import CHEAP, MID, inputs

PRICES = inputs(MID).prices.at(0)
ALONE = CostModel(
    system=1_500,
    summary=300,
    floor=460,
    turn=46,
    prices=PRICES,
    summarizer=inputs(CHEAP).prices,
    policy=DEFAULT,
    minimum=512,
)


def chosen(cost_model: CostModel, seconds: list[int], kind: Kind = "short", tokens: int = 46) -> Ttls:
    ahead = forecast_gaps(
        [Gap(ms=1_000 * second, tokens=tokens) for second in seconds],
        GlobalGaps(),
        per_gap=cost_model.turn / cost_model.share,
        policy=DEFAULT,
    )
    ttls, _ = choose_ttls(
        cost_model, ahead, kind=kind, uses=len(seconds), global_gaps_seen=0, gaps_seen=len(seconds)
    )
    return ttls


def test_a_lane_alone_is_folded_at_the_economic_order_quantity() -> None:
    cost_model = replace(ALONE, turn=500, floor=5_000)
    surplus = cost_model.surplus("5m")
    summary_tokens = cost_model.floor + cost_model.new_summary(surplus)
    rewriting = (PRICES.cache_write_5m - PRICES.cache_read) * summary_tokens
    optimum = sqrt(2 * (cost_model.summary_call(surplus) + rewriting) * cost_model.turn / PRICES.cache_read)
    assert isclose(surplus, optimum, rel_tol=0.03)


def test_lanes_that_write_the_window_anew_at_each_use_want_it_short() -> None:
    half = replace(ALONE, share=0.5)
    rare = ModelShare(share=0.1, read=2.0 * PRICES.input, write=2.0 * PRICES.input)
    assert replace(half, others=(rare,)).surplus("5m") < half.surplus("5m")


def test_pauses_of_seconds_want_five_minutes_of_half_an_hour_an_hour_of_weeks_nothing() -> None:
    assert chosen(ALONE, [30] * 60) == Ttls(head="5m", window="5m")
    assert chosen(ALONE, [1_500] * 60, "long") == Ttls(head="1h", window="1h")
    assert chosen(ALONE, [1_000_000] * 60, "long") == Ttls(head="none", window="none")


def test_a_rarely_used_lane_caches_what_stays_and_not_the_window_that_is_new_each_time() -> None:
    rare = replace(ALONE, share=0.05, others=(ModelShare(share=0.95, read=5_000.0, write=125_000.0),))
    assert chosen(rare, [1_500] * 30, "long", tokens=920) == Ttls(head="1h", window="none")


def test_the_head_lives_at_least_as_long_as_the_window() -> None:
    order = ("none", "5m", "1h")
    for seconds in ([20, 20, 4_000] * 20, [200, 400] * 30, [3_000] * 30, [9_000] * 40):
        ttls = chosen(ALONE, seconds)
        assert order.index(ttls.head) >= order.index(ttls.window)


def test_nothing_costs_less_found_dead_than_found_warm() -> None:
    ahead = forecast_gaps([Gap(ms=60_000, tokens=46)] * 40, GlobalGaps(), per_gap=46, policy=DEFAULT)
    for costs in future_costs(ALONE, ahead):
        for kind in (0, 1):
            assert costs.arriving_dead(kind) > costs.arriving_warm("5m", kind)


def test_a_window_that_is_compacted_at_every_other_use_is_read_and_written_by_turns() -> None:
    costs = replace(ALONE, turn=400_000.0).grown()
    surplus, write = costs.surplus("5m"), PRICES.cache_write_5m
    assert surplus == 2 * costs.turn
    ahead = forecast_gaps([Gap(ms=60_000, tokens=46)] * 40, GlobalGaps(), per_gap=46, policy=DEFAULT)
    _, window = future_costs(costs, ahead)
    calls = costs.summary_call(surplus) / 2
    read = PRICES.cache_read * (costs.floor + costs.turn / 2)  # before and after a turn, in the middle
    assert isclose(window.part.warm["5m"], calls + (read + write * costs.floor) / 2)
    assert isclose(window.part.growth["5m"], write / 2)
