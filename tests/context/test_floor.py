"""How many of the newest messages stay verbatim: tables over prices, pauses and lengths of replies, then properties."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context.cache.cache_state import CacheState
from context.cache.floor import floor_of, token_price, worth
from context.cache.idle_gaps import Gap
from context.cache.plan_inputs import BranchState, PlanInputs, cost_model
from context.messages import Message
from context.models.pricing import Prices, PriceTable
from context.planning.planned import Plan
from context.policy import DEFAULT, Policy
from tests.bench.economics.conversations import PATTERNS, Conversation, Exchange, pauses
from tests.bench.economics.engine import Run, terms_of
from tests.context.plan_inputs import MID, NOON, TOP, inputs
from tests.context.threads import sized

SECONDS, HOURS, DAYS = 30_000, 3 * 3_600_000, 2 * 86_400_000
PRICES = Prices(input=10, output=50, cache_read=1, cache_write_5m=12, cache_write_1h=20)


def priced(prices: Prices = PRICES, policy: Policy = DEFAULT, **model: object) -> PlanInputs:
    made = inputs(policy=policy)
    return replace(
        made,
        prompt_tokens=1_000,
        prices=PriceTable(model=MID, steps=((0, prices),)),
        model=replace(made.model, **model),  # type: ignore[arg-type]
    )


def exchanges(count: int, user: int, answer: int) -> list[Message]:
    return sized(" ".join([f"u{user} a{answer}"] * count))


def branch(path: Sequence[Message], gap: int, *, output: float = 1_000, model: str = MID) -> BranchState:
    """A thread that has had 60 pauses of that length, and answers of so many tokens."""
    cache_state = CacheState(
        model=model,
        uses=61,
        depth=path[-1].depth,
        output=output,
        gaps=tuple(Gap(ms=gap, tokens=100) for _ in range(60)),
    )
    return BranchState(path=path, cache_state=cache_state, now=NOON)


def kept(plan_inputs: PlanInputs, state: BranchState) -> int:
    """Exchanges of the floor, before the next message comes."""
    floor = floor_of(plan_inputs, state, to_come=1)
    return sum(message.role == "assistant" for message in state.path[floor.index(state.path) :])


@pytest.mark.parametrize(
    ("gap", "answer", "exchanges_kept"),
    [
        (SECONDS, 30, 10),  # terse talk: twenty messages hold less than the floor may hold whatever it costs
        (HOURS, 30, 10),
        (DAYS, 30, 10),
        (SECONDS, 1_500, 4),  # read from the cache, and written again by every compaction
        (HOURS, 1_500, 2),  # written again and again, or paid in full
        (DAYS, 1_500, 2),
        (DAYS, 300, 3),
    ],
)
def test_what_is_dear_to_carry_is_carried_for_fewer_turns(gap: int, answer: int, exchanges_kept: int) -> None:
    state = branch(exchanges(20, 20, answer), gap, output=answer)
    assert kept(inputs(), state) == exchanges_kept


def test_the_dearer_a_token_beside_an_answer_the_fewer_are_kept() -> None:
    state = branch(exchanges(20, 50, 500), DAYS, output=500)
    floors = [floor_of(priced(replace(PRICES, output=times * 10)), state).tokens for times in (1, 5, 20, 100)]
    assert floors == sorted(floors)
    assert floors[0] == DEFAULT.floor_tokens, "so many are never too dear"
    # A turn costs its answer, and the system prompt like any other token: 0.15 (500 times 100 + 1,000).
    assert floors[-1] == pytest.approx(0.15 * 51_000)


def test_what_costs_nothing_is_kept() -> None:
    free = replace(PRICES, input=0, cache_read=0, cache_write_5m=0, cache_write_1h=0, output=0)
    state = branch(exchanges(20, 50, 1_500), DAYS)
    assert floor_of(priced(free), state).tokens == inf
    assert kept(priced(free), state) == 10


def test_a_token_costs_its_input_where_there_is_no_cache_or_nobody_comes_back_in_time() -> None:
    def price(gap: int, plan_inputs: PlanInputs) -> float:
        state = branch(exchanges(5, 50, 100), gap)
        costs = cost_model(plan_inputs, state, floor_tokens=150)
        return token_price(plan_inputs, state.cache_state, costs, state.global_gaps)

    assert price(SECONDS, priced(min_cacheable=0)) == price(DAYS, priced()) == PRICES.input
    assert PRICES.cache_read < price(SECONDS, priced()) < PRICES.input / 3
    # With keep-alives: three renewals, and then the read; without: dead after an hour.
    renewed, without = price(HOURS, priced()), price(HOURS, priced(policy=replace(DEFAULT, keepalives=False)))
    assert price(SECONDS, priced()) < renewed < without == PRICES.input


def test_all_models_of_a_thread_have_their_say() -> None:
    state = branch(exchanges(20, 50, 1_000), SECONDS)
    often = replace(state.cache_state, share=0.5)
    rare = replace(branch(state.path, DAYS, model=TOP).cache_state, share=0.5)
    together = BranchState(path=state.path, cache_state=often, others=((inputs(TOP), rare),), now=NOON)
    alone, top = worth(inputs(), state, least=2_100), replace(state, cache_state=rare)
    assert worth(inputs(TOP), top, least=2_100) < worth(inputs(), together, least=2_100) < alone


def test_the_budget_is_in_estimated_tokens() -> None:
    state = branch(exchanges(20, 50, 500), DAYS, output=5_000)
    half = priced(token_ratio=0.5)
    assert floor_of(half, state).tokens == pytest.approx(worth(half, state, least=2_100) / 0.5)


conversations = st.builds(
    lambda user, answer, jumps: Conversation(
        "x",
        tuple(Exchange(user + 7 * (index % 5), answer * (5 if index in jumps else 1)) for index in range(50)),
        ("standard",) * 50,
    ),
    st.integers(5, 300),
    st.integers(20, 2_500),
    st.sets(st.integers(0, 49), max_size=8),
)


@settings(max_examples=12, deadline=None)
@given(conversations, st.sampled_from(PATTERNS), st.sampled_from(PATTERNS), st.integers(0, 9))
def test_a_floor_that_moves_does_not_make_compactions_more_frequent(
    conversation: Conversation, pattern: str, later: str, seed: int
) -> None:
    """The pauses change in the middle, and with them what a token costs; a compaction of a cached window is never followed by another
    before the window has grown again."""
    gaps = [*pauses(pattern, 25, seed), *pauses(later, 25, seed)]

    def played(policy: Policy) -> tuple[Run, list[Plan]]:
        plans: list[Plan] = []
        run = Run(inputs={"standard": terms_of(MID, 1_500, policy)}, seen=plans.append)
        return run.play(conversation, gaps), plans

    run, plans = played(DEFAULT)
    least, _ = played(replace(DEFAULT, floor_price_share=0.0))
    most, _ = played(replace(DEFAULT, floor_price_share=1e9))
    assert run.folds <= max(least.folds, most.folds) + 2
    for plan in plans:
        sent = plan.messages[-plan.floor :]
        answers = sum(message.role == "assistant" for message in sent)
        assert answers >= min(DEFAULT.floor_exchanges, plan.messages[-1].depth // 2)
        assert plan.floor <= DEFAULT.floor_messages + 1
        assert sum(message.tokens for message in plan.messages) <= DEFAULT.window_cap
