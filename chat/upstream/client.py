"""One call to the model, streamed: canonical bytes out, pieces in, everything that can fail as UpstreamFailure."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field

import anthropic
import httpx2
import structlog
from anthropic import AsyncAnthropic, AsyncStream, DefaultAioHttpClient
from anthropic._base_client import make_request_options
from opentelemetry.trace import TracerProvider

from chat.upstream.failures import SILENT, UNFINISHED, UpstreamFailure, from_exception
from chat.upstream.stream_decoder import Decoder, MessageStarted, Piece
from context.models.pricing import Usage

log = structlog.get_logger()

# Only a request with a name gets the SDK's own span; its methods give one, a plain post must bring it along.
TRACED = make_request_options(span_name="anthropic.messages.create", span_route="/v1/messages")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds for each phase of a call."""

    connect: float = 5.0
    write: float = 30.0
    first_byte: float = 120.0  # a long prompt without cache is read before anything is said
    silence: float = 90.0  # the provider pings far more often
    goodbye: float = 5.0  # nothing but `message_stop` is missing, and nobody need wait for it


@dataclass(slots=True)
class Call:
    """An open call. Iterate `pieces`; `usage` and the rest are right as far as the stream has come."""

    decoder: Decoder = field(default_factory=Decoder)
    upstream_id: str | None = None
    model: str | None = None
    request_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_end: str | None = (
        None  # how the stream ended where it did so behind the final count, without `message_stop`
    )
    around: Callable[[], AbstractContextManager[object]] = nullcontext  # what the request is made in: a trace

    @property
    def usage(self) -> Usage:
        return self.decoder.usage

    @property
    def counted(self) -> bool:
        """Whether the provider's own final count has arrived; otherwise usage is a lower bound."""
        return self.decoder.counted


class Upstream:
    """A Messages endpoint: the Claude API, anything compatible, or the local model.

    `traces`: where the SDK's own spans go; `content`: whether they carry what is said.
    """

    def __init__(
        self,
        *,
        base_url: str | None,
        api_key: str,
        timeouts: Timeouts | None = None,
        headers: Mapping[str, str] | None = None,
        traces: TracerProvider | None = None,
        content: bool = False,
    ) -> None:
        self.timeouts = timeouts or Timeouts()
        self.client = AsyncAnthropic(
            api_key=api_key,
            base_url=base_url,
            max_retries=0,  # chat.upstream.retry owns repeats
            timeout=httpx2.Timeout(
                connect=self.timeouts.connect,
                read=max(self.timeouts.first_byte, self.timeouts.silence),
                write=self.timeouts.write,
                pool=self.timeouts.connect,
            ),
            http_client=DefaultAioHttpClient(),
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
    async def ask(self, body: bytes, call: Call) -> AsyncIterator[AsyncGenerator[Piece]]:
        """Send exactly these bytes and iterate the answer's pieces. Raises UpstreamFailure, and nothing else."""
        try:
            with call.around():
                async with asyncio.timeout(self.timeouts.first_byte):
                    stream = await self.client.post(
                        "/v1/messages",
                        cast_to=object,  # never decoded by the SDK: only the response underneath is read
                        content=body,
                        options=TRACED,
                        stream=True,
                        stream_cls=AsyncStream[object],
                    )
        except Exception as failure:
            raise self._failed(failure) from failure
        try:
            call.headers = stream.response.headers
            call.request_id = call.headers.get("request-id")
            yield self._pieces(stream.response, call)
        finally:
            await stream.response.aclose()

    async def touch(self, body: bytes, call: Call) -> None:
        """Send a request that is not streamed and asks for no answer. Raises UpstreamFailure, and nothing else."""
        try:
            async with asyncio.timeout(self.timeouts.first_byte):
                with call.around():
                    response = await self.client.post(
                        "/v1/messages", cast_to=httpx2.Response, content=body, options=TRACED
                    )
            message = anthropic.types.Message.model_validate(response.json())
            call.headers = response.headers
            call.upstream_id, call.model = message.id, message.model
            call.request_id = call.headers.get("request-id")
            call.decoder.take(message.usage.model_dump_json().encode())
        except Exception as failure:
            raise self._failed(failure) from failure

    async def _pieces(self, response: httpx2.Response, call: Call) -> AsyncGenerator[Piece]:
        chunks, timeouts = response.aiter_bytes(), self.timeouts
        try:
            while not call.decoder.finished:
                patience = min(timeouts.silence, timeouts.goodbye) if call.decoder.whole else timeouts.silence
                try:
                    async with asyncio.timeout(patience):
                        data = await anext(chunks, None)
                except TimeoutError as failure:
                    raise UpstreamFailure(SILENT) from failure
                except Exception as failure:
                    raise self._failed(failure) from failure
                if data is None:
                    raise UpstreamFailure(UNFINISHED)
                for piece in call.decoder.feed(data):
                    if isinstance(piece, MessageStarted):
                        call.upstream_id, call.model = piece.upstream_id, piece.model
                    yield piece
        except UpstreamFailure as failure:
            if not call.decoder.whole:
                raise
            # Every word and the exact bill are here: how the connection ends takes nothing from either.
            call.cut_end = failure.trouble.outcome
            log.info("an answer was whole before its stream broke off", ending=call.cut_end)

    def _failed(self, failure: Exception) -> UpstreamFailure:
        trouble = from_exception(failure)
        answer = failure.response if isinstance(failure, anthropic.APIStatusError) else None
        status = None if answer is None else answer.status_code
        log.warning(
            "upstream call failed", outcome=trouble.outcome, status=status, kind=type(failure).__name__
        )
        return UpstreamFailure(trouble, status, None if answer is None else answer.headers)
