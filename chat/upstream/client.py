"""Send one request to a Messages endpoint and stream the answer. Every failure is raised as UpstreamFailure."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache

import anthropic
import httpx2
import msgspec
import structlog
from anthropic import AsyncAnthropic, AsyncStream, DefaultAioHttpClient
from anthropic._base_client import make_request_options
from anthropic._types import RequestOptions
from opentelemetry.trace import TracerProvider

from chat.renewed_timeout import RenewedTimeout
from chat.upstream.call import Call, SendOptions
from chat.upstream.failures import (
    ENDLESS,
    GARBLED,
    TIMED_OUT,
    UNFINISHED,
    UpstreamFailure,
    from_exception,
)
from chat.upstream.stream_decoder import Decoder, MessageStarted, MessageStopped, StreamEvent
from chat.upstream.stream_wire import read_message

log = structlog.get_logger()

# Bytes that are read before other tasks get their turn: an endpoint that sends faster than this reads is never waited for.
BURST = 4 * 1024

# Only a request with a name gets the SDK's own OpenTelemetry span; its methods name theirs, a plain post must bring the name.
TRACED = make_request_options(span_name="anthropic.messages.create", span_route="/v1/messages")
COUNTED = make_request_options(
    span_name="anthropic.messages.count_tokens", span_route="/v1/messages/count_tokens"
)

MAX_MESSAGE = 32 * 1024 * 1024  # bytes of an answer that is not streamed: as many as a request may have


@cache
def _certificates() -> ssl.SSLContext:
    """The certificates that every client trusts: reading them takes 30 ms."""
    return httpx2.create_ssl_context()


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds for each phase of a call."""

    connect: float = 5.0
    write: float = 30.0
    first_byte: float = 120.0  # a long uncached prompt is read before the answer starts
    silence: float = 90.0  # the provider pings far more often
    message_stop: float = 5.0  # for `message_stop` alone, when everything else has arrived


