"""Every error an API client can get, with its HTTP status and code. * marks those that a retry can help.

PalaverError
├── BadRequest           400  bad_request             a field is missing or wrong; `param` names it
├── Unauthorized         401  unauthorized            no valid token
├── Forbidden            403  forbidden               no right to that, an unknown `Host`, or another origin's page
├── OverBudget           429  budget_exceeded       * `budget` names the budget and when it resets
│   ├── BudgetSpent      402  budget_exceeded       * a budget in USD has no room
│   └── BudgetUsedUp     429  budget_exceeded       * a budget of tokens or requests has no room
├── NotFound             404  not_found               unknown, or another user's
├── ModelNotFound        404  model_not_found         the turn names a model that is not offered
├── MethodNotAllowed     405  method_not_allowed
├── RequestTimeout       408  request_timeout       * the body did not arrive in time
├── ThreadBusy           409  thread_busy           * the thread has a running turn
├── IdConflict           409  id_taken                a message with that id exists
├── LogExpired           410  log_gone                the turn's event log was deleted
├── TooLarge             413  too_large               the body is over 1 MiB
├── ContextTooLong       413  context_too_long        the message alone does not fit the model
├── UnsupportedMedia     415  unsupported_media       the body is not plain application/json
├── KeyReused            422  idempotency_key_reused  the key came before with another body
├── RateLimited          429  rate_limited          * too many requests from one address
├── Internal             500  internal                a bug; the log has the traceback
├── Unavailable          503  unavailable           * shutting down, queue full, or no database
├── QueryTimeout         504  query_timeout         * a search or report took too long and was interrupted
└── StorageFull          507  storage_full          * the disk is full
"""

from dataclasses import dataclass
from typing import ClassVar


class PalaverError(Exception):
    """Base class. `retryable`: the same request may succeed later; `retry_after`: in how many seconds."""

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
    """The request carries no valid token."""

    status, code, type = 401, "unauthorized", "authentication_error"


class Forbidden(PalaverError):
    """The token has no right to do this, or the request came from where none may come."""

    status, code, type = 403, "forbidden", "permission_error"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpentBudget:
    """The budget that refused. `resets_at` in RFC 3339. No amounts: they may include other people's spending."""

    scope: str
    unit: str
    period: str
    resets_at: str


class OverBudget(PalaverError):
    """A budget has no room for the request; nothing was stored."""

    status, code, type, retryable = 429, "budget_exceeded", "rate_limit_error", True

    def __init__(self, message: str, *, retry_after: int, budget: SpentBudget) -> None:
        super().__init__(message, retry_after=retry_after)
        self.budget = budget


class BudgetSpent(OverBudget):
    """A budget in USD has no room."""

    status, type = 402, "billing_error"


class BudgetUsedUp(OverBudget):
    """A budget of tokens or requests has no room."""


class NotFound(PalaverError):
    """There is no such object, or it belongs to another user: the answer is the same."""

    status, code, type = 404, "not_found", "invalid_request_error"


class ModelNotFound(PalaverError):
    """The turn names a model that is not offered here."""

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
    """The turn's event log was deleted; `GET /api/turns/{turn}` still has the outcome."""

    status, code, type = 410, "log_gone", "invalid_request_error"


class TooLarge(PalaverError):
    """The request body is larger than allowed."""

    status, code, type = 413, "too_large", "invalid_request_error"


class ContextTooLong(PalaverError):
    """The new message alone does not fit the model's prompt."""

    status, code, type = 413, "context_too_long", "invalid_request_error"


class UnsupportedMedia(PalaverError):
    """The body is not `application/json`, or is compressed."""

    status, code, type = 415, "unsupported_media", "invalid_request_error"


class KeyReused(PalaverError):
    """The idempotency key was used with another body."""

    status, code, type = 422, "idempotency_key_reused", "invalid_request_error"


class RateLimited(PalaverError):
    """Too many requests from one address."""

    status, code, type, retryable = 429, "rate_limited", "rate_limit_error", True


class Internal(PalaverError):
    """A bug; the log has the traceback under the request id."""


class Unavailable(PalaverError):
    """The server is shutting down, its queue is full, or the database does not answer; nothing was changed."""

    status, code, retryable = 503, "unavailable", True


class QueryTimeout(PalaverError):
    """A search or report took too long and was interrupted."""

    status, code, retryable = 504, "query_timeout", True


class StorageFull(PalaverError):
    """The disk is full: nothing was stored; reading still works."""

    status, code, retryable = 507, "storage_full", True
