"""The routes of the Messages API: a base URL that Anthropic's clients take for the provider's own."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response

from chat.api.body import read_bytes
from chat.api.deps import principal, visit
from chat.api.endpoint import Endpoint, Resource, query
from chat.calls.record import CallContext, Size
from chat.errors import BudgetSpent, BudgetUsedUp, ModelNotFound, RequestTimeout, Unavailable
from chat.off_loop import off_loop
from chat.protocols.anthropic.breakpoints import prepared
from chat.protocols.anthropic.errors import passed_on, upstream_error
from chat.protocols.anthropic.parsed_request import ParsedRequest, parse_request
from chat.protocols.anthropic.relay import Relay
from chat.protocols.anthropic.routing import carries_thinking, route_of
from chat.protocols.anthropic.schemas import AnthropicError, Beta, CountRequest, MessagesRequest
from chat.protocols.anthropic.size import parts_to_count, size_of
from chat.protocols.models import AUTO, offered
from chat.protocols.reader import LEFT, OneReaderStream, unless_left
from chat.upstream import retry
from chat.upstream.call import SendOptions
from chat.upstream.failures import UpstreamFailure
from context.limits.model_sequence import End, ModelFailed, ModelSequence
from context.routing.choice import Route

MAX_BODY = 32 * 1024 * 1024  # bytes: what the provider takes (documentation, page "Errors")
BODY_DEADLINE = 120.0  # seconds it may take to arrive
PASSED = ("anthropic-version", "anthropic-beta")
T = TypeVar("T")

FAILURES = {429: AnthropicError, 502: AnthropicError, 504: AnthropicError, 529: AnthropicError}
ERRORS = (BudgetSpent, BudgetUsedUp, ModelNotFound, RequestTimeout)


class AnthropicMessages(Resource):
    """The handlers of messages."""

    @Endpoint(
        "POST",
        "/v1/messages",
        "Pass a request of Anthropic's Messages API through: routed where the model is `palaver-auto` or a tier, cached, counted",
        body=MessagesRequest,
        query=Beta,
        answers={200: None, **FAILURES},
        errors=ERRORS,
        streams=True,
        error_body=AnthropicError,
    )
    async def post(self, request: Request) -> Response:
        options, parsed = _options(request), await self._parsed(request)
        sizes = await self._sizes(parsed)
        deployment, admission = self.deps.deployment, self.deps.runtime.caller.admission
        prompts = {name: size.prompt for name, size in sizes.items()}
        route, bound = await off_loop(
            len(parsed.data),
            lambda: (route_of(deployment, parsed, principal(request), prompts), carries_thinking(parsed)),
        )
        may_change = parsed.model == AUTO and not bound
        models = ModelSequence.start(
            route, deployment.tiers, fallback=deployment.fallback and may_change, cascade=False
        )
        counted = False
        while True:
            others = models.has_alternative(admission.open_breakers())
            wait = retry.WITH_OTHERS.longest_wait if others else None
            relay, headers = await self._relay(request, parsed, options, models.route, sizes)
            relay.first, relay.longest_wait = not counted, wait
            relay.start(self.deps.runner.attach)
            visit(request).on_revoked = relay.revoke
            if not await unless_left(request, relay.head):
                relay.leave()
                return Response(status_code=LEFT)
            failure = relay.head.exception()
            if not isinstance(failure, UpstreamFailure):
                return await _answer(relay, parsed, {**passed_on(relay.head.result()), **headers})
            counted = counted or relay.record.opened
            step = models.after_failure(
                ModelFailed(outcome=failure.details.outcome, open_breakers=admission.open_breakers())
            )
            if isinstance(step, End):
                failed = upstream_error(failure, request.state.request_id, self.deps.clock.now())
                failed.headers.update(headers)
                return failed
            models = step.models

    @Endpoint(
        "POST",
        "/v1/messages/count_tokens",
        "Ask the provider how many tokens a request has; free, and not in the ledger",
        body=CountRequest,
        query=Beta,
        answers={200: None, **FAILURES},
        errors=ERRORS,
        error_body=AnthropicError,
    )
    async def count(self, request: Request) -> Response:
        options, parsed = _options(request), await self._parsed(request)
        who = principal(request)
        route = await off_loop(len(parsed.data), lambda: route_of(self.deps.deployment, parsed, who, {}))
        model = route.model_id
        body, _ = await off_loop(len(parsed.data), lambda: prepared(parsed, model, cacheable=False))
        call = asyncio.ensure_future(self.deps.runtime.caller.upstream.count_tokens(body, options))
        if not await unless_left(request, call):
            call.cancel()
            with suppress(asyncio.CancelledError, UpstreamFailure):
                await call
            return Response(status_code=LEFT)
        try:
            response = call.result()
        except UpstreamFailure as failure:
            return upstream_error(failure, request.state.request_id, self.deps.clock.now())
        headers = {**passed_on(response.headers), "palaver-model": model}
        return Response(response.content, headers=headers, media_type="application/json")

    async def _parsed(self, request: Request) -> ParsedRequest:
        """The request. Raises PalaverError."""
        if self.deps.runner.stopping:
            raise Unavailable("this server is shutting down", retry_after=2)
        data = await read_bytes(request, limit=MAX_BODY, deadline=BODY_DEADLINE)
        parsed = await off_loop(len(data), lambda: parse_request(data))
        names = offered(self.deps.deployment)
        if parsed.model not in names:
            raise ModelNotFound(f"model: {parsed.model[:100]}; there are: {', '.join(names)}", param="model")
        return parsed

    async def _sizes(self, parsed: ParsedRequest) -> dict[str, Size]:
        """The size of the request for each model."""
        counted = await off_loop(len(parsed.data), lambda: parts_to_count(parsed))
        names = list(dict.fromkeys(self.deps.deployment.tiers.values()))
        return await size_of(self.deps.runtime, parsed, counted, names)

    async def _relay(
        self,
        request: Request,
        parsed: ParsedRequest,
        options: SendOptions,
        route: Route,
        sizes: Mapping[str, Size],
    ) -> tuple[Relay, dict[str, str]]:
        """The call to the model of a route, not begun, and the headers that say what was decided."""
        deployment = self.deps.deployment
        cacheable = deployment.models[route.model_id].min_cacheable > 0
        body, cache = await off_loop(
            len(parsed.data), lambda: prepared(parsed, route.model_id, cacheable=cacheable)
        )
        who = principal(request)
        call_context = CallContext(
            owner_id=who.owner_id, thread_id=None, purpose="reply", token=who.token, feature=who.feature
        )
        record = self.deps.runtime.caller.record(
            call_context, model=route.model_id, tier=route.tier, size=sizes[route.model_id]
        )
        if not parsed.streams:
            options = SendOptions(
                headers=options.headers,
                query=options.query,
                unstreamed_timeout=float(deployment.max_turn_seconds),
            )
        headers = {
            "palaver-model": route.model_id,
            "palaver-cache": cache,
            "palaver-reason": _header(route.reason),
        }
        return Relay(runtime=self.deps.runtime, record=record, body=body, options=options), headers


async def _answer(relay: Relay, parsed: ParsedRequest, headers: dict[str, str]) -> Response:
    if parsed.streams:
        return OneReaderStream(
            relay.chunks(), on_end=relay.leave, headers=headers, hooks=relay.runtime.caller.hooks
        )
    body = b"".join([data async for data in relay.chunks()])
    return Response(body, headers=headers, media_type="application/json")


def _options(request: Request) -> SendOptions:
    """What goes on of the request beside its body. Raises BadRequest."""
    beta = query(request, Beta).beta
    headers = {name: value for name in PASSED if (value := request.headers.get(name)) is not None}
    return SendOptions(headers=headers, query={} if beta is None else {"beta": beta})


def _header(text: str) -> str:
    """A text as the value of a header: one line of ASCII."""
    return " ".join(text.split()).encode("ascii", "replace").decode()
