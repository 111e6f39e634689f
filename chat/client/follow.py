"""Follow a turn's events through drops and restarts: each once, in order, until the terminal event."""

from collections.abc import Generator
from typing import Any

import msgspec

from chat.client.api import Api
from chat.client.errors import UNEXPECTED, ApiError
from chat.client.retries import Attempts, error_of
from chat.client.steps import Close, Deliver, Lost, Next, Open, Pause, Received, Reply, Step, Stream
from chat.client.stored_answer import missing_events
from chat.stream import events, notes

TERMINAL = (events.TurnCompleted, events.TurnFailed, events.TurnCancelled)
KNOWN = frozenset(str(kind.__struct_config__.tag) for kind in events.TurnEvent.__args__)


class Cursor:
    """Where a reader is: the number of the last event, and how much of each part there was."""

    def __init__(self, after: int) -> None:
        self.last = self.first = after
        self.ended = False
        self.texts: dict[str, int] = {}
        """Characters of each text part so far."""

    def accept(self, data: str) -> events.TurnEvent | None:
        """The event in `data` if it is the next one; None if it came before, or its type is unknown.

        Raises LookupError when events are missing before it, and ApiError for what is no event.
        """
        event = _decode(data)
        if event.seq <= self.last:
            return None
        if event.seq > self.last + 1:
            raise LookupError
        self.last = event.seq
        if isinstance(event, _Unknown):
            return None
        self._count(event)
        self.ended = isinstance(event, TERMINAL)
        return event

    def _count(self, event: events.TurnEvent) -> None:
        match event:
            case events.PartStarted(part_id=part_id, kind="text"):
                self.texts[part_id] = 0
            case events.PartDelta(part_id=part_id, text=text) if part_id in self.texts:
                self.texts[part_id] += len(text)
            case events.Note():
                note = notes.from_event(event)
                if isinstance(note, notes.DiscardNote):
                    for part_id in note.part_ids:
                        self.texts.pop(part_id, None)


class _Unknown(msgspec.Struct, frozen=True):
    """What all events have, also those of a newer server."""

    type: str
    seq: int


def _decode(data: str) -> events.TurnEvent | _Unknown:
    try:
        return events.decode(data)
    except msgspec.DecodeError as problem:
        try:
            unknown = msgspec.json.decode(data, type=_Unknown)
        except msgspec.DecodeError:
            unknown = None
        if unknown is None or unknown.type in KNOWN:
            message = f"the stream is none of Palaver's, or of a version this client cannot read: {problem}"
            raise ApiError(message, status=200, code=UNEXPECTED) from problem
        return unknown


def follow(api: Api, turn_id: str, after: int) -> Stream:
    """Deliver the events of a turn that come after a cursor. Raises ApiError and ConnectionLost.

    If the log was deleted meanwhile, or before, what is missing is made from the stored answer; its events have no numbers.
    """
    cursor, attempts = Cursor(after), api.stream_attempts()
    while not cursor.ended:
        request = api.request(
            "GET",
            f"/api/turns/{turn_id}/events",
            params={"after": str(cursor.last)},
            headers={"accept": "text/event-stream"},
        )
        outcome: Reply | Lost = yield Open(request, api.retries.silence)
        if isinstance(outcome, Reply):
            if outcome.status == 204:
                return
            if outcome.status == 410:
                if cursor.first:  # what came before is unknown here
                    raise error_of(outcome)
                turn = yield from api.get_turn(turn_id)
                for event in missing_events(turn, cursor.last, sum(cursor.texts.values())):
                    yield Deliver(event)
                return
            if outcome.status == 200:
                outcome = yield from _read(cursor, attempts)
        if not cursor.ended:
            yield Pause(attempts.pause_after(outcome))


def _read(cursor: Cursor, attempts: Attempts) -> Generator[Step | Deliver, Any, Lost]:
    """Deliver what the open stream has. Returns how it ended."""
    while not cursor.ended:
        received: Received | Lost | None = yield Next()
        if not isinstance(received, Received):
            return received or Lost()
        attempts.hear(received.retry)
        if not received.data:
            continue
        try:
            event = cursor.accept(received.data)
        except LookupError:
            break
        attempts.reset()
        if event is not None:
            yield Deliver(event)
    yield Close()
    return Lost()
