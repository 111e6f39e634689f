"""What a cache state remembers, and what it expects of pauses."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context.cache import keepalive
from context.cache.cache_state import CacheState
from context.cache.gap_forecast import forecast_gaps
from context.cache.global_gaps import BROAD, GlobalGaps
from context.cache.idle_gaps import Evidence, Gap
from context.models.pricing import price_table
from context.policy import DEFAULT
from tests.context.plan_inputs import CHEAP, MID, NOON, inputs
from tests.context.story import Story


@given(st.lists(st.integers(0, 10**10), max_size=30))
def test_a_histogram_survives_its_stored_form(gaps: list[int]) -> None:
    global_gaps, earlier = GlobalGaps(), list[Gap]()
    for gap in gaps:
        global_gaps = global_gaps.observe(gap, earlier, DEFAULT)
        earlier.append(Gap(ms=gap, tokens=0))
    assert GlobalGaps.from_json(json.loads(json.dumps(global_gaps.to_json()))) == global_gaps
    assert global_gaps.seen == len(gaps) + bool(gaps)  # the first counts after either kind


def test_a_histogram_of_other_buckets_starts_anew() -> None:
    assert GlobalGaps.from_json({"after_short": [1], "after_long": [2]}) == GlobalGaps()


def test_before_anything_was_seen_every_pause_is_possible() -> None:
    ahead = forecast_gaps((), GlobalGaps(), per_gap=0.0, policy=DEFAULT)
    assert len(ahead.points) == len(BROAD)
    assert abs(sum(point[2] for point in ahead.points) - DEFAULT.global_gaps_weight_young) < 1e-9


def test_pauses_like_the_last_one_count_more() -> None:
    gaps = [Gap(ms=10_000, tokens=1)] * 3 + [Gap(ms=10_000_000, tokens=1)] + [Gap(ms=20_000, tokens=1)]
    ahead = forecast_gaps(gaps, GlobalGaps(), per_gap=0.0, policy=DEFAULT)
    after_long = ahead.points[4]
    assert after_long[3] == 4 * after_long[2]


def test_a_sign_says_less_where_it_concerns_only_a_share_of_the_turns() -> None:
    sign = Evidence(short=0.8, hour=0.3, longer=0.1)
    assert sign.diluted(1.0) == sign
    half, none = sign.diluted(0.5), sign.diluted(0.0)
    assert (half.short, half.hour, half.longer) == pytest.approx((0.6, 0.35, 0.25))
    assert (none.short, none.hour, none.longer) == pytest.approx((0.4, 0.4, 0.4))


def test_a_lane_survives_its_stored_form_and_keeps_200_gaps() -> None:
    story = Story()
    for number in range(230):
        story.say(f"{number}")
        story.wait(30)
    cache_state = story.cache_states[MID]
    assert len(cache_state.gaps) == 200
    assert CacheState.from_json(json.loads(json.dumps(cache_state.to_json()))) == cache_state
    assert len(json.dumps(cache_state.to_json())) < 10_000


def test_the_provider_s_count_replaces_the_estimate() -> None:
    story = Story()
    first = story.say("where is my parcel?")
    cache_state = story.cache_states[MID]
    assert cache_state.written[-1].exact
    assert cache_state.written[-1].tokens == first.actual_usage.cache_write_5m


def test_shares_follow_use() -> None:
    story = Story()
    for number in range(60):
        story.say("hm", model=CHEAP if number % 3 else MID)
        story.wait(20)
    assert 0.5 < story.cache_states[CHEAP].share < 0.8
    assert 0.2 < story.cache_states[MID].share < 0.5


def test_a_timer_decides_a_little_before_the_entry_dies() -> None:
    story = Story()
    story.say("hello")
    cache_state = story.cache_states[MID]
    at = keepalive.next_at(cache_state, inputs(), after=NOON)
    assert at is not None
    assert NOON < at < cache_state.alive_until


def test_the_price_table_knows_the_step_of_the_cheapest_model() -> None:
    table = price_table(CHEAP, now=NOON)
    assert table is not None
    assert table.dearer_above() == 100_000
    assert table.at(100_001).input == 5 * table.at(100_000).input
    assert price_table("no-such-model", now=NOON) is None
