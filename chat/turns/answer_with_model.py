"""Answer a turn with one model: plan the request with this model's cache state, announce the route, and run the tool loop."""

from dataclasses import replace

from chat.stream.notes import FallbackNote, RouteNote
from chat.turns.outcome import Completed, Unanswered
from chat.turns.tool_loop import tool_loop
from chat.turns.turn_work import TurnWork
from chat.upstream import failures, retry
from context.limits.model_sequence import ModelSequence
from context.request.window import MessageTooLarge
from context.routing.choice import Route


async def answer_with_model(
    work: TurnWork, models: ModelSequence, retry_policy: retry.RetryPolicy
) -> tuple[Completed | Unanswered, Route]:
    """How the answer of the sequence's model ended; and the route that was taken, for a budget may have led to a cheaper model."""
    route = models.route
    model = work.runtime.deployment.models[route.model_id]
    work.tried = models.tried
    try:
        plan = await work.planning.plan(route, short=models.short)
    except MessageTooLarge as problem:
        message = f"{str(problem)[0].upper()}{str(problem)[1:]}."
        return Unanswered(trouble=replace(failures.TOO_SMALL, message=message)), route
    await work.use_plan(plan)
    if models.moved_from is not None and models.moved_from != model.id:
        work.journal.note(
            FallbackNote(
                from_=models.moved_from,
                to=model.id,
                reason="; ".join(models.reasons),
                asked=work.turn.requested_model,  # whoever chose a model is told that another answers
            )
        )
    work.journal.note(RouteNote(model=model.id, label=model.label, tier=route.tier, reason=route.reason))
    return await tool_loop(work, plan, retry_policy)
