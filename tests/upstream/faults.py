"""Ways a call goes wrong, each a ready `Reply`. Names are what the caller would call the trouble."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.upstream.errors import ApiError, invalid, not_found, too_large
from tests.upstream.replies import BrokenEnding, Ending, HttpFault, NoResponse, Reply


def http_error(
    status: int,
    type: str,
    message: str,
    *,
    error_code: str | None = None,
    delay: float = 0.0,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Any error status, after `delay` seconds, with more headers."""
    error = ApiError(status=status, type=type, message=message, error_code=error_code, headers=headers)
    return Reply(fault=HttpFault(error=error, delay=delay))


def overloaded(*, should_retry: bool | None = None, delay: float = 0.0) -> Reply:
    """529."""
    return http_error(529, "overloaded_error", "Overloaded", delay=delay, headers=_should_retry(should_retry))


def rate_limited(
    retry_after: float | None = None, *, error_code: str | None = None, should_retry: bool | None = None
) -> Reply:
    """429, with or without `retry-after` seconds."""
    headers = _should_retry(should_retry)
    if retry_after is not None:
        headers["retry-after"] = f"{retry_after:g}"
    message = "This request would exceed your organization's rate limit. Please try again later."
    return http_error(429, "rate_limit_error", message, error_code=error_code, headers=headers)


def ramp_limited(retry_after: float = 10) -> Reply:
    """429 for growing too fast."""
    return rate_limited(retry_after, error_code="ramp_limit_exceeded")


def spend_cap() -> Reply:
    """429 that keeps failing until next month: an error code and no `retry-after`."""
    message = "Your organization has reached its monthly spend limit."
    return http_error(429, "rate_limit_error", message, error_code="enforced_spend_limit_reached")


def own_spend_limit() -> Reply:
    """400: the limit the customer set."""
    return Reply(fault=HttpFault(error=invalid("You have reached your specified API usage limits.")))


def server_error(*, should_retry: bool | None = None) -> Reply:
    """500."""
    return http_error(500, "api_error", "Internal server error", headers=_should_retry(should_retry))


def unavailable() -> Reply:
    """503."""
    return http_error(503, "api_error", "Service unavailable")


def gateway_timeout() -> Reply:
    """504."""
    return http_error(504, "timeout_error", "The request timed out")


def unauthorized() -> Reply:
    """401."""
    return http_error(401, "authentication_error", "invalid x-api-key")


def payment_required() -> Reply:
    """402."""
    return http_error(402, "billing_error", "Your credit balance is too low to access the Claude API.")


def forbidden() -> Reply:
    """403."""
    return http_error(403, "permission_error", "Your API key does not have permission to use this resource.")


def unknown_model(model: str = "claude-unknown") -> Reply:
    """404."""
    return Reply(fault=HttpFault(error=not_found(f"model: {model}")))


def request_too_large() -> Reply:
    """413."""
    return Reply(fault=HttpFault(error=too_large()))


def slow_headers(seconds: float, text: str | None = None) -> Reply:
    """A good reply whose status line takes its time."""
    return Reply(text=text, head_delay=seconds)


def no_response(delay: float = 0.0) -> Reply:
    """The connection is reset before the response begins."""
    return Reply(fault=NoResponse(delay=delay))


def reset_after(text: str = "") -> Reply:
    """TCP reset after this much text."""
    return Reply(text=text, fault=BrokenEnding(how="reset"))


def eof_after(text: str = "") -> Reply:
    """The connection closes inside the body after this much text."""
    return Reply(text=text, fault=BrokenEnding(how="eof"))


def error_event(after: str = "", type: str = "overloaded_error", message: str = "Overloaded") -> Reply:
    """An `error` event inside a 200 stream."""
    status = {"overloaded_error": 529, "rate_limit_error": 429, "invalid_request_error": 400}.get(type, 500)
    error = ApiError(status=status, type=type, message=message)
    return Reply(text=after, fault=BrokenEnding(how="error", error=error))


def silence(after: str = "", seconds: float | None = None, ping_every: float | None = None) -> Reply:
    """Nothing more is said after this text; with `ping_every` the line is kept alive meanwhile."""
    return Reply(text=after, ping_every=ping_every, fault=BrokenEnding(how="silence", seconds=seconds))


def no_message_stop(after: str = "") -> Reply:
    """The body ends cleanly, but without `message_delta` and `message_stop`."""
    return Reply(text=after, fault=BrokenEnding(how="no_message_stop"))


def cut_end(after: str = "All of it", how: Ending = "no_message_stop") -> Reply:
    """The answer is whole and counted; then the stream ends (or falls silent) without `message_stop`."""
    error = ApiError(status=529, type="overloaded_error", message="Overloaded")
    return Reply(text=after, fault=BrokenEnding(how=how, late=True, error=error))


def garbled(after: str = "") -> Reply:
    """After this text comes an event that is no JSON."""
    return Reply(text=after, fault=BrokenEnding(how="garbled"))


def refusal(before: bool = False, after: str = "", category: str | None = "general_harms") -> Reply:
    """A classifier refusal: before any output (unbilled), or after this text (billed; to be discarded)."""
    details = {"type": "refusal", "category": category, "explanation": None}
    silent = before or not after
    return Reply(
        text="" if silent else after,
        thinking="" if silent else None,
        stop_reason="refusal",
        stop_details=details,
        billed=not silent,
    )


def max_tokens_in_thinking(thinking: str = "Weighing it from every side") -> Reply:
    """All of `max_tokens` goes into thinking: no text at all."""
    return Reply(text="", thinking=thinking, stop_reason="max_tokens")


def max_tokens(after: str) -> Reply:
    """The text is cut here."""
    return Reply(text=after, stop_reason="max_tokens")


def empty() -> Reply:
    """`end_turn` with no content."""
    return Reply(text="", thinking="")


def _should_retry(value: bool | None) -> dict[str, str]:
    return {} if value is None else {"x-should-retry": "true" if value else "false"}


BY_NAME: dict[str, Callable[..., Reply]] = {
    build.__name__: build
    for build in (
        overloaded, rate_limited, ramp_limited, spend_cap, own_spend_limit, server_error, unavailable,
        gateway_timeout, unauthorized, payment_required, forbidden, unknown_model, request_too_large, slow_headers,
        no_response, reset_after, eof_after, error_event, silence, no_message_stop, cut_end, garbled, refusal,
        max_tokens_in_thinking, max_tokens, empty, http_error,
    )
}  # fmt: skip
"""What `POST /sim/script` and chaos may name."""


def named(name: str, **options: Any) -> Reply:
    """The fault of that name; KeyError for an unknown one."""
    return BY_NAME[name](**options)
