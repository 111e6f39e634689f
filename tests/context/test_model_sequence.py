"""Which model a turn asks next: events in, the next model or the end out, with the reason."""

from dataclasses import dataclass, replace

import pytest

from context.limits.model_sequence import AskNext, End, ModelFailed, ModelSequence
from context.models.catalog import Tier
from context.routing.candidates import Candidate
from context.routing.choice import By, Pins, Route

TIERS: dict[Tier, str] = {"simple": "haiku", "standard": "sonnet", "complex": "opus"}
LABELS: dict[str, Tier] = {model: tier for tier, model in TIERS.items()}


def route(model: str = "sonnet", *, by: By = "score", too_small: str = "", pins: Pins = Pins()) -> Route:  # noqa: B008 - frozen
    """A route to a model; `too_small` names those that were left out for their windows."""
    candidates = tuple(
        Candidate(tier=tier, model_id=name, admissible=name not in too_small.split(), price=1)
        for tier, name in TIERS.items()
    )
    return Route(model_id=model, tier=LABELS[model], reason="r", by=by, candidates=candidates, pins=pins)


def start(model: str = "sonnet", **more: object) -> ModelSequence:
    return ModelSequence.start(route(model, **more), TIERS)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Moved:
    """A budget led to a cheaper model."""

    model: str


def run(models: ModelSequence, *happened: str | Moved | ModelFailed) -> AskNext | End:
    """The last step: an outcome fails the present model, `Moved` puts another in its place."""
    step: AskNext | End | None = None
    for what in happened:
        if isinstance(what, Moved):
            cheaper = replace(models.route, model_id=what.model, tier=LABELS[what.model], by="budget")
            models = models.moved_by_budget(cheaper)
            continue
        step = models.after_failure(ModelFailed(outcome=what) if isinstance(what, str) else what)
        models = step.models
    assert step is not None
    return step


@pytest.mark.parametrize(
    ("models", "happened", "expected"),
    [
        # fallback: nearest tier, upward first, each model once
        (start(), ["overloaded"], ("fallback", "opus", "sonnet is overloaded")),
        (start(), ["overloaded", "timeout"], ("fallback", "haiku", "opus does not answer")),
        (start(), ["overloaded", "timeout", "rate_limited"], "no_model_left"),
        (start("haiku"), ["overloaded"], ("fallback", "sonnet", "haiku is overloaded")),
        (start(), ["bad_request"], "same_everywhere"),
        (start(), ["queue_timeout"], "same_everywhere"),
        (start(), [ModelFailed(outcome="overloaded", text_shown=True)], "text_shown"),
        (
            start(),
            [ModelFailed(outcome="overloaded", open_breakers={"opus"})],
            ("fallback", "haiku", "sonnet is overloaded"),
        ),
        (replace(start(), fallback=False), ["overloaded"], "no_model_left"),
        # cascade: one tier up, once, and nothing weaker after it
        (start(), ["refusal"], ("cascade", "opus", "the answer was refused")),
        (start("haiku"), ["no_answer"], ("cascade", "sonnet", "the answer was cut before its first word")),
        (start("haiku"), ["refusal", "refusal"], "same_everywhere"),
        (start("haiku"), ["refusal", "overloaded"], ("fallback", "opus", "sonnet is overloaded")),
        (start("haiku"), ["refusal", "overloaded", "overloaded"], "no_model_left"),
        (start(), ["overloaded", "refusal"], "same_everywhere"),
        (start("opus"), ["refusal"], "same_everywhere"),
        (start(by="turn"), ["refusal"], "same_everywhere"),
        (replace(start(), cascade=False), ["refusal"], "same_everywhere"),
        (start(), [ModelFailed(outcome="refusal", text_shown=True)], "text_shown"),
        # a budget moved the turn: what failed is the cheaper model, and no better one is asked for quality
        (start(), [Moved("haiku"), "overloaded"], ("fallback", "sonnet", "haiku is overloaded")),
        (start(), [Moved("haiku"), "refusal"], "same_everywhere"),
        # too small for the message: passed over, then asked for a shorter answer, the best first
        (
            start(too_small="haiku opus"),
            ["overloaded"],
            ("shorter", "opus", "sonnet is overloaded; opus has room for a shorter answer only"),
        ),
        (
            start(too_small="haiku opus"),
            ["overloaded", "timeout"],
            ("shorter", "haiku", "opus does not answer; haiku has room for a shorter answer only"),
        ),
        (start(too_small="haiku opus"), ["overloaded", "timeout", "timeout"], "no_model_left"),
        (
            replace(start(), fallback=False),
            ["too_small"],
            (
                "shorter",
                "sonnet",
                "sonnet has too small a window for this message; sonnet has room for a shorter answer only",
            ),
        ),
        (replace(start(), fallback=False), ["too_small", "too_small"], "no_model_left"),
        # the operator's bound on the token holds
        (start(pins=Pins(most="standard")), ["overloaded"], ("fallback", "haiku", "sonnet is overloaded")),
        (start(pins=Pins(exactly="standard")), ["overloaded"], "no_model_left"),
    ],
)
def test_what_happens_leads_to_the_next_model_or_to_the_end(
    models: ModelSequence, happened: list[str | Moved | ModelFailed], expected: tuple[str, str, str] | str
) -> None:
    step = run(models, *happened)
    if isinstance(step, End):
        assert step.reason == expected
    else:
        assert (step.by, step.models.route.model_id, step.reason) == expected


def test_a_model_that_was_passed_over_keeps_the_move_one_step() -> None:
    """Nobody asked the model that was too small, so the reader is told one move with both reasons."""
    step = run(start(), "overloaded", "too_small")
    assert isinstance(step, AskNext)
    assert (step.models.moved_from, step.models.route.model_id) == ("sonnet", "haiku")
    assert step.models.route.reason == ("sonnet is overloaded; opus has too small a window for this message")
    assert step.models.route.by == "fallback"
    next_step = run(start(), "overloaded", "timeout")
    assert (next_step.models.moved_from, next_step.models.reasons) == ("opus", ("opus does not answer",))


def test_a_model_that_is_asked_again_ended_last() -> None:
    step = run(replace(start(), fallback=False), "too_small", "overloaded")
    assert list(step.models.tried.items()) == [("sonnet", "overloaded")]
    step = run(start(), "too_small", "too_small", "too_small", "overloaded")
    assert [*step.models.tried] == ["sonnet", "haiku", "opus"]
    assert step.models.short


def test_what_was_decided_stays_as_it_was() -> None:
    before = start()
    before.after_failure(ModelFailed(outcome="overloaded"))
    assert before == start()


@pytest.mark.parametrize(
    ("models", "open_breakers", "alternative"),
    [
        (start(), "", True),
        (start(), "haiku opus", False),
        (start(pins=Pins(exactly="standard")), "", False),
        (replace(start(), fallback=False), "", False),
        (run(start(), "overloaded", "overloaded").models, "", True),
        (run(start("haiku"), "too_small", "too_small").models, "", False),
        (replace(run(start(), "refusal").models, fallback=False), "", False),
    ],
)
def test_a_model_is_waited_for_less_where_another_can_answer_or_one_was_waited_for(
    models: ModelSequence, open_breakers: str, alternative: bool
) -> None:
    assert models.has_alternative(open_breakers.split()) == alternative
