"""Give every request an id, a log line and security headers, and turn every exception into the one JSON shape of errors."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chat.api.schemas.errors import ErrorAnswer, ErrorBody, SpentBudgetOut
from chat.clock import Clock
from chat.errors import (
    BadRequest,
    Internal,
    MethodNotAllowed,
    NotFound,
    OverBudget,
    PalaverError,
    QueryTimeout,
    StorageFull,
    Unavailable,
)
from store.errors import StoreBusy, StoreError, StoreFull, StoreTimeout

log = structlog.get_logger()

ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
API_CSP = "default-src 'none'; frame-ancestors 'none'"

ErrorResponse = Callable[[PalaverError, str], Response]
"""Makes the response with an error, in some protocol's shape. The text is the request's id."""


class RequestContext:
    """ASGI middleware: no exception gets past it, only responses.

    `error_responses`: the shapes of errors of other protocols, by the beginning of their paths; everywhere else it is `error_response`.
    """

    def __init__(
        self, app: ASGIApp, clock: Clock, error_responses: Mapping[str, ErrorResponse] | None = None
    ) -> None:
        self.app = app
        self.clock = clock
        self._error_responses = dict(error_responses or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        client_id = Headers(scope=scope).get("x-request-id", "")
        request_id = client_id if ACCEPTED_ID.fullmatch(client_id) else self.clock.new_id("req")

        def respond(error: PalaverError, request_id: str) -> Response:
            return self._error_response(scope["path"])(error, request_id)  # by then without the base path

        scope.setdefault("state", {}).update(request_id=request_id, error_response=respond)
        started, status = time.perf_counter(), 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(MutableHeaders(raw=message["headers"]), request_id)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive, send_with_headers)
            except Exception as failure:
                if status:
                    log.exception("response.broke_off")
                    return
                await respond(client_error(failure), request_id)(scope, receive, send_with_headers)
            finally:
                took = round((time.perf_counter() - started) * 1000, 1)
                # Without the query string: it may hold what people searched for.
                write = log.info if scope["path"].startswith(("/api/", "/v1/")) else log.debug
                write("request.finished", method=scope["method"], path=scope["path"], status=status, ms=took)

    def _error_response(self, path: str) -> ErrorResponse:
        """How errors of this path are written."""
        for beginning, respond in self._error_responses.items():
            if path.startswith(beginning):
                return respond
        return error_response


def client_error(failure: Exception) -> PalaverError:
    """The error that a client gets for an exception. An unexpected one is logged with its traceback and becomes `internal`."""
    match failure:
        case PalaverError():
            return failure
        case StoreFull():
            return StorageFull("the disk is full: nothing was stored")
        case StoreTimeout():
            return QueryTimeout(
                "the search or report took too long and was interrupted; ask for less", retry_after=5
            )
        case StoreBusy():
            return Unavailable("too many searches and reports are running; try again", retry_after=5)
        case StoreError():
            log.warning("database.unavailable", kind=type(failure).__name__)
            return Unavailable("the database does not answer; nothing was stored", retry_after=1)
        case _:
            log.exception("request.failed", exc_info=failure)
            return Internal("something went wrong on this server")


async def http_exception(request: Request, failure: Exception) -> Response:
    """Starlette's own errors in the shape of the path."""
    assert isinstance(failure, HTTPException)  # noqa: S101 - registered for nothing else
    error: PalaverError
    match failure.status_code:
        case 404:
            error = NotFound("no such route")
        case 405:
            error = MethodNotAllowed("this route does not take that method")
        case _:
            error = BadRequest("the request cannot be understood")
    response: Response = request.state.error_response(error, request.state.request_id)
    for name, value in (failure.headers or {}).items():
        response.headers[name] = value
    return response


def error_response(error: PalaverError, request_id: str) -> Response:
    """A response with the error in its JSON shape."""
    budget = error.budget if isinstance(error, OverBudget) else None
    body = ErrorAnswer(
        error=ErrorBody(
            message=error.message,
            type=error.type,
            code=error.code,
            param=error.param,
            retryable=error.retryable,
            request_id=request_id,
            budget=None if budget is None else SpentBudgetOut(**asdict(budget)),
        )
    )
    return Response(
        body.model_dump_json(exclude=None if budget else {"error": {"budget"}}),
        status_code=error.status,
        headers=error_headers(error),
        media_type="application/json",
    )


def error_headers(error: PalaverError) -> dict[str, str]:
    """The headers of a response with an error, whatever its shape."""
    headers = dict[str, str]()
    if error.status in {409, 429} or error.status >= 500:
        # The OpenAI and Anthropic SDKs retry these by themselves, without an idempotency key, unless told not to.
        headers["x-should-retry"] = "false"
    if error.retry_after is not None:
        headers["retry-after"] = str(error.retry_after)
    if error.status == 401:
        headers["www-authenticate"] = "Bearer"
    return headers


def _add_headers(headers: MutableHeaders, request_id: str) -> None:
    headers["x-request-id"] = request_id
    headers.setdefault("x-content-type-options", "nosniff")
    headers.setdefault("referrer-policy", "no-referrer")
    headers.setdefault("cache-control", "no-store")
    headers.setdefault("content-security-policy", API_CSP)