class Upstream:
    """A Messages endpoint: the Claude API, anything compatible, or the local model.

    `api_key` and `auth_token` (a bearer token) are sent as the SDK sends them; give one. `traces`: where the SDK's own OpenTelemetry spans go; `content`: whether they contain prompts and answers.
    """

    def __init__(
        self,
        *,
        base_url: str | None,
        api_key: str | None = None,
        auth_token: str | None = None,
        timeouts: Timeouts | None = None,
        headers: Mapping[str, str] | None = None,
        traces: TracerProvider | None = None,
        content: bool = False,
    ) -> None:
        self.timeouts = timeouts or Timeouts()
        self.client = AsyncAnthropic(
            # Always given, so that the SDK looks for no credential of its own; endpoints that need none ignore this one.
            api_key=api_key if api_key is not None or auth_token is not None else "none",
            auth_token=auth_token,
            base_url=base_url,
            max_retries=0,  # chat.upstream.retry decides on retries
            timeout=httpx2.Timeout(
                connect=self.timeouts.connect,
                read=max(self.timeouts.first_byte, self.timeouts.silence),
                write=self.timeouts.write,
                pool=self.timeouts.connect,
            ),
            http_client=DefaultAioHttpClient(verify=_certificates()),
            default_headers=headers,
            # Off means off, also where another library has registered a provider for the whole process. Trace headers are never sent.
            open_telemetry=False
            if traces is None
            else {
                "tracer_provider": traces,
                "propagation": False,
                "traces": {"enabled": True, "content_mode": "content" if content else "metadata_only"},
            },
        )

    async def close(self) -> None:
        await self.client.close()

    @asynccontextmanager
    async def ask(self, body: bytes, call: Call) -> AsyncIterator[AsyncGenerator[Sequence[StreamEvent]]]:
        """Send exactly these bytes and iterate the answer's stream events, those of each read together. Raises UpstreamFailure, and nothing else."""
        limit = call.options.unstreamed_timeout or self.timeouts.first_byte
        try:
            with call.around():
                async with asyncio.timeout(limit):
                    stream = await self.client.post(
                        "/v1/messages",
                        cast_to=object,  # never decoded by the SDK: only the response underneath is read
                        content=body,
                        options=self._options(call.options),
                        stream=True,
                        stream_cls=AsyncStream[object],
                    )
        except Exception as failure:
            raise self._failed(failure) from failure
        try:
            call.headers = stream.response.headers
            call.request_id = call.headers.get("request-id")
            read = self._stream_events if call.options.unstreamed_timeout is None else self._whole
            yield read(stream.response, call)
        finally:
            await stream.response.aclose()

    async def touch(self, body: bytes, call: Call) -> None:
        """Send a request that is not streamed and wants no text: it renews the prompt cache. Raises UpstreamFailure, and nothing else."""
        try:
            async with asyncio.timeout(self.timeouts.first_byte):
                with call.around():
                    response = await self.client.post(
                        "/v1/messages", cast_to=httpx2.Response, content=body, options=TRACED
                    )
            message = read_message(response.content)
            call.headers = response.headers
            call.upstream_id, call.model = message.id, message.model
            call.request_id = call.headers.get("request-id")
            call.decoder.set_usage(msgspec.json.encode(message.usage))
        except Exception as failure:
            raise self._failed(failure) from failure

    async def count_tokens(self, body: bytes, send: SendOptions) -> httpx2.Response:
        """The answer to a request to count tokens, as it is. Raises UpstreamFailure, and nothing else."""
        try:
            async with asyncio.timeout(self.timeouts.first_byte):
                return await self.client.post(
                    "/v1/messages/count_tokens",
                    cast_to=httpx2.Response,
                    content=body,
                    options=self._options(send, COUNTED),
                )
        except Exception as failure:
            raise self._failed(failure) from failure

    def _options(self, send: SendOptions, traced: RequestOptions = TRACED) -> RequestOptions:
        options: RequestOptions = {**traced}
        if send.headers:
            options["headers"] = dict(send.headers)
        if send.query:
            options["params"] = dict(send.query)
        if send.unstreamed_timeout is not None:
            options["timeout"] = httpx2.Timeout(
                connect=self.timeouts.connect,
                read=send.unstreamed_timeout,
                write=self.timeouts.write,
                pool=self.timeouts.connect,
            )
        return options

    async def _whole(self, response: httpx2.Response, call: Call) -> AsyncGenerator[Sequence[StreamEvent]]:
        """The events of an answer that is not streamed: all in one read."""
        collected = bytearray()
        try:
            async with asyncio.timeout(self.timeouts.silence):
                async for data in _chunks(response):
                    collected += data
                    if len(collected) > MAX_MESSAGE:
                        raise UpstreamFailure(ENDLESS)
            message = read_message(bytes(collected))
        except ValueError as failure:
            raise UpstreamFailure(GARBLED) from failure
        except Exception as failure:
            raise self._failed(failure) from failure
        call.upstream_id, call.model, call.data = message.id, message.model, bytes(collected)
        call.decoder.set_usage(msgspec.json.encode(message.usage))
        yield [
            MessageStarted(upstream_id=message.id, model=message.model),
            MessageStopped(reason=message.stop_reason or "end_turn"),
        ]

    async def _stream_events(
        self, response: httpx2.Response, call: Call
    ) -> AsyncGenerator[Sequence[StreamEvent]]:
        chunks, timeouts = _chunks(response), self.timeouts
        timeout, read = RenewedTimeout(timeouts.silence), 0
        try:
            while not call.decoder.finished:
                if call.decoder.complete:
                    timeout.seconds = min(timeouts.silence, timeouts.message_stop)
                try:
                    with timeout:
                        data = await anext(chunks, None)
                except TimeoutError as failure:
                    raise UpstreamFailure(TIMED_OUT) from failure
                except Exception as failure:
                    raise self._failed(failure) from failure
                if data is None:
                    raise UpstreamFailure(UNFINISHED)
                call.data = data
                events, broken = _decoded(call.decoder, data)
                for event in events:
                    if isinstance(event, MessageStarted):
                        call.upstream_id, call.model = event.upstream_id, event.model
                yield events
                if broken is not None:
                    raise broken
                read += len(data)
                if read >= BURST:
                    read = 0
                    await asyncio.sleep(0)
        except UpstreamFailure as failure:
            if not call.decoder.complete:
                raise
            # All text and the exact usage have arrived: the answer is complete however the connection ends.
            call.disconnect = failure.details.outcome
            log.info("upstream.disconnected_after_answer", outcome=call.disconnect)
        finally:
            timeout.close()

    def _failed(self, failure: Exception) -> UpstreamFailure:
        details = from_exception(failure)
        answer = failure.response if isinstance(failure, anthropic.APIStatusError) else None
        status = None if answer is None else answer.status_code
        log.warning(
            "upstream.call_failed", outcome=details.outcome, status=status, kind=type(failure).__name__
        )
        if answer is None:
            return UpstreamFailure(details)
        return UpstreamFailure(details, status, answer.headers, answer.content)


def _chunks(response: httpx2.Response) -> AsyncIterator[bytes]:
    """The bytes of a response as they arrive. Without compression they are read where the transport has them, below two layers of httpx2."""
    if "content-encoding" in response.headers or not isinstance(response.stream, httpx2.AsyncByteStream):
        return response.aiter_bytes()
    return aiter(response.stream)


def _decoded(decoder: Decoder, data: bytes) -> tuple[list[StreamEvent], UpstreamFailure | None]:
    """The events that these bytes complete, and what is wrong with what comes after them."""
    events: list[StreamEvent] = []
    try:
        decoder.feed(data, events)
    except UpstreamFailure as failure:
        return events, failure
    return events, None
