"""Errors as Anthropic's clients read them."""

from collections.abc import Mapping

from starlette.responses import JSONResponse, Response

from chat.api.middleware.request_context import error_headers
from chat.budgets.reservations import CallDoesNotFit, refusal
from chat.errors import PalaverError
from chat.protocols.anthropic.relay import error_type
from chat.upstream.failures import UpstreamFailure

TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}
STATUSES = {
    "overloaded_error": 529,
    "rate_limit_error": 429,
    "timeout_error": 504,
    "request_too_large": 413,
    "authentication_error": 401,
}
"""The status of a failure that came without one; of all others it is 502."""

OURS_ALONE = frozenset({401, 402, 403})  # what the provider says of this server's key is not for its users
PASSED = ("anthropic-ratelimit-", "anthropic-priority-", "anthropic-fast-")
PASSED_ALONE = frozenset({"request-id", "retry-after", "retry-after-ms", "x-should-retry"})


def passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    """Of the provider's headers, those that its clients act upon."""
    return {
        name: value
        for name, value in ((name.lower(), value) for name, value in headers.items())
        if name in PASSED_ALONE or name.startswith(PASSED)
    }


def anthropic_error(error: PalaverError, request_id: str) -> Response:
    """An error of ours."""
    kind = TYPES.get(error.status, "invalid_request_error" if error.status < 500 else "api_error")
    headers = {"request-id": request_id, **error_headers(error)}
    if error.status == 503:
        headers.pop("x-should-retry", None)  # nothing was sent: to ask again is safe
    return _response(error.status, kind, error.message, request_id, headers, code=error.code)


def upstream_error(failure: UpstreamFailure, request_id: str, now: int) -> Response:
    """A call that failed before its answer began: what the provider said, or what can be said instead. Raises OverBudget."""
    if isinstance(failure, CallDoesNotFit):
        error = refusal(failure.counter, now)
        error.message = failure.details.message
        raise error
    headers = {"request-id": request_id, **passed_on(failure.headers)}
    is_json = failure.headers.get("content-type", "").startswith("application/json")
    if failure.status is not None and failure.status >= 400 and failure.status not in OURS_ALONE and is_json:
        return Response(failure.body, failure.status, headers, media_type="application/json")
    kind = error_type(failure.details)
    if failure.details.retry_after is not None:
        headers.setdefault("retry-after", str(max(1, round(failure.details.retry_after))))
    if not failure.details.retryable:
        headers["x-should-retry"] = "false"
    return _response(STATUSES.get(kind, 502), kind, failure.details.message, headers["request-id"], headers)


def _response(
    status: int, kind: str, message: str, request_id: str, headers: Mapping[str, str], **more: str
) -> Response:
    body = {
        "type": "error",
        "error": {"type": kind, "message": message, **more},
        "request_id": request_id,
    }
    return JSONResponse(body, status, dict(headers))
