"""The routes, and what every one of them does: identify the caller, keep the log, answer errors in the API's shape."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tests.upstream import batches, control, messages, models_api
from tests.upstream.errors import ApiError, invalid
from tests.upstream.headers import response_headers
from tests.upstream.log import Exchange
from tests.upstream.wire import Disconnected, Wire

if TYPE_CHECKING:
    from tests.upstream.simulator import Simulator

MEGABYTE = 1024 * 1024
MESSAGES_LIMIT = 32 * MEGABYTE
BATCH_LIMIT = 256 * MEGABYTE
VERSIONS = ("2026-10-21", "2023-06-01")

Handler = Callable[["Simulator", Wire, Exchange, Scope], Awaitable[Any]]
"""Writes the response itself and returns None, or returns the JSON value to send with 200."""

logger = logging.getLogger(__name__)


def build_app(sim: Simulator) -> Starlette:
    def api(path: str, method: str, handler: Handler, limit: int = MESSAGES_LIMIT) -> Route:
        return Route(path, Endpoint(sim, handler, limit), methods=[method])

    return Starlette(
        routes=[
            api("/v1/messages", "POST", messages.create),
            api("/v1/messages/count_tokens", "POST", messages.count_tokens),
            api("/v1/messages/batches", "POST", batches.create, BATCH_LIMIT),
            api("/v1/messages/batches", "GET", batches.list_batches),
            api("/v1/messages/batches/{batch_id}", "GET", batches.retrieve),
            api("/v1/messages/batches/{batch_id}", "DELETE", batches.delete),
            api("/v1/messages/batches/{batch_id}/cancel", "POST", batches.cancel),
            api("/v1/messages/batches/{batch_id}/results", "GET", batches.results),
            api("/v1/models", "GET", models_api.list_models),
            api("/v1/models/{model_id}", "GET", models_api.retrieve),
            *control.routes(sim),
        ],
        exception_handlers={HTTPException: router_error(sim)},
    )


class Endpoint:
    """One API route as an ASGI application."""

    def __init__(self, sim: Simulator, handler: Handler, limit: int) -> None:
        self._sim = sim
        self._handler = handler
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._sim.in_flight():
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        sim = self._sim
        wire = Wire(scope, receive, send)
        exchange = _open(sim, scope)
        try:
            declared = exchange.headers.get("content-length")
            body = await wire.read_body(self._limit, int(declared) if declared else None)
            exchange.body = body if sim.log.keep_bodies else b""
            _identify(sim, exchange)
            if scope["method"] == "POST" and body:
                exchange.json = _parse(body)
                exchange.model = exchange.json.get("model") if isinstance(exchange.json, dict) else None
            result = await self._handler(sim, wire, exchange, scope)
            if result is not None:
                await wire.json(200, result, response_headers(exchange))
                exchange.status = 200
            if exchange.outcome == "running":
                exchange.outcome = "completed"
        except ApiError as error:
            if exchange.outcome == "running":
                exchange.outcome = "rejected"
            await fail(wire, exchange, error)
        except Disconnected:
            if exchange.outcome == "running":
                exchange.outcome = "disconnected"
        except asyncio.CancelledError:
            exchange.outcome = "stopped"
            raise
        except Exception:
            logger.exception("the simulator itself failed")
            exchange.outcome = "simulator failed"
            if not wire.started:
                failure = ApiError(status=500, type="api_error", message="The simulator failed; see its log")
                await fail(wire, exchange, failure)
        finally:
            exchange.ended_at = sim.clock.now
            if not sim.log.keep_bodies:
                exchange.json = None


async def fail(wire: Wire, exchange: Exchange, error: ApiError) -> None:
    exchange.status = error.status
    exchange.error = error.body(exchange.request_id)["error"]
    await wire.json(
        error.status, error.body(exchange.request_id), {**response_headers(exchange), **error.headers}
    )


def router_error(sim: Simulator) -> Callable[[Request, Exception], Response]:
    """404 and 405 of the router in the API's shape."""

    def respond(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        kind = "not_found_error" if error.status_code == 404 else "invalid_request_error"
        request_id = sim.new_id("req")
        body = ApiError(status=error.status_code, type=kind, message=error.detail).body(request_id)
        return Response(
            orjson.dumps(body), error.status_code, {"request-id": request_id}, media_type="application/json"
        )

    return respond


def _open(sim: Simulator, scope: Scope) -> Exchange:
    exchange = Exchange(
        number=sim.log.next_number(),
        method=scope["method"],
        path=scope["path"],
        query=scope["query_string"].decode(),
        headers={name.decode(): value.decode("latin-1") for name, value in scope["headers"]},
        received_at=sim.clock.now,
        request_id=sim.new_id("req"),
    )
    sim.log.add(exchange)
    return exchange


def _identify(sim: Simulator, exchange: Exchange) -> None:
    """401 without a known key, 400 without a known API version; otherwise the caller's workspace."""
    headers = exchange.headers
    scheme, _, token = headers.get("authorization", "").partition(" ")
    key = token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
    if not key:
        raise ApiError(status=401, type="authentication_error", message="x-api-key header is required")
    if sim.keys is not None and key not in sim.keys:
        raise ApiError(status=401, type="authentication_error", message="invalid x-api-key")
    version = headers.get("anthropic-version")
    if version is None:
        raise invalid("anthropic-version: header is required")
    if version not in VERSIONS:
        raise invalid(f'anthropic-version: "{version}" is not a valid version')
    own = sim.keys[key] if sim.keys is not None else f"wrkspc_{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    exchange.workspace = headers.get("anthropic-workspace-id") or own


def _parse(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise invalid(f"The request body is not valid JSON: {error}") from None
