"""One call of a turn: send the planned request, and put what streams in into the answer."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from chat.calls.record import CallRecord, Size
from chat.stream.notes import QueueNote, UpstreamDisconnectNote
from chat.turns.turn_work import TurnWork
from chat.upstream import failures, retry
from chat.upstream.failures import UpstreamFailure
from chat.upstream.stream_decoder import BlockEnded, MessageStopped, TextDelta, ToolRequested
from context.planning.planned import Plan
from context.request.request import Round

USUAL_ANSWER = 500  # tokens of an answer in a thread that had none yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What one call came to: the provider's stop reason, the tools the model asked for, and the record of the call."""

    stop_reason: str
    tools: tuple[ToolRequested, ...]
    record: CallRecord


async def call_model(
    work: TurnWork, plan: Plan, rounds: Sequence[Round], retry_policy: retry.RetryPolicy
) -> Response:
    """Send the plan's request and stream the answer. `work.calls` has the record either way.

    Raises UpstreamFailure, and CallDoesNotFit before anything is sent.
    """
    caller, clock = work.runtime.caller, work.runtime.clock
    record = _record(work, plan, rounds)
    work.calls.append(record)
    stopped: MessageStopped | None = None
    tools: list[ToolRequested] = []
    async with caller.ask(
        record,
        work.body,
        also=work.recipe_write,
        longest_wait=None if retry_policy == retry.ALONE else retry_policy.longest_wait,
        on_position=partial(_queued, work),
        on_opened=work.recipe_stored,
    ) as reads:
        async for events in reads:
            for event in events:
                match event:
                    case TextDelta():
                        record.received(event.text, clock.monotonic(), kind=event.kind)
                        work.answer_builder.add(event.kind, event.text)
                    case BlockEnded():
                        work.answer_builder.end_part()
                    case ToolRequested():
                        tools.append(event)
                    case MessageStopped():
                        stopped = event
                    case _:
                        pass
            await work.journal.wait_to_read()
        work.answer_builder.end_part()
        if record.call.disconnect is not None:
            work.journal.note(UpstreamDisconnectNote(ending=record.call.disconnect))
        if stopped is None:
            raise UpstreamFailure(failures.UNFINISHED)
        record.end("refusal" if stopped.reason == "refusal" else "ok", clock.monotonic())
    return Response(stop_reason=stopped.reason, tools=tuple(tools), record=record)


def _record(work: TurnWork, plan: Plan, rounds: Sequence[Round]) -> CallRecord:
    """The call that is about to be made, with its size."""
    grown, most_grown = work.planning.grown(plan, rounds)
    return work.runtime.caller.record(
        work.call_context,
        model=plan.recipe.model,
        tier=plan.route.tier,
        size=Size(
            prompt=plan.estimate.total + grown,
            bound=plan.bound + most_grown,
            output=plan.recipe.max_tokens,
            fresh=plan.estimated_usage.prompt - plan.estimated_usage.cache_read + grown,
            answer=plan.estimated_usage.output or USUAL_ANSWER,
        ),
        attempt=work.sent + 1,
        again=plan.route.tier in work.counted_tiers,
    )


def _queued(work: TurnWork, position: int) -> None:
    """Tell the reader the queue position. What the journal cannot store is raised to the turn at its next text."""
    with suppress(Exception):
        work.journal.note(QueueNote(position=position))
