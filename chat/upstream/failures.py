"""Map every upstream failure to one value: the error for the client, whether a retry can help, the outcome for the ledger.

Error types and statuses are those of the Claude API documentation, page "Errors"; spend limits those of its page "Rate limits". An
`error` event inside a 200 comes from our own parser (page "Streaming Messages", "Error events"). A reset or a timeout comes as an
exception of the SDK's HTTP library, not of the SDK. A stream that ends without `message_stop` raises nothing: the client finds out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import anthropic


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureDetails:
    """What went wrong. `repeat`: a retry of the same call can help; `retry_after` in seconds, where the provider named it.

    `code` and `message` are for the client; `outcome` is for the ledger; `retryable` tells the client whether trying again later
    makes sense.
    """

    code: str
    message: str
    outcome: str
    repeat: bool = False
    retryable: bool = True
    retry_after: float | None = None


class UpstreamFailure(Exception):
    """A call that failed. `status`, `headers` and `body` are those of the HTTP response, where one came."""

    def __init__(
        self,
        details: FailureDetails,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> None:
        super().__init__(details.outcome)
        self.details = details
        self.status = status
        self.headers = headers or {}
        self.body = body


OVERLOADED = FailureDetails(
    code="upstream_error", message="The model is overloaded at the moment.", outcome="overloaded", repeat=True
)
TIMED_OUT = FailureDetails(
    code="upstream_timeout", message="The model stopped answering.", outcome="timeout", repeat=True
)
CONNECTION_LOST = FailureDetails(
    code="upstream_error", message="The connection to the model broke off.", outcome="connection", repeat=True
)
UNFINISHED = FailureDetails(
    code="upstream_error",
    message="The model's answer ended before it was complete.",
    outcome="unfinished",
    repeat=True,
)
GARBLED = FailureDetails(
    code="upstream_error",
    message="The model's answer could not be understood.",
    outcome="garbled",
    repeat=True,
)
ENDLESS = FailureDetails(
    code="upstream_error",
    message="The model's answer was longer than any answer may be, and was cut there.",
    outcome="endless",
    retryable=False,
)
TOO_SMALL = FailureDetails(
    code="context_too_long", message="The message is too large.", outcome="too_small", retryable=False
)
NO_ANSWER = FailureDetails(
    code="upstream_error",
    message="The model used its whole output limit on thinking and wrote no answer.",
    outcome="no_answer",
)
EMPTY = FailureDetails(code="upstream_error", message="The model gave an empty answer.", outcome="empty")
REFUSED = FailureDetails(
    code="content_filtered",
    message="The provider's safety system stopped this answer.",
    outcome="refusal",
    retryable=False,
)
# Calls that were never sent (chat.upstream.admission). They leave no ledger row.
BREAKER_OPEN = FailureDetails(
    code="upstream_error",
    message="The model has kept failing and is not asked for a moment. Please try again soon.",
    outcome="breaker_open",
)
HELD = FailureDetails(
    code="rate_limited",
    message="The provider's rate limit is reached. Please try again later.",
    outcome="held",
)
QUEUE_FULL = FailureDetails(
    code="overloaded",
    message="Too many people are asking at the moment. Please try again.",
    outcome="queue_full",
)
QUEUE_TIMEOUT = FailureDetails(
    code="overloaded",
    message="There was no room for this question in time. Please try again.",
    outcome="queue_timeout",
)
SKIPPED = FailureDetails(code="overloaded", message="The call was not important enough.", outcome="skipped")

SPEND_CAP = FailureDetails(
    code="rate_limited",
    message="The provider's spend limit for this deployment is reached.",
    outcome="spend_cap",
    retryable=False,
)

_SPEND_CODES = {"enforced_spend_limit_reached", "contract_spend_limit_reached"}
_BY_TYPE = {
    "overloaded_error": OVERLOADED,
    "api_error": FailureDetails(
        code="upstream_error",
        message="The model's provider had an internal error.",
        outcome="server_error",
        repeat=True,
    ),
    "timeout_error": TIMED_OUT,
    "rate_limit_error": FailureDetails(
        code="rate_limited",
        message="The provider's rate limit is reached.",
        outcome="rate_limited",
        repeat=True,
    ),
    "authentication_error": FailureDetails(
        code="upstream_error",
        message="The provider did not accept this deployment's API key.",
        outcome="authentication",
        retryable=False,
    ),
    "permission_error": FailureDetails(
        code="upstream_error",
        message="This deployment's API key may not use this model.",
        outcome="permission",
        retryable=False,
    ),
    "billing_error": FailureDetails(
        code="upstream_error",
        message="The provider has a billing problem with this deployment's account.",
        outcome="billing",
        retryable=False,
    ),
    "not_found_error": FailureDetails(
        code="model_not_found",
        message="The provider does not know this model.",
        outcome="not_found",
        retryable=False,
    ),
    "request_too_large": FailureDetails(
        code="context_too_long",
        message="The conversation is too large to send.",
        outcome="too_large",
        retryable=False,
    ),
    # llama.cpp's own names, which the local model uses
    "exceed_context_size_error": FailureDetails(
        code="context_too_long",
        message="The conversation is longer than the model can read.",
        outcome="too_large",
        retryable=False,
    ),
    "invalid_request_error": FailureDetails(
        code="upstream_error",
        message="The provider rejected the request.",
        outcome="bad_request",
        retryable=False,
    ),
}
_BY_STATUS = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def from_error_event(error: dict[str, Any]) -> FailureDetails:
    """The failure an `error` event inside a stream reports."""
    return _BY_TYPE.get(str(error.get("type")), _BY_TYPE["api_error"])


def from_exception(failure: Exception) -> FailureDetails:
    """The failure behind an exception of the SDK, of its HTTP library, or of anything else on the way."""
    if isinstance(failure, UpstreamFailure):
        return failure.details
    if isinstance(failure, anthropic.APIStatusError):
        return _from_status(failure)
    if isinstance(failure, anthropic.APITimeoutError | TimeoutError) or "Timeout" in type(failure).__name__:
        return TIMED_OUT
    # Resets, refused connections, broken framing: their classes belong to whichever HTTP library the SDK uses.
    return CONNECTION_LOST


def _from_status(failure: anthropic.APIStatusError) -> FailureDetails:
    if failure.error_code in _SPEND_CODES:
        return SPEND_CAP
    known = _BY_TYPE.get(str(failure.type)) or _BY_TYPE.get(_BY_STATUS.get(failure.status_code, ""))
    if known is None:
        known = _BY_TYPE["api_error" if failure.status_code >= 500 else "invalid_request_error"]
    repeat = known.repeat and failure.response.headers.get("x-should-retry") != "false"
    return FailureDetails(
        code=known.code,
        message=known.message,
        outcome=known.outcome,
        repeat=repeat,
        retryable=known.retryable,
        retry_after=_seconds(failure.response.headers.get("retry-after")),
    )


def _seconds(header: str | None) -> float | None:
    """`retry-after` in seconds; a date or nonsense counts as absent."""
    try:
        seconds = float(header) if header is not None else None
    except ValueError:
        return None
    return seconds if seconds is not None and 0 <= seconds < 86_400 else None
