"""When a request is repeated, and after which pause: growing pauses, half of each by chance, and an end."""

from dataclasses import dataclass

import msgspec

from chat.client.errors import UNEXPECTED, ApiError, ConnectionLost
from chat.client.steps import Lost, Reply
from chat.clock import Clock

GATEWAY = frozenset({408, 429, 502, 503, 504})  # what proxies answer while a server is away
# A repeat within seconds helps none of these, or costs too much.
NOT_REPEATED = frozenset({"budget_exceeded", "query_timeout", "storage_full"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How persistent the client is. Pauses are in seconds, and double from `first_pause` to `longest_pause`.

    `requests`: how often a request is sent at most. `streams`: how often a stream is opened without receiving anything new.
    `longest_retry_after`: the longest `Retry-After` that is waited for. `silence`: how long a stream may say nothing; the server
    sends a comment every 15 seconds.
    """

    requests: int = 5
    streams: int = 10
    first_pause: float = 0.5
    longest_pause: float = 20.0
    longest_retry_after: float = 60.0
    silence: float = 45.0


class Attempts:
    """Counts the attempts of one request, or those of a stream since its last event."""

    def __init__(self, retries: Retries, most: int, clock: Clock) -> None:
        self._retries = retries
        self._most = most
        self._clock = clock
        self._first_pause = retries.first_pause
        self.failed = 0

    def reset(self) -> None:
        """Something new was received."""
        self.failed = 0

    def hear(self, retry: int | None) -> None:
        """The stream says how many milliseconds to wait before coming back: the first pause."""
        if retry is not None:
            self._first_pause = min(retry / 1000, self._retries.longest_pause)

    def pause_after(self, outcome: Reply | Lost) -> float:
        """Seconds to wait before the next attempt. Raises ApiError or ConnectionLost when there is none."""
        error = error_of(outcome) if isinstance(outcome, Reply) else None
        self.failed += 1
        if error is not None and not self._is_worth_repeating(error):
            raise error
        if self.failed >= self._most:
            if error is not None:
                raise error
            raise ConnectionLost(f"no answer in {self.failed} attempts") from (
                outcome.cause if isinstance(outcome, Lost) else None
            )
        pause = min(self._first_pause * 2.0 ** (self.failed - 1), self._retries.longest_pause)
        pause *= (1 + self._clock.chance()) / 2
        return max(pause, (error and error.retry_after) or 0.0)

    def _is_worth_repeating(self, error: ApiError) -> bool:
        if not error.retryable or error.code in NOT_REPEATED:
            return False
        if error.code == "thread_busy":  # with `Retry-After` it will pass by itself; without it, a turn runs
            return error.retry_after is not None
        return error.retry_after is None or error.retry_after <= self._retries.longest_retry_after


class _Error(msgspec.Struct, frozen=True, kw_only=True):
    message: str
    code: str
    param: str | None = None
    retryable: bool = False
    request_id: str | None = None
    budget: dict[str, object] | None = None


class _ErrorBody(msgspec.Struct, frozen=True):
    error: _Error


def error_of(reply: Reply) -> ApiError:
    """An answer that is no success, as an exception; also one of a proxy in front of the server."""
    try:
        error = msgspec.json.decode(reply.body, type=_ErrorBody).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        message = f"the answer is none of Palaver's: {reply.body[:200].decode('utf-8', 'replace')!r}"
        error = _Error(message=message, code=UNEXPECTED, retryable=reply.status in GATEWAY)
    return ApiError(
        error.message,
        status=reply.status,
        code=error.code,
        request_id=error.request_id or reply.headers.get("x-request-id"),
        param=error.param,
        retryable=error.retryable,
        retry_after=_seconds(reply.headers.get("retry-after")),
        budget=error.budget,
    )


def _seconds(retry_after: str | None) -> float | None:
    """`Retry-After` in seconds; a date counts as absent."""
    if retry_after is None or not retry_after.strip().isascii() or not retry_after.strip().isdigit():
        return None
    return float(retry_after)
