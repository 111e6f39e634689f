"""Answer a turn: choose a model and, while none has answered, try the next one (fallback, cascade).

    try_models ............ one model after another, as `context.limits.model_sequence` decides   (this file)
    answer_with_model ..... one model: its plan and its answer
    tool_loop ............. its calls, with the results of the tools it asked for
    call_with_retries ..... one call, repeated while a repeat can help and none of its text was shown
    call_model ............ one call, streamed

The turn belongs to a task of the runner, never to a connection; the runner writes the outcome in one transaction.
"""

from collections.abc import Sequence
from dataclasses import replace

from chat.stream.notes import CascadeNote
from chat.turns.answer_with_model import answer_with_model
from chat.turns.choose_model import choose_model
from chat.turns.outcome import Completed, Outcome, Unanswered
from chat.turns.turn_work import TurnWork
from chat.upstream import failures, retry
from context.limits.model_sequence import End, ModelFailed, ModelSequence


async def try_models(work: TurnWork) -> Outcome:
    """The outcome of a turn that nobody stops. Raises only what nobody expects."""
    deployment, admission = work.runtime.deployment, work.runtime.caller.admission
    await work.planning.load_snapshot()
    route = await choose_model(
        work.planning, work.turn_request, replace(work.call_context, purpose="classify")
    )
    models = ModelSequence.start(
        route, deployment.tiers, fallback=deployment.fallback, cascade=deployment.cascade
    )
    ends: dict[str, Unanswered] = {}
    while True:
        retry_policy = retry.WITH_OTHERS if models.has_alternative(admission.open_breakers()) else retry.ALONE
        work.answer_builder.discard()  # the reasoning of a model that gave no answer
        end, route = await answer_with_model(work, models, retry_policy)
        if isinstance(end, Completed):
            return end
        ends.pop(
            route.model_id, None
        )  # asked again, for a shorter answer: its new end is the latest, and `most_telling` reads them in order
        ends[route.model_id] = end
        step = models.moved_by_budget(route).after_failure(
            ModelFailed(
                outcome=end.trouble.outcome,
                text_shown=work.answer_builder.has_text,
                open_breakers=admission.open_breakers(),
            )
        )
        if isinstance(step, End):
            return most_telling(list(ends.values())).failed
        models = step.models
        if step.by == "cascade":
            higher = models.route
            work.journal.note(
                CascadeNote(from_=route.model_id, to=higher.model_id, tier=higher.tier, reason=step.reason)
            )


def most_telling(ends: Sequence[Unanswered]) -> Unanswered:
    """Which of several models' failures the reader is told: a refusal, else what a later try can mend, else the first."""
    if ends[-1].refused:
        return ends[-1]
    mendable = [end for end in ends if end.trouble.retryable]
    asked = [end for end in mendable if end.trouble.outcome != failures.BREAKER_OPEN.outcome]
    return (asked or mendable or list(ends))[0]
