"""One call of a turn, repeated while a repeat can help: never after its text was shown. Before each attempt it is fitted
to the budgets, which may also choose a cheaper model."""

from collections.abc import Sequence

from chat.budgets.reservations import CallDoesNotFit
from chat.stream.notes import RetryNote
from chat.turns.call_model import Response, call_model
from chat.turns.fit_budget import fit_budget
from chat.turns.outcome import Unanswered
from chat.turns.turn_work import TurnWork
from chat.upstream import retry
from chat.upstream.failures import FailureDetails, UpstreamFailure
from context.planning.planned import Plan
from context.request.request import Round

REFITS = 3  # times a call is made smaller because others reserved the room first


async def call_with_retries(
    work: TurnWork, plan: Plan, rounds: Sequence[Round], retry_policy: retry.RetryPolicy
) -> tuple[Plan, Response | Unanswered]:
    """The plan that was sent, which a budget may have made smaller, and the model's response; or why there is none."""
    attempt = refits = 0
    text_before, parts = work.answer_builder.text_length, len(work.answer_builder.parts)
    trouble: FailureDetails | None = None
    while True:
        attempt += 1
        try:
            plan = await fit_budget(work, plan, rounds)
            return plan, await call_model(work, plan, rounds, retry_policy)
        except CallDoesNotFit as failure:
            # Others may have reserved the room between the look and the call: look again, but not for ever.
            attempt, refits = attempt - 1, refits + 1
            if failure.final or refits > REFITS:
                return plan, Unanswered(trouble=failure.details)
        except UpstreamFailure as failure:
            work.answer_builder.end_part()
            record = work.calls[-1]
            if not record.opened and trouble is not None:
                # Admission refused the repeat: the failure before it says more than that the way is closed.
                return plan, Unanswered(trouble=trouble)
            trouble = failure.details
            if record.opened:
                await work.write_ledger_row(record)
            wait = retry.delay(
                trouble,
                attempt=attempt,
                text_shown=work.answer_builder.text_length > text_before,
                chance=work.runtime.clock.chance(),
                policy=retry_policy,
            )
            if wait is None:
                return plan, Unanswered(trouble=trouble)
            work.answer_builder.discard(parts)
            work.journal.note(RetryNote(attempt=work.sent + 1, delay=round(wait, 2), reason=trouble.outcome))
            await work.runtime.clock.sleep(wait)
