"""Who is asked when a model fails."""

import pytest

from context.limits.fallback import (
    ELSEWHERE,
    WORDS,
    FallbackCandidate,
    fallback_candidates,
    next_model,
    too_small_candidates,
)
from context.models.catalog import Tier
from context.routing.candidates import Candidate
from context.routing.choice import Pins, Route

TIERS: dict[Tier, str] = {"simple": "haiku", "standard": "sonnet", "complex": "opus"}
ROUTE = Route(model_id="sonnet", tier="standard", reason="r")
CANDIDATES = fallback_candidates(ROUTE, TIERS)


@pytest.mark.parametrize(
    ("first", "tried", "open_breakers", "model"),
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
    first: str, tried: str, open_breakers: str, model: str | None
) -> None:
    tried_models = tried.split()
    step = next_model(
        candidates=CANDIDATES,
        first=first,
        failed=tried_models[-1],
        outcome="overloaded",
        tried=tried_models,
        open_breakers=open_breakers.split(),
        text_shown=False,
    )
    assert (None if step is None else step.candidate.model) == model


@pytest.mark.parametrize(
    ("outcome", "goes_on"),
    [
        *((outcome, True) for outcome in sorted(ELSEWHERE)),
        *((outcome, False) for outcome in ("bad_request", "authentication", "billing", "spend_cap", "too_large")),
        *((outcome, False) for outcome in ("refusal", "empty", "no_answer", "queue_full", "queue_timeout", "cancelled")),
    ],
)  # fmt: skip
def test_only_what_another_model_may_not_have_leads_to_one(outcome: str, goes_on: bool) -> None:
    def has_next(**more: bool) -> bool:
        return (
            next_model(
                candidates=CANDIDATES,
                first="sonnet",
                failed="sonnet",
                outcome=outcome,
                tried=["sonnet"],
                text_shown=more.get("text_shown", False),
                allowed=more.get("allowed", True),
            )
            is not None
        )

    assert has_next() == goes_on
    assert not has_next(text_shown=True), "what a reader has read stays"
    assert not has_next(allowed=False)


def test_the_reason_is_a_sentence_about_the_model_that_failed() -> None:
    step = next_model(
        candidates=CANDIDATES,
        first="sonnet",
        failed="sonnet",
        outcome="timeout",
        tried=["sonnet"],
        text_shown=False,
    )
    assert step is not None
    assert (step.candidate, step.reason) == (
        FallbackCandidate(model="opus", tier="complex"),
        "sonnet does not answer",
    )
    assert WORDS.keys() == ELSEWHERE


def test_models_too_small_for_the_usual_answer_are_asked_for_a_shorter_one_at_last() -> None:
    candidates = (
        Candidate(tier="simple", model_id="haiku", admissible=False, why="takes at most 5 tokens"),
        Candidate(tier="standard", model_id="sonnet"),
        Candidate(tier="complex", model_id="opus", admissible=False, why="takes at most 7 tokens"),
    )
    route = Route(model_id="sonnet", tier="standard", reason="r", candidates=candidates)
    small = too_small_candidates(route, TIERS, {"sonnet": "overloaded"})
    assert [candidate.model for candidate in small] == ["opus", "haiku"]
    assert [candidate.model for candidate in too_small_candidates(route, TIERS, {"opus": "overloaded"})] == [
        "sonnet",
        "haiku",
    ]
    known = {"first": "sonnet", "failed": "sonnet", "outcome": "overloaded", "text_shown": False}

    def next_of(
        candidates: tuple[FallbackCandidate, ...], tried: list[str], **more: object
    ) -> tuple[str, bool] | None:
        step = next_model(candidates=candidates, tried=tried, small=small, **{**known, **more})  # type: ignore[arg-type]
        return None if step is None else (step.candidate.model, step.short)

    assert next_of(CANDIDATES, ["sonnet"]) == ("opus", False), (
        "whoever has room for the usual answer comes first"
    )
    assert next_of((), ["sonnet"]) == ("opus", True)
    assert next_of((), ["sonnet"], open_breakers=["opus"]) == ("haiku", True)
    assert next_of((), ["sonnet"], outcome="bad_request") is None
    assert next_of((), ["sonnet"], allowed=False) is None
    own = next_of((), ["opus"], failed="opus", outcome="too_small", allowed=False)
    assert own == ("opus", True), "without fallback a model is still asked for a shorter answer itself"


def test_a_model_that_serves_several_tiers_is_asked_once() -> None:
    assert fallback_candidates(ROUTE, {"simple": "smol", "standard": "smol", "complex": "smol"}) == (
        FallbackCandidate(model="smol", tier="simple"),
    )
    assert (
        fallback_candidates(ROUTE, {"simple": "haiku", "standard": "opus", "complex": "opus"})[1].tier
        == "standard"
    )


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
    assert [candidate.model for candidate in fallback_candidates(route, TIERS)] == models
