"""The choice of a model weighs the bill of its thread: what is warm, what will be needed again, and what an unsure turn is worth."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context.models.catalog import TIERS, Tier
from context.routing.candidates import Candidate
from context.routing.choice import Pins, choose, replay
from context.routing.complexity import Complexity
from context.routing.thread_bill import (
    EXPECTED_TURNS,
    MOST_TURNS,
    PRIOR,
    UNKNOWN,
    Expectation,
    too_dear,
    totals,
    turns_ahead,
)

NAMES: dict[Tier, str] = {"simple": "haiku", "standard": "sonnet", "complex": "opus"}
INPUT: dict[Tier, int] = {"simple": 1_000, "standard": 3_000, "complex": 5_000}


def needs(tier: Tier, *, score: float | None = None, unsure: bool = False) -> Complexity:
    place = TIERS.index(tier)
    score = (place + 0.5) / 3 if score is None else score
    return Complexity(score=score, tier=tier, unsure=unsure, gain=0.0, signals=(), why="a test")


def candidate(tier: Tier, prompt: int, *, warm: bool, new: int = 60, output: int = 30) -> Candidate:
    """What a turn costs on a model that reads for a tenth and writes for a quarter more."""
    unit = INPUT[tier]
    again = prompt * unit // 10 + new * unit * 5 // 4 + output * unit * 5
    return Candidate(
        tier=tier,
        model_id=NAMES[tier],
        price=again if warm else prompt * unit * 5 // 4 + output * unit * 5,
        again=again,
    )


def offered(prompt: int, *warm: Tier, output: int = 30) -> list[Candidate]:
    return [candidate(tier, prompt, warm=tier in warm, output=output) for tier in TIERS]


def test_a_thanks_reads_the_warm_prompt_of_the_standard_model_rather_than_write_the_cheap_one() -> None:
    expectation = Expectation(turns=1.0, needs=(1.0, 9.0, 0.0))
    route = choose(needs("simple"), Pins(), offered(4_000, "standard"), expectation=expectation)
    assert (route.model_id, route.tier, route.needed) == ("sonnet", "standard", "simple")
    assert "its prompt is cached, which saves the thread about $" in route.reason


@pytest.mark.parametrize(
    ("prompt", "warm", "turns"),
    [(4_000, ("simple", "standard"), 5.0), (4_000, ("simple",), 5.0), (4_000, (), 0.2)],
)
def test_a_thanks_goes_to_the_cheap_model_where_that_is_warm_or_nothing_is(
    prompt: int, warm: tuple[Tier, ...], turns: float
) -> None:
    expectation = Expectation(turns=turns, needs=(6.0, 2.0, 0.0))
    assert (
        choose(needs("simple"), Pins(), offered(prompt, *warm), expectation=expectation).model_id == "haiku"
    )


def test_many_simple_turns_to_come_are_worth_a_cold_prompt_of_the_cheap_model() -> None:
    expectation = Expectation(turns=15.0, needs=(19.0, 1.0, 0.0))
    assert (
        choose(needs("simple"), Pins(), offered(4_000, "standard"), expectation=expectation).model_id
        == "haiku"
    )


def test_a_standard_turn_stays_on_the_warm_top_model_of_a_hard_thread() -> None:
    expectation = Expectation(turns=4.0, needs=(0.0, 1.0, 9.0))
    route = choose(needs("standard"), Pins(), offered(20_000, "complex", output=200), expectation=expectation)
    assert route.model_id == "opus"


def test_an_unsure_turn_does_not_pay_for_the_cold_prompt_of_the_top_model() -> None:
    unsure = needs("complex", score=2 / 3 + 0.01, unsure=True)
    cold = choose(unsure, Pins(), offered(8_000, "standard"))
    assert (cold.model_id, cold.needed) == ("sonnet", "standard")
    assert "hardly needs the top tier" in cold.reason
    assert choose(unsure, Pins(), offered(8_000, "standard", "complex")).model_id == "opus"
    assert choose(needs("complex"), Pins(), offered(8_000, "standard")).model_id == "opus"


def test_an_unsure_turn_has_the_top_model_where_every_prompt_is_cold() -> None:
    unsure = needs("complex", score=2 / 3 + 0.01, unsure=True)
    assert choose(unsure, Pins(), offered(8_000)).model_id == "opus"


def test_only_a_score_is_weighed_against_the_bill() -> None:
    warm = offered(4_000, "standard")
    expectation = Expectation(turns=1.0, needs=(1.0, 9.0, 0.0))
    for pins in (
        Pins(turn="simple"),
        Pins(thread="simple"),
        Pins(exactly="simple"),
        Pins(rule_tier="simple"),
    ):
        assert choose(needs("simple"), pins, warm, expectation=expectation).model_id == "haiku"
    assert choose(needs("simple"), Pins(most="simple"), warm, expectation=expectation).model_id == "haiku"


def test_nothing_is_weighed_where_a_price_is_unknown() -> None:
    unpriced = [replace(option, price=None, again=None) for option in offered(4_000, "standard")]
    assert totals("simple", unpriced, UNKNOWN) == {}
    assert not too_dear(0.1, unpriced, UNKNOWN)
    assert choose(needs("simple"), Pins(), unpriced).model_id == "haiku"


def test_the_turns_ahead_follow_from_the_gaps() -> None:
    sample = [(30_000, 0.0, 8.0), (86_400_000, 0.0, 1.0)]
    assert turns_ahead(sample, 1.0, 300_000) == pytest.approx(4.0)
    assert turns_ahead([], 1.0, 300_000) == EXPECTED_TURNS
    assert turns_ahead([(1, 0.0, 1.0)], 0.0, 300_000) == MOST_TURNS
    assert turns_ahead([(400_000, 0.0, 1.0)], 1.0, 300_000) == 0.0


def test_the_needs_of_a_thread_are_learned_and_no_tier_is_ruled_out() -> None:
    expectation = UNKNOWN
    for _ in range(200):
        expectation = replace(expectation, needs=expectation.after("complex"))
    assert expectation.needs[:2] == pytest.approx(PRIOR[:2], abs=0.01)
    assert 15 < expectation.needs[2] < 25
    assert Expectation.from_json(expectation.to_json()) == expectation


prices = st.integers(min_value=0, max_value=10**12)


@given(
    st.lists(st.tuples(prices, st.floats(0, 1)), min_size=3, max_size=3),
    st.sampled_from(TIERS),
    st.floats(0, MOST_TURNS),
    st.tuples(*[st.floats(0.01, 20)] * 3),
    st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_whatever_the_prices_the_answer_is_good_enough_and_can_be_chosen_again(
    amounts: list[tuple[int, float]],
    tier: Tier,
    turns: float,
    seen: tuple[float, ...],
    unsure: bool,
) -> None:
    options = [
        Candidate(tier=name, model_id=NAMES[name], price=price, again=int(price * part))
        for name, (price, part) in zip(TIERS, amounts, strict=True)
    ]
    expectation = Expectation(turns=turns, needs=seen)
    route = choose(needs(tier, unsure=unsure), Pins(), options, expectation=expectation)
    assert route.needed is not None
    assert route.tier is not None
    assert TIERS.index(route.tier) >= TIERS.index(route.needed)
    assert route.needed == tier or (unsure and (tier, route.needed) == ("complex", "standard"))
    costs = totals(route.needed, options, expectation)
    assert costs[route.model_id] <= costs[NAMES[route.needed]]
    assert replay(route.to_json()) == route


def bill(policy: str, wanted: list[Tier], gaps: Sequence[float], output: int) -> int:
    """The bill of a thread whose caches live five minutes. `auto` weighs; a tier's name answers all turns with that tier."""
    total, at, prompt = 0, 0.0, 1_500
    cached: dict[Tier, tuple[int, float]] = {}
    expectation, short = UNKNOWN, 3.0
    for tier, gap in zip(wanted, gaps, strict=True):
        prompt += 60
        options = []
        for name in TIERS:
            size, until = cached.get(name, (0, 0.0))
            read, unit = (size if until >= at else 0), INPUT[name]
            price = read * unit // 10 + (prompt - read) * unit * 5 // 4 + output * unit * 5
            again = prompt * unit // 10 + (60 + output) * unit * 5 // 4 + output * unit * 5
            options.append(Candidate(tier=name, model_id=name, price=price, again=min(price, again)))
        if policy == "auto":
            route = choose(needs(tier), Pins(), options, expectation=replace(expectation, turns=short))
            answers, expectation = route.tier or tier, replace(expectation, needs=expectation.after(tier))
        else:
            answers = next(name for name in TIERS if name == policy)
        total += options[TIERS.index(answers)].price or 0
        cached[answers] = (prompt, at + 300)
        prompt, at = prompt + output, at + gap
        short = min(MOST_TURNS, 0.9 * short + (1.0 if gap <= 300 else -short * 0.1))
    return total


@pytest.mark.parametrize("output", [30, 400])
@pytest.mark.parametrize("mix", [(5, 5, 0), (3, 6, 1), (1, 2, 7), (8, 1, 1), (0, 8, 2)])
def test_threads_cost_no_more_than_on_the_best_single_tier_that_is_good_enough(
    mix: tuple[int, int, int], output: int
) -> None:
    auto = single = 0
    for seed in range(12):
        chance = random.Random(seed)
        wanted: list[Tier] = chance.choices(TIERS, weights=mix, k=80)
        gaps = [chance.choice([20, 40, 60, 90, 5_000]) for _ in wanted]
        highest = max(wanted, key=TIERS.index)
        auto += bill("auto", wanted, gaps, output)
        single += bill(highest, wanted, gaps, output)
    assert auto <= single
