"""Which model answers: the order of precedence, the reason, and that a stored route can be chosen again."""

import json
from itertools import product

import pytest

from context.models.catalog import TIERS, Tier
from context.routing.candidates import Candidate
from context.routing.choice import Pins, UnknownModel, choose, dollars, replay
from context.routing.complexity import assess
from context.routing.next import one_up

MODELS: dict[Tier, str] = {"simple": "haiku", "standard": "sonnet", "complex": "opus"}
ONE_FOR_ALL: dict[Tier, str] = {"simple": "smol", "standard": "smol", "complex": "smol"}
LABELS = {"haiku": "Haiku", "sonnet": "Sonnet", "opus": "Opus"}
PRICES = {"haiku": 400_000_000, "sonnet": 4_000_000_000, "opus": 13_000_000_000}

HELLO, WORK = assess("thanks!"), assess("Prove that the square root of 2 is irrational, step by step.\n" * 9)


def offered(*down: str, models: dict[Tier, str] = MODELS) -> list[Candidate]:
    return [
        Candidate(
            tier=tier,
            model_id=model,
            label=LABELS.get(model, ""),
            price=PRICES.get(model),
            admissible=model not in down,
            why="is resting after failures" if model in down else "",
        )
        for tier, model in models.items()
    ]


@pytest.mark.parametrize(
    ("pins", "tier", "by"),
    [
        (Pins(), "simple", "score"),
        (Pins(rule_tier="standard", rule="legal"), "standard", "rule"),
        (Pins(rule_tier="standard", rule="legal", thread="complex"), "complex", "thread"),
        (Pins(thread="complex", turn="standard"), "standard", "turn"),
        (Pins(thread="complex", turn="opus"), "complex", "turn"),
        (Pins(thread="complex", exactly="standard"), "standard", "token"),
        (Pins(turn="complex", exactly="simple"), "simple", "token"),
        (Pins(turn="complex", most="standard"), "standard", "token"),
        (Pins(turn="simple", most="standard"), "simple", "turn"),
        (Pins(thread="complex", most="standard"), "standard", "token"),
        (Pins(rule_tier="complex", rule="legal", most="simple"), "simple", "token"),
    ],
)
def test_the_order_of_precedence(pins: Pins, tier: str, by: str) -> None:
    route = choose(HELLO, pins, offered())
    assert (route.tier, route.model_id, route.by) == (tier, MODELS[route.tier or "simple"], by)


def test_without_a_score_the_default_tier_answers() -> None:
    route = choose(None, Pins(default="complex"), offered())
    assert (route.model_id, route.by) == ("opus", "default")


def test_the_reason_names_the_model_why_its_price_and_the_top_ones() -> None:
    assert choose(HELLO, Pins(), offered()).reason == "Haiku: small talk, $0.0004; Opus would be $0.013"


def test_a_bound_that_overrules_a_wish_is_told() -> None:
    route = choose(WORK, Pins(turn="complex", most="simple"), offered())
    assert "complex was requested; complex is not allowed for this token" in route.reason


@pytest.mark.parametrize(
    ("down", "model"),
    [(("haiku",), "sonnet"), (("haiku", "sonnet"), "opus"), (("haiku", "sonnet", "opus"), "haiku")],
)
def test_a_model_that_cannot_answer_is_replaced_by_the_next_better_one(
    down: tuple[str, ...], model: str
) -> None:
    route = choose(HELLO, Pins(), offered(*down))
    assert route.model_id == model
    assert ("Haiku is resting after failures" in route.reason) == (model != "haiku")


def test_the_best_that_is_left_answers_when_nothing_is_good_enough() -> None:
    assert choose(WORK, Pins(), offered("opus")).model_id == "sonnet"


def test_of_two_models_of_the_best_tier_that_is_left_the_cheaper_one_answers() -> None:
    left = [
        Candidate(tier="standard", model_id="dear", price=9),
        Candidate(tier="standard", model_id="fair", price=4),
        Candidate(tier="complex", model_id="opus", price=20, admissible=False),
    ]
    assert choose(WORK, Pins(), left).model_id == "fair"


def test_a_stored_route_says_what_was_chosen() -> None:
    stored = choose(HELLO, Pins(), offered("haiku")).to_json()
    assert {name: stored[name] for name in ("model", "tier", "by", "needed")} == {
        "model": "sonnet",
        "tier": "standard",
        "by": "score",
        "needed": "simple",
    }


def test_a_fallback_never_goes_beyond_the_operators_bound() -> None:
    assert choose(WORK, Pins(most="standard"), offered("sonnet")).model_id == "haiku"


def test_without_caches_the_lowest_tier_that_is_good_enough_answers() -> None:
    assert choose(HELLO, Pins(), offered()).model_id == "haiku"


def test_one_model_for_all_tiers_is_said() -> None:
    route = choose(HELLO, Pins(), offered(models=ONE_FOR_ALL))
    assert route.model_id == "smol"
    assert route.reason == "small talk; one model answers for all tiers here"


@pytest.mark.parametrize("tier", ["", "Simple", "claude", "opus ", "standard,complex"])
def test_what_is_not_offered_is_refused(tier: str) -> None:
    with pytest.raises(UnknownModel):
        choose(HELLO, Pins(turn=tier), offered())


def test_every_stored_route_can_be_chosen_again() -> None:
    tiers: tuple[Tier | None, ...] = (None, *TIERS)
    for complexity, turn, most, thread, rule in product((None, HELLO, WORK), tiers, tiers, tiers, tiers):
        pins = Pins(turn=turn, most=most, thread=thread, rule_tier=rule, rule="r")
        route = choose(complexity, pins, offered("sonnet"))
        assert replay(json.loads(json.dumps(route.to_json()))) == route


def test_a_refused_answer_is_asked_for_one_tier_up() -> None:
    higher = one_up(choose(HELLO, Pins(), offered()), "the answer was refused")
    assert higher is not None
    assert (higher.model_id, higher.by) == ("sonnet", "cascade")
    assert higher.reason == "Sonnet: the answer was refused, $0.004; Opus would be $0.013"
    assert replay(higher.to_json()) == higher


@pytest.mark.parametrize(
    "pins", [Pins(turn="simple"), Pins(thread="simple"), Pins(exactly="simple"), Pins(most="simple")]
)
def test_who_fixed_the_model_gets_no_other_one(pins: Pins) -> None:
    assert one_up(choose(HELLO, pins, offered()), "the answer was refused") is None


def test_nothing_is_above_the_top_and_a_single_model_has_no_better_one() -> None:
    assert one_up(choose(WORK, Pins(), offered()), "refused") is None
    assert one_up(choose(None, Pins(), offered(models=ONE_FOR_ALL)), "refused") is None


@pytest.mark.parametrize(
    ("picodollars", "shown"),
    [
        (400_000_000, "$0.0004"),
        (13_000_000_000, "$0.013"),
        (123_456_789_000, "$0.12"),
        (1_500_000_000_000, "$1.50"),
        (0, "$0.00"),
        (12_300_000, "$0.000012"),
    ],
)
def test_amounts_are_shown_to_two_digits(picodollars: int, shown: str) -> None:
    assert dollars(picodollars) == shown
