"""What can go wrong for a user of the client.

ClientError
├── ApiError         the server refused, or did not answer as it should: code, status, message, request id
├── ConnectionLost   no answer, however often it was tried; `__cause__` is the last failure of the connection
├── TurnFailed       the turn has no complete answer: code, message; the text before it stays in the thread
└── TurnCancelled    somebody else cancelled the turn
"""

from collections.abc import Mapping
from typing import Any

UNEXPECTED = "unexpected_answer"  # the code of an answer that is none of Palaver's


class ClientError(Exception):
    """Base class of all errors of the client."""


class ApiError(ClientError):
    """The server refused. `code` is one of the table of errors in `chat/api/README.md`, or `unexpected_answer`.

    `retryable`: the same request may succeed later, where the server says so in `retry_after` seconds. `param`: the field that is
    wrong. `budget`: the budget that refused, and when it resets.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str,
        request_id: str | None = None,
        param: str | None = None,
        retryable: bool = False,
        retry_after: float | None = None,
        budget: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{message} ({status} {code})")
        self.message = message
        self.status = status
        self.code = code
        self.request_id = request_id
        self.param = param
        self.retryable = retryable
        self.retry_after = retry_after
        self.budget = budget


class ConnectionLost(ClientError):
    """No connection to the server, or none that held. A turn that was accepted goes on: come back to it later."""


class TurnFailed(ClientError):
    """The turn ended without a complete answer. `code` is one of those under the table of errors in `chat/api/README.md`."""

    def __init__(self, message: str, *, code: str, retryable: bool, turn_id: str) -> None:
        super().__init__(f"{message} ({code})")
        self.message = message
        self.code = code
        self.retryable = retryable
        self.turn_id = turn_id


class TurnCancelled(ClientError):
    """Somebody cancelled the turn; whoever calls `cancel()` of the turn he reads does not get this."""

    def __init__(self, *, reason: str | None, turn_id: str) -> None:
        super().__init__("the turn was cancelled")
        self.reason = reason
        self.turn_id = turn_id
