"""Events made from a turn's stored answer, for a reader whose events were deleted before he had all of them."""

from collections.abc import Iterator
from typing import Literal

from chat.client.shapes import Part, TurnInfo
from chat.stream import events

REST = "rest"  # id of the part with the text that a reader lacks


def missing_events(turn: TurnInfo, last: int, characters: int) -> Iterator[events.TurnEvent]:
    """What a reader lacks who began at the first event. `last`: the number of his last event, `characters`: of text so far.

    Only the terminal event has its number; the others have 0.
    """
    if last == 0:
        yield events.TurnStarted(
            turn_id=turn.id,
            protocol=events.PROTOCOL,
            thread_id=turn.thread_id,
            message_id=turn.message_id,
            user_message_id=turn.user_message_id,
            created_at=turn.created_at,
        )
        for number, part in enumerate(turn.message.parts, start=1):
            yield from _part(turn.id, f"part_{number}", part)
    elif rest := turn.message.text[characters:]:
        yield from _part(turn.id, REST, Part(type="text", text=rest))
    yield _end(turn)


def _part(turn_id: str, part_id: str, part: Part) -> Iterator[events.TurnEvent]:
    yield events.PartStarted(
        turn_id=turn_id, part_id=part_id, kind=part.type, name=part.name, input=part.input
    )
    if part.text:
        yield events.PartDelta(turn_id=turn_id, part_id=part_id, text=part.text)
    yield events.PartEnded(turn_id=turn_id, part_id=part_id, seconds=part.seconds, result=part.result)


def _end(turn: TurnInfo) -> events.TurnEvent:
    if turn.status == "failed":
        error = turn.error or events.TurnError(code="internal", message="the turn failed", retryable=False)
        return events.TurnFailed(seq=turn.last_seq, turn_id=turn.id, error=error, usage=turn.usage)
    if turn.status == "cancelled":
        return events.TurnCancelled(seq=turn.last_seq, turn_id=turn.id, usage=turn.usage)
    usage = turn.usage or events.TokenUsage(input_tokens=0, output_tokens=0, total_tokens=0)
    return events.TurnCompleted(
        seq=turn.last_seq, turn_id=turn.id, finish_reason=_reason(turn.message.finish_reason), usage=usage
    )


def _reason(stored: str | None) -> Literal["stop", "length", "tool_calls"]:
    match stored:
        case "length" | "tool_calls":
            return stored
        case _:
            return "stop"
