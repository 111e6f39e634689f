"""The offline bound is a bound: no policy gets below it, and simple cases come out by hand."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import product

from context.audit.bound import Frame, SizedTurn, bound
from context.models.pricing import Prices
from tests.bench.economics.baselines import Fixed, play
from tests.bench.economics.conversations import Conversation, Exchange, pauses
from tests.bench.economics.engine import Run, terms_of
from tests.bench.economics.lower_bound import least_of

FLAT = Prices(input=100, output=500, cache_read=10, cache_write_5m=125, cache_write_1h=200)
FRAME = Frame(
    system=1_000,
    prices={"one": FLAT},
    summarizer=FLAT,
    summary_min=1_200,
    summary_max=1_800,
    summary_budget=1_500,
    summary_share=0.2,
    summarizer_prompt=400,
    keep=20,
    cap=60_000,
)


def test_one_turn_costs_its_tokens_once() -> None:
    assert bound([SizedTurn(model="one", at=0, user=50, answer=10)], FRAME) == 1_050 * 100


def test_two_turns_a_minute_apart_write_once_and_read_once() -> None:
    turns = [SizedTurn(model="one", at=at, user=50, answer=10) for at in (0, 60_000)]
    # The first 1,050 tokens are written and read; the answer and the second question are new.
    assert bound(turns, FRAME) == 1_050 * (125 + 10) + 60 * 100


def test_two_turns_a_week_apart_cache_nothing() -> None:
    turns = [SizedTurn(model="one", at=at, user=50, answer=10) for at in (0, 600_000_000)]
    assert bound(turns, FRAME) == 1_050 * 100 + 1_110 * 100


def test_what_must_be_verbatim_is_sent_also_where_it_is_larger_than_the_window() -> None:
    turns = [SizedTurn(model="one", at=at, user=70_000, answer=10) for at in (0, 600_000_000)]
    assert bound(turns[:1], FRAME) == 71_000 * 100
    assert bound(turns, FRAME) == 71_000 * 100 + 141_010 * 100


def test_what_a_fold_adds_to_the_summary_is_new_to_every_lane() -> None:
    frame = replace(FRAME, system=0, prices={"one": FLAT, "two": FLAT}, keep=1, cap=1_000)

    def least(*models: str) -> int:
        """Each turn fills the cap, so each compacts the one before it and nothing but the summary is ever sent twice."""
        turns = [
            SizedTurn(model=model, at=60_000 * n, user=1_000, answer=0, summary=200 * n)
            for n, model in enumerate(models)
        ]
        return bound(turns, frame)

    # The 200 tokens that are new in the second turn: written and read in one cache state, or sent uncached in each of two.
    assert least("one", "one", "two") - least("one", "one", "one") == 200 * (2 * 100 - (125 + 10))


def test_a_full_summary_is_as_large_as_it_was() -> None:
    def least(summary: int) -> int:
        turns = [
            SizedTurn(model="one", at=60_000 * n, user=500, answer=500, summary=min(summary, 200 * n))
            for n in range(60)
        ]
        return bound(turns, FRAME)

    assert least(0) == least(1_200) < least(1_500) < least(1_800)


def test_no_policy_gets_below_it() -> None:
    chance = random.Random(5)
    shortened = False
    patterns = ("seconds", "minutes", "bursts", "hours", "days")
    # The long ones are shortened where they are dear to carry.
    played = [*product(patterns, [(20, 400)]), *product(patterns[1:], [(900, 2_400)])]
    for pattern, (shortest, longest) in played:
        exchanges = tuple(
            Exchange(chance.randint(10, 200), chance.randint(shortest, longest)) for _ in range(60)
        )
        conversation = Conversation("x", exchanges, ("standard",) * 60)
        gaps = pauses(pattern, 60, seed=3)
        inputs = {"standard": terms_of("claude-sonnet-5-5", 1_500)}
        run = Run(inputs=inputs, compact_first=True).play(conversation, gaps)
        shortened |= any(run.spared)
        least = least_of(conversation, gaps, inputs, run.summaries, run.floors, run.spared, system=1_500).bill
        assert least <= run.provider.total
        for surplus in (0, 1_000, 8_000):
            for ttl in (None, "5m", "1h"):
                bill = play(
                    Fixed(surplus=surplus, ttl=ttl, explicit=True), inputs, conversation, gaps, run.floors
                ).total
                assert least <= bill * 1.001
    assert shortened, "or it says nothing of short replies"
