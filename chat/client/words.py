"""The words of an answer, from a turn's events."""

from chat.client.errors import TurnCancelled, TurnFailed
from chat.stream import events


class Words:
    """Takes the events of a turn from the first on. Text of the answer alone, no reasoning and no tools."""

    def __init__(self) -> None:
        self._texts: set[str] = set()

    def add(self, event: events.TurnEvent, *, cancelled_here: bool) -> str:
        """The words of one event, or "". Raises TurnFailed, and TurnCancelled unless it was `cancelled_here`."""
        match event:
            case events.PartStarted(part_id=part_id, kind="text"):
                self._texts.add(part_id)
            case events.PartDelta(part_id=part_id, text=text) if part_id in self._texts:
                return text
            case events.TurnFailed(error=error, turn_id=turn_id):
                raise TurnFailed(error.message, code=error.code, retryable=error.retryable, turn_id=turn_id)
            case events.TurnCancelled(reason=reason, turn_id=turn_id) if not cancelled_here:
                raise TurnCancelled(reason=reason, turn_id=turn_id)
        return ""
