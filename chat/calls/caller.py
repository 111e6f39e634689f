"""Make upstream calls: every call to a model, whatever it is for, goes through here and gets a ledger row.

call context ... on whose behalf a call is made, and for what
record ......... the call from waiting for a slot to its end; it becomes the ledger row
caller ......... waits for a slot (chat.upstream.admission), sends the request, measures times, and records the outcome
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection

from chat.budgets.reservations import Budgets, CallDoesNotFit
from chat.calls.hooks import Hooks
from chat.calls.output_speed import OutputSpeeds
from chat.calls.record import CallContext, CallRecord, Size
from chat.clock import Clock
from chat.upstream.admission import Admission
from chat.upstream.client import Upstream
from chat.upstream.failures import UpstreamFailure
from chat.upstream.model_state import Slot
from chat.upstream.slot_request import Priority, SlotRequest
from chat.upstream.stream_decoder import StreamEvent
from context.limits.budgets import worst_case
from context.limits.headroom import Need
from context.models.catalog import Tier
from context.models.pricing import price_table
from store.database import Database, Work
from store.ledger import open_calls
from store.ledger.open_calls import OpenCall

LEASE = 10_000  # milliseconds without a renewal after which a process's turns count as abandoned
CALL_LEASE = 60_000
"""The same for its calls. Longer, because their budget reservations are released then: that must not happen to a slow process."""

PRIORITIES: dict[str, Priority] = {
    "reply": "reply",
    "classify": "optional",  # a reply waits for it: better no second opinion than a second queue
}
"""The priority of a call by its purpose; all others are background calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Makes upstream calls. `holder` names this process; `local`: the local model answers, and calls cost nothing."""

    upstream: Upstream
    admission: Admission
    database: Database
    holder: str
    clock: Clock
    local: bool
    hooks: Hooks = field(default_factory=Hooks)
    budgets: Budgets = field(default_factory=Budgets)
    output_speeds: OutputSpeeds = field(default_factory=OutputSpeeds)

    def record(
        self,
        call_context: CallContext,
        *,
        model: str,
        tier: Tier | None,
        size: Size,
        attempt: int = 1,
        again: bool = False,
    ) -> CallRecord:
        """A call that is about to be made."""
        return CallRecord(
            id=self.clock.new_id("call"),
            call_context=call_context,
            model=model,
            tier=tier,
            size=size,
            attempt=attempt,
            again=again,
            created_at=self.clock.now(),
            requested_at=self.clock.monotonic(),
            speed=self.output_speeds.of(model),
        )

    @asynccontextmanager
    async def ask(
        self,
        record: CallRecord,
        body: bytes,
        *,
        also: Work[None] | None = None,
        on_opened: Callable[[], None] | None = None,
        longest_wait: float | None = None,
        on_position: Callable[[int], None] | None = None,
    ) -> AsyncIterator[AsyncGenerator[Sequence[StreamEvent]]]:
        """Wait for a slot, send exactly these bytes, and iterate the answer's stream events, those of each read together.

        The record is ended whatever happens.

        `also`: what is stored together with the open call, before the request is sent; `on_opened` is called when it is. `longest_wait`:
        seconds to wait at most for a model whose rate limit is exhausted (None: no other model could answer, so it waits as any call waits
        in the queue). `on_position` is called with the place in the queue. Raises UpstreamFailure for everything that goes wrong at the
        provider or on the way to it, and CallDoesNotFit before anything is sent. Whoever iterates ends the record of a complete answer; a
        record that is left open counts as cancelled.
        """
        self.hooks.call_started(record, body)
        try:
            priority = PRIORITIES.get(record.call_context.purpose, "background")
            async with self._slot(record, priority, longest_wait, on_position) as slot:
                await self._open_call(record, also)
                if on_opened is not None:
                    on_opened()
                async with self.upstream.ask(body, record.call) as stream_events, aclosing(stream_events):
                    record.first_byte_at, record.status = self.clock.monotonic(), 200
                    slot.response_started(record.call.headers)
                    yield stream_events
        except UpstreamFailure as failure:
            self._failed(record, failure)
            raise
        finally:
            self._close(record)

    async def touch(self, record: CallRecord, body: bytes) -> None:
        """Send a request that is not streamed and wants no text, unless there is more important traffic: it renews the prompt cache.

        Raises UpstreamFailure; the record is ended.
        """
        self.hooks.call_started(record, body)
        try:
            async with self._slot(record, "optional") as slot:
                await self._open_call(record)
                await self.upstream.touch(body, record.call)
                record.first_byte_at, record.status = self.clock.monotonic(), 200
                slot.response_started(record.call.headers)
                record.end("ok", self.clock.monotonic())
        except UpstreamFailure as failure:
            self._failed(record, failure)
            raise
        finally:
            self._close(record)

    @asynccontextmanager
    async def _slot(
        self,
        record: CallRecord,
        priority: Priority,
        longest_wait: float | None = None,
        on_position: Callable[[int], None] | None = None,
    ) -> AsyncIterator[Slot]:
        call_context, size = record.call_context, record.size
        slot_request = SlotRequest(
            model=record.model,
            owner=call_context.owner_id,
            need=Need(input=size.fresh, output=size.answer),
            priority=priority,
            turn=call_context.turn_id,
            longest_wait=longest_wait,
        )
        async with self.admission.slot(slot_request, on_position) as slot:
            record.slot = slot
            try:
                yield slot
            finally:
                slot.output_counted(record.usage.output)

    async def _open_call(self, record: CallRecord, also: Work[None] | None = None) -> None:
        """Store the open call, so that the ledger knows of it even if this process dies; reserve its worst case in the budgets.

        `also` is stored with it. Raises CallDoesNotFit.
        """
        call_context, now = record.call_context, self.clock.now()
        call = OpenCall(
            id=record.id,
            owner_id=call_context.owner_id,
            thread_id=call_context.thread_id,
            turn_id=call_context.turn_id,
            token=call_context.token,
            feature=call_context.feature,
            purpose=call_context.purpose,
            tier=record.tier,
            model=record.model,
            attempt=record.attempt,
            prompt=record.size.prompt,
            holder=self.holder,
            reserved=[],
            created_at=now,
            lease_until=now + CALL_LEASE,
        )
        record.opened = True
        if self.budgets:
            prices = price_table(record.model, now=now)
            most = worst_case(prices, bound=record.size.bound, output=record.size.output, free=self.local)
            try:
                await self.budgets.reserve(self.database, call, most, again=record.again, also=also)
            except CallDoesNotFit:
                record.opened = False
                raise
        else:

            def write(connection: Connection) -> None:
                if also is not None:
                    also(connection)
                open_calls.add(connection, call)

            await self.database.write(write)
        # The ledger row gets the same time: both belong to the same budget period.
        record.sent_at, record.created_at = self.clock.monotonic(), now

    def _failed(self, record: CallRecord, failure: UpstreamFailure) -> None:
        record.status = failure.status or record.status
        record.end(failure.details.outcome, self.clock.monotonic())

    def _close(self, record: CallRecord) -> None:
        if record.ended_at is None:
            record.end("cancelled", self.clock.monotonic())
        if record.call.counted and record.first_byte_at is not None and record.ended_at is not None:
            self.output_speeds.learn(
                record.model, record.usage.output, record.ended_at - record.first_byte_at
            )
        self.hooks.call_ended(record, local=self.local)
