"""Every error a client can meet, with its status and code.

PalaverError
├── BadRequest          400 bad_request          a field is wrong; `param` names it
├── Unauthorized        401 unauthorized
├── Forbidden           403 forbidden            only for tokens with admin rights
├── OverBudget
│   ├── BudgetSpent     402 budget_exceeded      money is used up; `budget` says which budget, and when it resets
│   └── BudgetUsedUp    429 budget_exceeded      the same for tokens and requests
├── NotFound            404 not_found            unknown, or somebody else's
├── ModelNotFound       404 model_not_found
├── MethodNotAllowed    405 method_not_allowed
├── RequestTimeout      408 request_timeout      the body did not arrive in time
├── ThreadBusy          409 thread_busy          the thread has a running turn
├── IdTaken             409 id_taken             a message of that id exists
├── LogGone             410 log_gone             the turn's event log is no longer kept
├── TooLarge            413 too_large            the body
├── ContextTooLong      413 context_too_long     the message alone does not fit the model
├── UnsupportedMedia    415 unsupported_media
├── KeyReused           422 idempotency_key_reused
├── RateLimited         429 rate_limited         too much from one address
├── Internal            500 internal
├── Unavailable         503 unavailable          shutting down, no place in the queue, or the database does not answer
└── StorageFull         507 storage_full
"""

from dataclasses import dataclass
from typing import ClassVar


class PalaverError(Exception):
    """Something a client is told. `retryable` says whether the very same request may succeed later."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    type: ClassVar[str] = "server_error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, param: str | None = None, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after = retry_after


class BadRequest(PalaverError):
    """A field of the request is missing or wrong."""

    status, code, type = 400, "bad_request", "invalid_request_error"


class Unauthorized(PalaverError):
    """No token, or not the right one."""

    status, code, type = 401, "unauthorized", "authentication_error"


class Forbidden(PalaverError):
    """The token is good, but not for this."""

    status, code, type = 403, "forbidden", "permission_error"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpentBudget:
    """The budget that stands in the way. `resets_at` in RFC 3339; no figures, for they may be other people's."""

    scope: str
    unit: str
    period: str
    resets_at: str


class OverBudget(PalaverError):
    """A budget has no room for what was wanted; nothing was stored."""

    status, code, type, retryable = 429, "budget_exceeded", "rate_limit_error", True

    def __init__(self, message: str, *, retry_after: int, budget: SpentBudget) -> None:
        super().__init__(message, retry_after=retry_after)
        self.budget = budget


class BudgetSpent(OverBudget):
    """The money is used up."""

    status, type = 402, "billing_error"


class BudgetUsedUp(OverBudget):
    """The tokens or requests are used up."""


class NotFound(PalaverError):
    """There is no such object, or it is somebody else's: the answer is the same."""

    status, code, type = 404, "not_found", "invalid_request_error"


class ModelNotFound(PalaverError):
    """The turn asks for a model that is not offered here."""

    status, code, type = 404, "model_not_found", "invalid_request_error"


class MethodNotAllowed(PalaverError):
    """The route exists, but not with this method."""

    status, code, type = 405, "method_not_allowed", "invalid_request_error"


class RequestTimeout(PalaverError):
    """The body did not arrive in time."""

    status, code, type, retryable = 408, "request_timeout", "invalid_request_error", True


class ThreadBusy(PalaverError):
    """The thread has a running turn."""

    status, code, type, retryable = 409, "thread_busy", "invalid_request_error", True


class IdConflict(PalaverError):
    """An object of that id exists already."""

    status, code, type = 409, "id_taken", "invalid_request_error"


class LogExpired(PalaverError):
    """The turn's event log is no longer kept; the turn itself still tells its outcome."""

    status, code, type = 410, "log_gone", "invalid_request_error"


class TooLarge(PalaverError):
    """The request body is larger than allowed."""

    status, code, type = 413, "too_large", "invalid_request_error"


class ContextTooLong(PalaverError):
    """The new message alone does not fit the model's prompt."""

    status, code, type = 413, "context_too_long", "invalid_request_error"


class UnsupportedMedia(PalaverError):
    """Bodies are JSON, and say so."""

    status, code, type = 415, "unsupported_media", "invalid_request_error"


class KeyReused(PalaverError):
    """The idempotency key was used for another request."""

    status, code, type = 422, "idempotency_key_reused", "invalid_request_error"


class RateLimited(PalaverError):
    """Too many requests from one address."""

    status, code, type, retryable = 429, "rate_limited", "rate_limit_error", True


class Internal(PalaverError):
    """Our fault; the log has the details under the request id."""


class Unavailable(PalaverError):
    """Shutting down, no place in the queue, or the database does not answer; nothing was changed."""

    status, code, retryable = 503, "unavailable", True


class StorageFull(PalaverError):
    """The disk is full: nothing was stored; reading still works."""

    status, code, retryable = 507, "storage_full", True
