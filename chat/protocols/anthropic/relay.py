"""One call that is passed through: the provider's bytes to one reader, and a copy of them to the ledger.

It belongs to a task of its own, so that it is counted to its end whatever becomes of the reader; when the reader leaves, it is cancelled.
Only whole events are passed on, so that one of ours may follow where the provider breaks off. The last of them, and an answer
that is not streamed, wait until the ledger entry is stored.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import msgspec
import structlog
from sqlalchemy import Connection

from chat.calls import ledger
from chat.calls.record import CallRecord
from chat.runtime.runtime import Runtime
from chat.upstream import failures
from chat.upstream.call import SendOptions
from chat.upstream.failures import FailureDetails, UpstreamFailure
from chat.upstream.stream_decoder import MessageStopped, TextDelta
from context.limits.budgets import BudgetAccount
from store.errors import StoreError

log = structlog.get_logger()

AHEAD = 8  # reads that wait for a slow reader; then the provider is read no faster
MESSAGE_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
STOPPING = FailureDetails(
    code="overloaded", message="The server is restarting. Please try again.", outcome="interrupted"
)
REVOKED = FailureDetails(
    code="revoked", message="Your access has ended.", outcome="interrupted", retryable=False
)
BLANK = (b"\n\n", b"\r\n\r\n")
"""What ends an event."""

TYPES = {
    "overloaded": "overloaded_error",
    "rate_limited": "rate_limit_error",
    "upstream_timeout": "timeout_error",
    "context_too_long": "request_too_large",
    "revoked": "authentication_error",
}
"""The provider's type of a failure of ours, by its code; of all others `api_error`."""


