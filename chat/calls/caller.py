"""The one door to the model: every upstream call, whatever it is for, goes through here and leaves a ledger row.

call context ... on whose behalf a call is made, and for what
record ... the call as it goes, from waiting for a place to its end; it becomes the ledger row
caller ... waits for a place (chat.upstream.admission), sends, keeps the times, and knows how it ended
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field

from chat.budgets.reservations import Budgets, CallDoesNotFit
from chat.calls.hooks import Hooks
from chat.calls.record import CallContext, CallRecord, Size
from chat.clock import Clock
from chat.upstream.admission import Admission, Kind, Slot, SlotRequest
from chat.upstream.client import Upstream
from chat.upstream.failures import UpstreamFailure
from chat.upstream.stream_decoder import Piece
from context.limits.budgets import worst_case
from context.limits.headroom import Need
from context.models.catalog import Tier
from context.models.pricing import price_table
from store.database import Database
from store.ledger import open_calls
from store.ledger.open_calls import OpenCall

LEASE = 10_000  # milliseconds a process may be silent before its turns count as abandoned
CALL_LEASE = 60_000  # the same of its calls: what they set aside is given back then, which must not happen to one that is only slow

KINDS: dict[str, Kind] = {
    "reply": "reply",
    "classify": "spare",  # a reply waits for it: better no second opinion than a second queue
}
"""How a call for a purpose stands in line; every other one can wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Makes upstream calls. `holder` names this process; `local`: calls cost nothing."""

    upstream: Upstream
    admission: Admission
    database: Database
    holder: str
    clock: Clock
    local: bool
    hooks: Hooks = field(default_factory=Hooks)
    budgets: Budgets = field(default_factory=Budgets)

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
        )

    @asynccontextmanager
    async def ask(
        self,
        record: CallRecord,
        body: bytes,
        *,
        patience: float | None = None,
        tell: Callable[[int], None] | None = None,
    ) -> AsyncIterator[AsyncGenerator[Piece]]:
        """Send exactly these bytes, when it is the call's turn, and iterate the answer's pieces. The record is ended whatever happens.

        `patience` and `tell` as in chat.upstream.admission. Raises UpstreamFailure for everything the provider or the way to it can do.
        Whoever iterates ends the record of an answer that came whole; one that is left without that counts as cancelled.
        """
        self.hooks.call_begins(record, body)
        try:
            kind = KINDS.get(record.call_context.purpose, "side")
            async with self._slot(record, kind, patience, tell) as slot:
                await self._send(record)
                async with self.upstream.ask(body, record.call) as pieces, aclosing(pieces):
                    record.first_byte_at, record.status = self.clock.monotonic(), 200
                    slot.answered(record.call.headers)
                    yield pieces
        except UpstreamFailure as failure:
            self._failed(record, failure)
            raise
        finally:
            self._over(record)

    async def touch(self, record: CallRecord, body: bytes) -> None:
        """Send a request that is not streamed and asks for no answer, unless there is more important traffic.

        Raises UpstreamFailure; the record is ended.
        """
        self.hooks.call_begins(record, body)
        try:
            async with self._slot(record, "spare") as slot:
                await self._send(record)
                await self.upstream.touch(body, record.call)
                record.first_byte_at, record.status = self.clock.monotonic(), 200
                slot.answered(record.call.headers)
                record.end("ok", self.clock.monotonic())
        except UpstreamFailure as failure:
            self._failed(record, failure)
            raise
        finally:
            self._over(record)

    @asynccontextmanager
    async def _slot(
        self,
        record: CallRecord,
        kind: Kind,
        patience: float | None = None,
        tell: Callable[[int], None] | None = None,
    ) -> AsyncIterator[Slot]:
        call_context, size = record.call_context, record.size
        slot_request = SlotRequest(
            model=record.model,
            owner=call_context.owner_id,
            need=Need(input=size.fresh, output=size.answer),
            kind=kind,
            turn=call_context.turn_id,
            patience=patience,
        )
        async with self.admission.slot(slot_request, tell) as slot:
            record.slot = slot
            try:
                yield slot
            finally:
                slot.produced(record.usage.output)

    async def _send(self, record: CallRecord) -> None:
        """Note the call durably, so that the ledger will know of it even if this process dies; set its worst case aside.

        Raises CallDoesNotFit.
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
        record.noted = True
        if self.budgets:
            prices = price_table(record.model, now=now)
            most = worst_case(prices, bound=record.size.bound, output=record.size.output, free=self.local)
            try:
                await self.budgets.note(self.database, call, most, again=record.again)
            except CallDoesNotFit:
                record.noted = False
                raise
        else:
            await self.database.write(lambda connection: open_calls.add(connection, call))
        # The moment of noting also dates the ledger row: both belong to the same budget period.
        record.sent_at, record.created_at = self.clock.monotonic(), now

    def _failed(self, record: CallRecord, failure: UpstreamFailure) -> None:
        record.status = failure.status or record.status
        record.end(failure.trouble.outcome, self.clock.monotonic())

    def _over(self, record: CallRecord) -> None:
        if record.ended is None:
            record.end("cancelled", self.clock.monotonic())
        self.hooks.call_ended(record, local=self.local)
