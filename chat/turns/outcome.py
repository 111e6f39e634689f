"""How a turn can end, and how one model's part in it can end."""

from dataclasses import dataclass

from chat.stream.events import FinishReason, TurnError
from chat.upstream.failures import FailureDetails


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """The answer is complete, or as long as it may be."""

    finish_reason: FinishReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The turn ends without a complete answer. `refused`: the text so far must not be kept."""

    error: TurnError
    refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """Somebody cancelled the turn."""

    reason: str


Outcome = Completed | Failed | Cancelled


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """One model gave no complete answer. `refused`: its text must not be kept."""

    trouble: FailureDetails
    refused: bool = False

    @property
    def failed(self) -> Failed:
        """The turn's end, when no other model answers."""
        trouble = self.trouble
        error = TurnError(code=trouble.code, message=trouble.message, retryable=trouble.retryable)
        return Failed(error=error, refused=self.refused)


INTERRUPTED = Failed(
    error=TurnError(
        code="interrupted", message="The server stopped before the answer was finished.", retryable=True
    )
)
TOOK_TOO_LONG = Failed(
    error=TurnError(
        code="upstream_timeout", message="The answer took longer than allowed here.", retryable=True
    )
)
INTERNAL_ERROR = Failed(
    error=TurnError(code="internal", message="Something went wrong on this server.", retryable=True)
)
