"""What all threads do is believed as far as it has foretold what each does."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from math import isclose

from hypothesis import given
from hypothesis import strategies as st

from context.cache.gap_forecast import forecast_gaps
from context.cache.global_gaps import PRIOR, WEIGHTS, GlobalGaps
from context.cache.idle_gaps import SHORT_GAP, Gap, Kind
from context.policy import DEFAULT, Policy
from tests.bench.economics.conversations import pauses


def gaps_of(threads: Sequence[Sequence[int]], policy: Policy = DEFAULT) -> GlobalGaps:
    """A service after these threads, one after the other; pauses in milliseconds."""
    global_gaps = GlobalGaps()
    for thread in threads:
        gaps: tuple[Gap, ...] = ()
        for ms in thread:
            global_gaps = global_gaps.observe(ms, gaps, policy)
            gaps = (*gaps, Gap(ms=ms, tokens=0))[-policy.gaps_kept :]
    return global_gaps


def test_threads_that_are_alike_make_the_histogram_count_for_much() -> None:
    global_gaps = gaps_of([pauses("bursts", 60, seed) for seed in range(12)])
    assert global_gaps.weight(DEFAULT) > 100


def test_threads_that_differ_make_a_lane_s_own_past_count_for_more() -> None:
    patterns = ("seconds", "minutes", "hours", "days")
    global_gaps = gaps_of([pauses(patterns[seed % 4], 60, seed) for seed in range(12)])
    assert global_gaps.weight(DEFAULT) < 20


def test_what_was_learned_fades_when_threads_change() -> None:
    alike = [pauses("bursts", 60, seed) for seed in range(12)]
    patterns = ("seconds", "minutes", "hours", "days")
    differing = [pauses(patterns[seed % 4], 60, seed) for seed in range(40)]
    assert gaps_of([*alike, *differing]).weight(DEFAULT) < 20


def test_what_followed_a_pause_of_the_same_kind_is_expected_again() -> None:
    global_gaps = gaps_of([[20_000, 7_200_000] * 30])  # a long pause after each short one
    ahead = forecast_gaps((), global_gaps, per_gap=0, policy=DEFAULT)

    def long_share(now: Kind) -> float:
        sample = replace(ahead, now=now).sample()
        return sum(weight for ms, _, weight in sample if ms >= SHORT_GAP) / sum(
            weight for *_, weight in sample
        )

    assert long_share("short") > 0.9
    assert long_share("long") < 0.1


def test_a_thread_that_alternates_is_judged_by_its_own_pauses_of_the_same_kind() -> None:
    alternating = [[10_000 * step, 3_600_000 * step] * 20 for step in (1, 3, 9)]
    blind = replace(DEFAULT, other_kind_weight=1.0)
    assert gaps_of(alternating).scores[-1] < gaps_of(alternating, blind).scores[-1]


def test_a_young_histogram_counts_for_little_whatever_it_says() -> None:
    assert gaps_of([[30_000] * 5]).weight(DEFAULT) < 10


@given(st.lists(st.integers(0, 10**10), max_size=40))
def test_chances_sum_to_one_and_scores_stay_finite(gaps: list[int]) -> None:
    global_gaps = gaps_of([gaps])
    for before in (None, "short", "long"):
        assert isclose(sum(global_gaps.shares(before)), 1.0)
    assert max(global_gaps.scores) <= 0.0
    assert WEIGHTS[0] <= global_gaps.weight(DEFAULT) or global_gaps.seen < DEFAULT.global_gaps_trusted


def test_a_histogram_from_before_weights_were_learned_keeps_its_counts() -> None:
    global_gaps = gaps_of([[30_000] * 20])
    stored = global_gaps.to_json()
    del stored["scores"]
    old = GlobalGaps.from_json(stored)
    assert (old.after_short, old.after_long) == (global_gaps.after_short, global_gaps.after_long)
    assert old.scores == GlobalGaps().scores
    assert isclose(sum(PRIOR), 1.0)


def test_a_long_thread_is_less_likely_to_end_than_a_short_one_and_a_rare_lane_likelier() -> None:
    dice = random.Random(3)
    global_gaps = gaps_of([pauses("bursts", 60, seed) for seed in range(12)])

    def ending(turns: int, share: float = 1.0) -> float:
        gaps = [Gap(ms=dice.randrange(10_000, 100_000), tokens=0) for _ in range(min(turns, 200))]
        ahead = forecast_gaps(gaps, global_gaps, per_gap=40, policy=DEFAULT, uses=turns, share=share)
        return ahead.never / (ahead.never + sum(max(point[2:]) for point in ahead.points))

    assert ending(10) > 2 * ending(100) > 4 * ending(1_000)
    assert ending(10, share=0.1) > 2 * ending(10)