@dataclass(slots=True, kw_only=True)
class Relay:
    """A call on its way. `record` and `body` as for `Caller.ask`; `options`: how it goes out.

    `first`: it is the first call of its request, which the budgets of requests count. `longest_wait`: seconds for a model at its rate
    limit; None: no other one can answer. `head`: the provider's headers once it has accepted the request (of an answer that is not
    streamed, once it is whole), or the UpstreamFailure instead of them.
    """

    runtime: Runtime
    record: CallRecord
    body: bytes
    options: SendOptions
    first: bool = True
    longest_wait: float | None = None
    head: asyncio.Future[Mapping[str, str]] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    _queue: asyncio.Queue[bytes] = field(default_factory=lambda: asyncio.Queue(AHEAD))
    _pending: bytearray = field(default_factory=bytearray)  # of an event that is not complete
    _interruption: FailureDetails | None = STOPPING  # None: nobody reads any longer
    _task: asyncio.Task[None] | None = None
    _ended: bool = False  # the reader has been told

    def start(self, attach: Callable[[asyncio.Task[None]], None]) -> None:
        """Begin. `attach` takes the task, and may cancel it when the server stops."""
        self._task = asyncio.create_task(self._run(), name="messages call")
        attach(self._task)

    def leave(self) -> None:
        """Cancel the call: its reader is gone."""
        self._cancel(None)

    def revoke(self) -> None:
        """Cancel the call: its reader's access has ended."""
        self._cancel(REVOKED)

    def _cancel(self, interruption: FailureDetails | None) -> None:
        self._interruption = interruption
        if self._task is not None:
            self._task.cancel()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The bytes for the reader, to the end."""
        while data := await self._queue.get():
            yield data

    async def _run(self) -> None:
        try:
            await self._carry_out()
        finally:
            self._release()

    def _release(self) -> None:
        """Let whoever still waits go: the task was cancelled again while it stored the call, or told the reader of its end."""
        if not self.head.done():
            self._answered(UpstreamFailure(self._interruption or STOPPING))
        if not self._ended:
            if self._queue.full():
                self._queue.get_nowait()
            self._queue.put_nowait(b"")

    async def _carry_out(self) -> None:
        last, trouble = b"", None
        try:
            async with asyncio.timeout(self.runtime.deployment.max_turn_seconds):
                last = await self._ask()
        except UpstreamFailure as failure:
            trouble = failure
        except TimeoutError:
            self.record.end("timeout", self.runtime.clock.monotonic())
            trouble = UpstreamFailure(failures.TIMED_OUT)
        except asyncio.CancelledError:
            trouble = UpstreamFailure(self._interruption or STOPPING)
        except Exception:
            log.exception("messages.call_crashed")
            trouble = UpstreamFailure(failures.CONNECTION_LOST)
        await asyncio.shield(self._store())
        if not self.head.done():
            self._answered(trouble)
            if trouble is not None:
                return
        if self._interruption is None:
            return
        if trouble is not None:
            last = self._rest() if self.record.call.decoder.failed else _error_event(trouble.details)
        for data in (last, b"") if last else (b"",):
            await self._queue.put(data)
        self._ended = True

    async def _ask(self) -> bytes:
        """Make the call and pass on what comes. Returns the last bytes, which are for when the call is counted. Raises UpstreamFailure."""
        record, call, clock = self.record, self.record.call, self.runtime.clock
        call.options, stop_reason = self.options, None
        streams = self.options.unstreamed_timeout is None
        also = self._count if self.first else None
        asked = self.runtime.caller.ask(record, self.body, also=also, longest_wait=self.longest_wait)
        async with asked as reads:
            if streams:
                self._answered()
            async for events in reads:
                for event in events:
                    if isinstance(event, TextDelta):
                        record.received(event.text, clock.monotonic(), kind=event.kind)
                    elif isinstance(event, MessageStopped):
                        stop_reason = event.reason
                record.characters = max(record.characters, call.decoder.characters)
                if streams and (data := self._complete(call.data)):
                    await self._queue.put(data)
            if stop_reason is None:
                raise UpstreamFailure(failures.UNFINISHED)
            record.end("refusal" if stop_reason == "refusal" else "ok", clock.monotonic())
        if not streams:
            return call.data
        return self._rest() + (b"" if call.decoder.finished or call.decoder.failed else MESSAGE_STOP)

    def _answered(self, trouble: UpstreamFailure | None = None) -> None:
        if trouble is None:
            self.head.set_result(self.record.call.headers)
        else:
            self.head.set_exception(trouble)
            self.head.exception()  # nobody may be left to look at it

    def _complete(self, data: bytes) -> bytes:
        """The events that these bytes complete. The last of the stream stays until the call is counted."""
        known = max(0, len(self._pending) - 3)
        self._pending += data
        if self.record.call.decoder.finished:
            return b""
        end = max(
            self._pending.rfind(blank, known) + len(blank) if blank in self._pending[known:] else 0
            for blank in BLANK
        )
        complete = bytes(self._pending[:end])
        del self._pending[:end]
        return complete

    def _rest(self) -> bytes:
        """What is left of the stream, as whole events."""
        rest = bytes(self._pending)
        self._pending.clear()
        return rest if not rest or rest.endswith(BLANK) else rest + b"\n\n"

    def _count(self, connection: Connection) -> None:
        """Count the request in the budgets that count turns. Raises DoesNotFit."""
        now, who = self.runtime.clock.now(), self.record.call_context
        account = BudgetAccount(owner_id=who.owner_id, token=who.token)
        least = self.runtime.deployment.least(now)
        self.runtime.caller.budgets.accept(connection, account, least, now=now)

    async def _store(self) -> None:
        """Write the ledger entry. Where the database is away the call stays open, and becomes an estimate later."""
        if not self.record.opened:
            return
        row = ledger.entry(self.record, local=self.runtime.deployment.local)
        try:
            await self.runtime.database.write(partial(ledger.keep, rows=[row]))
        except StoreError as failure:
            log.warning("messages.ledger_entry_delayed", kind=type(failure).__name__)


def _error_event(details: FailureDetails) -> bytes:
    error = {"type": error_type(details), "message": details.message}
    return b"event: error\ndata: %b\n\n" % msgspec.json.encode({"type": "error", "error": error})


def error_type(details: FailureDetails) -> str:
    """The provider's type of a failure."""
    return TYPES.get(details.code, "api_error")
