"""Who is asked when a model fails."""

import pytest

from context.limits.fallback import ELSEWHERE, WORDS, Rung, cramped, ladder, onward
from context.models.catalog import Tier
from context.routing.choice import Candidate, Pins, Route

TIERS: dict[Tier, str] = {"simple": "haiku", "standard": "sonnet", "complex": "opus"}
ROUTE = Route(model_id="sonnet", tier="standard", reason="r")
RUNGS = ladder(ROUTE, TIERS)


@pytest.mark.parametrize(
    ("first", "tried", "resting", "model"),
    [
        ("sonnet", "sonnet", "", "opus"),
        ("sonnet", "sonnet opus", "", "haiku"),
        ("sonnet", "sonnet opus haiku", "", None),
        ("haiku", "haiku", "", "sonnet"),
        ("haiku", "haiku sonnet", "", "opus"),
        ("opus", "opus", "", "sonnet"),
        ("opus", "opus sonnet", "", "haiku"),
        ("sonnet", "sonnet", "opus", "haiku"),
        ("sonnet", "sonnet", "opus haiku", None),
        ("other", "other", "", "opus"),
    ],
)
def test_the_nearest_tier_is_next_and_better_comes_before_cheaper(
    first: str, tried: str, resting: str, model: str | None
) -> None:
    asked = tried.split()
    found = onward(
        rungs=RUNGS,
        first=first,
        failed=asked[-1],
        outcome="overloaded",
        tried=asked,
        resting=resting.split(),
        text_shown=False,
    )
    assert (None if found is None else found.rung.model) == model


@pytest.mark.parametrize(
    ("outcome", "goes_on"),
    [
        *((outcome, True) for outcome in sorted(ELSEWHERE)),
        *((outcome, False) for outcome in ("bad_request", "authentication", "billing", "spend_cap", "too_large")),
        *((outcome, False) for outcome in ("refusal", "empty", "no_answer", "queue_full", "queue_timeout", "cancelled")),
    ],
)  # fmt: skip
def test_only_what_another_model_may_not_have_leads_to_one(outcome: str, goes_on: bool) -> None:
    def found(**more: bool) -> bool:
        known = {"text_shown": False, **more}
        return (
            onward(rungs=RUNGS, first="sonnet", failed="sonnet", outcome=outcome, tried=["sonnet"], **known)  # type: ignore[arg-type]
            is not None
        )

    assert found() == goes_on
    assert not found(text_shown=True), "what a reader has read stays"
    assert not found(allowed=False)


def test_the_reason_is_a_sentence_about_the_model_that_failed() -> None:
    found = onward(
        rungs=RUNGS, first="sonnet", failed="sonnet", outcome="timeout", tried=["sonnet"], text_shown=False
    )
    assert found is not None
    assert (found.rung, found.reason) == (Rung(model="opus", tier="complex"), "sonnet does not answer")
    assert WORDS.keys() == ELSEWHERE


def test_models_too_small_for_the_usual_answer_are_asked_for_a_shorter_one_at_last() -> None:
    candidates = (
        Candidate(tier="simple", model_id="haiku", admissible=False, why="takes at most 5 tokens"),
        Candidate(tier="standard", model_id="sonnet"),
        Candidate(tier="complex", model_id="opus", admissible=False, why="takes at most 7 tokens"),
    )
    route = Route(model_id="sonnet", tier="standard", reason="r", candidates=candidates)
    small = cramped(route, TIERS, {"sonnet": "overloaded"})
    assert [rung.model for rung in small] == ["opus", "haiku"]
    assert [rung.model for rung in cramped(route, TIERS, {"opus": "overloaded"})] == ["sonnet", "haiku"]
    known = {"first": "sonnet", "failed": "sonnet", "outcome": "overloaded", "text_shown": False}

    def found(rungs: tuple[Rung, ...], tried: list[str], **more: object) -> tuple[str, bool] | None:
        one = onward(rungs=rungs, tried=tried, small=small, **{**known, **more})  # type: ignore[arg-type]
        return None if one is None else (one.rung.model, one.short)

    assert found(RUNGS, ["sonnet"]) == ("opus", False), "whoever has room for the usual answer comes first"
    assert found((), ["sonnet"]) == ("opus", True)
    assert found((), ["sonnet"], resting=["opus"]) == ("haiku", True)
    assert found((), ["sonnet"], outcome="bad_request") is None
    assert found((), ["sonnet"], allowed=False) is None
    own = found((), ["opus"], failed="opus", outcome="too_small", allowed=False)
    assert own == ("opus", True), "without fallback a model is still asked for a shorter answer itself"


def test_a_model_that_serves_several_tiers_is_asked_once() -> None:
    assert ladder(ROUTE, {"simple": "smol", "standard": "smol", "complex": "smol"}) == (
        Rung(model="smol", tier="simple"),
    )
    assert ladder(ROUTE, {"simple": "haiku", "standard": "opus", "complex": "opus"})[1].tier == "standard"


@pytest.mark.parametrize(
    ("pins", "models"),
    [
        (Pins(), ["haiku", "sonnet", "fable"]),
        (Pins(turn="complex"), ["haiku", "sonnet", "fable"]),
        (Pins(most="standard"), ["haiku", "sonnet"]),
        (Pins(exactly="standard"), ["sonnet"]),
    ],
)
def test_a_turn_stays_within_the_candidates_and_what_its_token_allows(pins: Pins, models: list[str]) -> None:
    candidates = (
        Candidate(tier="simple", model_id="haiku"),
        Candidate(tier="complex", model_id="fable"),
        Candidate(tier="complex", model_id="opus", admissible=False, why="its window is too small"),
        Candidate(tier="standard", model_id="sonnet"),
    )
    route = Route(model_id="sonnet", tier="standard", reason="r", candidates=candidates, pins=pins)
    assert [rung.model for rung in ladder(route, TIERS)] == models
