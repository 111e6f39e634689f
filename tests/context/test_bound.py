"""The offline bound is a bound: no policy gets below it, and simple cases come out by hand."""

from __future__ import annotations

import random
from dataclasses import replace

from context.bound import Frame, TurnTaken, bound
from context.pricing import Prices
from tests.bench.economics.conversations import START, Conversation, Exchange, pauses
from tests.bench.economics.engine import Run, terms_of
from tests.bench.economics.fixed import Fixed, play

FLAT = Prices(input=100, output=500, cache_read=10, cache_write_5m=125, cache_write_1h=200)
FRAME = Frame(
    system=1_000,
    prices={"one": FLAT},
    reader=FLAT,
    summary_least=1_200,
    summary_budget=1_500,
    summary_share=0.2,
    summariser_prompt=400,
    keep=20,
    cap=60_000,
)


def test_one_turn_costs_its_tokens_once() -> None:
    assert bound([TurnTaken(lane="one", at=0, user=50, answer=10)], FRAME) == 1_050 * 100


def test_two_turns_a_minute_apart_write_once_and_read_once() -> None:
    turns = [TurnTaken(lane="one", at=at, user=50, answer=10) for at in (0, 60_000)]
    # The first 1,050 tokens are written and read; the answer and the second question are new.
    assert bound(turns, FRAME) == 1_050 * (125 + 10) + 60 * 100


def test_two_turns_a_week_apart_cache_nothing() -> None:
    turns = [TurnTaken(lane="one", at=at, user=50, answer=10) for at in (0, 600_000_000)]
    assert bound(turns, FRAME) == 1_050 * 100 + 1_110 * 100


def test_no_policy_gets_below_it() -> None:
    chance = random.Random(5)
    for pattern in ("seconds", "minutes", "bursts", "hours", "days"):
        exchanges = tuple(Exchange(chance.randint(10, 200), chance.randint(20, 400)) for _ in range(60))
        conversation = Conversation("x", exchanges, ("standard",) * 60)
        gaps = pauses(pattern, 60, seed=3)
        terms = {"standard": terms_of("claude-sonnet-5-5", 1_500)}
        reader = terms_of("claude-haiku-5-5", 1_500).prices.at(0)
        frame = replace(
            FRAME, system=1_500, prices={"standard": terms["standard"].prices.at(0)}, reader=reader
        )
        now, turns, answers = START, list[TurnTaken](), 0
        for exchange, gap in zip(exchanges, gaps, strict=True):
            turns.append(TurnTaken(lane="standard", at=now, user=exchange.user, answer=exchange.answer))
            answers += exchange.answer * frame.prices["standard"].output
            now += gap
        least = bound(turns, frame) + answers
        assert least <= Run(terms=terms, fold_first=True).play(conversation, gaps).provider.total
        for surplus in (0, 1_000, 8_000):
            for ttl in (None, "5m", "1h"):
                bill = play(Fixed(surplus=surplus, ttl=ttl, explicit=True), terms, conversation, gaps).total
                assert least <= bill * 1.001
