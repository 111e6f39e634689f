"""The tool loop: call the model, run the tools it asks for, and call it again with their results, until it has answered."""

from collections.abc import Sequence
from dataclasses import replace

from chat.stream.events import FinishReason
from chat.stream.notes import RetryNote
from chat.turns.call_model import Response
from chat.turns.call_with_retries import call_with_retries
from chat.turns.outcome import Completed, Unanswered
from chat.turns.turn_work import TurnWork
from chat.upstream import failures, retry
from context.planning.planned import Plan
from context.request.recipe import HEADINGS
from context.request.request import Round
from context.request.tools import SEARCH
from context.routing.choice import Route

MAX_ROUNDS = 4  # times a model may ask for tools in one turn
MAX_QUERY = 1_000  # characters of a search

FINISH: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
}
"""The provider's stop reasons as finish reasons of an answer."""


async def tool_loop(
    work: TurnWork, plan: Plan, retry_policy: retry.RetryPolicy
) -> tuple[Completed | Unanswered, Route]:
    """How the model's answer ended, and the route of the plan that was sent last.

    The ledger row of a call that did not complete the turn is written at once, so that the next call can use what it had reserved of
    the budgets; the row of the completing call is written by `finish`.
    """
    rounds: list[Round] = []
    limit_raised = False
    while True:
        parts = len(work.answer_builder.parts)
        plan, response = await call_with_retries(work, plan, rounds, retry_policy)
        if isinstance(response, Unanswered):
            return response, plan.route
        if response.stop_reason == "refusal":
            await work.write_ledger_row(response.record)
            return Unanswered(trouble=failures.REFUSED, refused=True), plan.route
        if response.stop_reason == "tool_use" and response.tools and len(rounds) < MAX_ROUNDS:
            # Before its tools: a tool part in the log says that the text before it is in the ledger.
            await work.write_ledger_row(response.record)
            rounds.append(await _use_tools(work, plan, response, last=len(rounds) == MAX_ROUNDS - 1))
            await work.use_plan(plan, rounds)
            continue
        if _answered(work, response):
            return Completed(finish_reason=FINISH.get(response.stop_reason, "stop")), plan.route
        await work.write_ledger_row(response.record)
        if response.stop_reason != "max_tokens":
            return Unanswered(trouble=failures.EMPTY), plan.route
        larger = _larger_limit(work, plan, rounds)
        if limit_raised or larger <= plan.recipe.max_tokens:
            return Unanswered(trouble=failures.NO_ANSWER), plan.route
        limit_raised = True
        work.answer_builder.discard(parts)
        plan = replace(plan, recipe=replace(plan.recipe, max_tokens=larger))
        await work.use_plan(plan, rounds)
        work.journal.note(RetryNote(attempt=work.sent + 1, delay=0, reason=failures.NO_ANSWER.outcome))


def _answered(work: TurnWork, response: Response) -> bool:
    """Whether the reader has an answer. One that is continued may have been complete already."""
    builder = work.answer_builder
    return builder.has_text or (builder.resumed and response.stop_reason in ("end_turn", "stop_sequence"))


def _larger_limit(work: TurnWork, plan: Plan, rounds: Sequence[Round]) -> int:
    """Twice the output limit, as far as the model and its window have room for it. Tokens."""
    model = work.runtime.deployment.models[plan.recipe.model]
    left = model.context_window - plan.bound - work.planning.grown(plan, rounds)[1]
    return min(plan.recipe.max_tokens * 2, model.max_output, left)


async def _use_tools(work: TurnWork, plan: Plan, response: Response, *, last: bool) -> Round:
    """The model's message, and the results of the tools it asked for. `last`: it may not ask again."""
    results = []
    for request in response.tools:
        query = str(request.input.get("query", "")).strip()[:MAX_QUERY]
        blocks = (
            (await work.planning.search(plan.recipe.model, query)).blocks
            if request.name == SEARCH and query
            else ()
        )
        work.answer_builder.tool(request.name, query, sum(1 for block in blocks if block.id not in HEADINGS))
        text = "\n\n".join(block.text for block in blocks) or "No older message matches."
        if last:
            text += "\n\nAnswer now with what you have."
        results.append({"type": "tool_result", "tool_use_id": request.id, "content": text})
    return {"assistant": response.record.call.decoder.blocks, "results": results}
