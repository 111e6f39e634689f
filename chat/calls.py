"""The one door to the model: every upstream call, whatever it is for, goes through here and leaves a ledger row.

errand ... on whose behalf a call is made, and for what
record ... the call as it goes, from waiting for a place to its end; it becomes the ledger row
caller ... waits for a place (chat.upstream.gate), sends, keeps the times, and knows how it ended
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal

from chat.access.budgets import Budgets, CallDoesNotFit
from chat.clock import Clock
from chat.observe.watch import Watch
from chat.upstream.client import Call, Upstream
from chat.upstream.failures import UpstreamFailure
from chat.upstream.gate import Gate, Kind, Place, Wish
from chat.upstream.wire import Piece
from context.budgets import worst_case
from context.catalog import Tier
from context.headroom import Need
from context.pricing import Usage, price, price_table
from store import calls
from store.calls import OpenCall
from store.database import Database

LEASE = 10_000  # milliseconds a process may be silent before its turns count as abandoned
CALL_LEASE = 60_000  # the same of its calls: what they set aside is given back then, which must not happen to one that is only slow

KINDS: dict[str, Kind] = {
    "reply": "reply",
    "classify": "spare",  # a reply waits for it: better no second opinion than a second queue
}
"""How a call for a purpose stands in line; every other one can wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """On whose behalf and for what a call is made. `token` and `feature` are the labels its turn came with."""

    owner_id: str
    thread_id: str | None
    purpose: str
    turn_id: str | None = None
    token: str | None = None
    feature: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large a call is, in tokens: its prompt as expected and at most, and its output limit.

    `fresh` is the part of the prompt that is not read from the cache, `answer` how long the answer will probably be: what rate
    limits are charged with.
    """

    prompt: int
    bound: int
    output: int
    fresh: int
    answer: int


UNHEARD = ("cancelled", "interrupted", "timeout")  # ends of calls that were left before any answer came


@dataclass(slots=True, kw_only=True)
class CallRecord:
    """One upstream call as it goes; right at every moment. Seconds on the monotonic clock, `created_at` in milliseconds."""

    id: str
    errand: Errand
    model: str
    tier: Tier | None
    size: Size
    attempt: int
    created_at: int
    asked_at: float
    again: bool = False  # whether its turn has counted as one of its tier's
    call: Call = field(default_factory=Call)
    sent_at: float | None = None
    first_byte_at: float | None = None
    first_word_at: float | None = None
    ended: float | None = None
    outcome: str = "cancelled"
    status: int | None = None
    characters: int = 0
    noted: bool = False  # whether it may have been sent, so that the ledger must know of it
    place: Place | None = None

    def heard(self, words: str, now: float) -> None:
        """More words came."""
        self.characters += len(words)
        if self.first_word_at is None:
            self.first_word_at = now
            if self.place is not None:
                self.place.spoke()

    def end(self, outcome: str, now: float) -> None:
        """The call is over."""
        self.outcome, self.ended = outcome, now

    @property
    def begun(self) -> bool:
        """Whether the provider accepted the request, so that it costs something."""
        return self.call.upstream_id is not None

    @property
    def counts(self) -> bool:
        """Whether it is a request to request budgets: the provider took it up, or may have."""
        return self.begun or self.estimated

    @property
    def usage(self) -> Usage:
        """Tokens as counted by the provider; of a call whose count never came what is known of it.

        A cut answer used at least what was heard; one that was accepted, or waited for in vain, its prompt as expected; one the
        provider turned away, or refused before it said anything, nothing: that is not billed (upstream facts, refusals).
        """
        if self.outcome == "refusal" and self.call.counted and not self.call.usage.output:
            return Usage()
        if self.call.counted:
            return self.call.usage
        if self.begun:
            return replace(self.call.usage, output=max(self.call.usage.output, tokens_of(self.characters)))
        return Usage(input=self.size.prompt) if self.estimated else Usage()

    def cost(self, *, local: bool) -> Decimal | None:
        """What the call cost in USD, at the price of the model that answered; None when nobody knows it. The local model is free.

        A gateway may call its models by names of its own: then the price of the model that was asked counts.
        """
        if local:
            return Decimal(0)
        found = price(self.call.model, self.usage) if self.call.model else None
        return price(self.model, self.usage) if found is None else found

    @property
    def estimated(self) -> bool:
        """Whether the provider may have counted something that it never told us."""
        if self.call.counted or self.sent_at is None:
            return False
        return self.begun or self.status == 200 or (self.status is None and self.outcome in UNHEARD)


def tokens_of(characters: int) -> int:
    """Tokens of text of which only the length is known: 2.5 characters each (upstream facts §1.4)."""
    return -(-characters * 2 // 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Makes upstream calls. `holder` names this process; `local`: calls cost nothing."""

    upstream: Upstream
    gate: Gate
    database: Database
    holder: str
    clock: Clock
    local: bool
    watch: Watch = field(default_factory=Watch)
    budgets: Budgets = field(default_factory=Budgets)

    def record(
        self,
        errand: Errand,
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
            errand=errand,
            model=model,
            tier=tier,
            size=size,
            attempt=attempt,
            again=again,
            created_at=self.clock.now(),
            asked_at=self.clock.monotonic(),
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

        `patience` and `tell` as in chat.upstream.gate. Raises UpstreamFailure for everything the provider or the way to it can do.
        Whoever iterates ends the record of an answer that came whole; one that is left without that counts as cancelled.
        """
        self.watch.call_begins(record, body)
        try:
            kind = KINDS.get(record.errand.purpose, "side")
            async with self._place(record, kind, patience, tell) as place:
                await self._send(record)
                async with self.upstream.ask(body, record.call) as pieces, aclosing(pieces):
                    record.first_byte_at, record.status = self.clock.monotonic(), 200
                    place.answered(record.call.headers)
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
        self.watch.call_begins(record, body)
        try:
            async with self._place(record, "spare") as place:
                await self._send(record)
                await self.upstream.touch(body, record.call)
                record.first_byte_at, record.status = self.clock.monotonic(), 200
                place.answered(record.call.headers)
                record.end("ok", self.clock.monotonic())
        except UpstreamFailure as failure:
            self._failed(record, failure)
            raise
        finally:
            self._over(record)

    @asynccontextmanager
    async def _place(
        self,
        record: CallRecord,
        kind: Kind,
        patience: float | None = None,
        tell: Callable[[int], None] | None = None,
    ) -> AsyncIterator[Place]:
        errand, size = record.errand, record.size
        wish = Wish(
            model=record.model,
            owner=errand.owner_id,
            need=Need(input=size.fresh, output=size.answer),
            kind=kind,
            turn=errand.turn_id,
            patience=patience,
        )
        async with self.gate.place(wish, tell) as place:
            record.place = place
            try:
                yield place
            finally:
                place.produced(record.usage.output)

    async def _send(self, record: CallRecord) -> None:
        """Note the call durably, so that the ledger will know of it even if this process dies; set its worst case aside.

        Raises CallDoesNotFit.
        """
        errand, now = record.errand, self.clock.now()
        call = OpenCall(
            id=record.id,
            owner_id=errand.owner_id,
            thread_id=errand.thread_id,
            turn_id=errand.turn_id,
            token=errand.token,
            feature=errand.feature,
            purpose=errand.purpose,
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
            await self.database.write(lambda connection: calls.add(connection, call))
        # The moment of noting also dates the ledger row: both belong to the same budget period.
        record.sent_at, record.created_at = self.clock.monotonic(), now

    def _failed(self, record: CallRecord, failure: UpstreamFailure) -> None:
        record.status = failure.status or record.status
        record.end(failure.trouble.outcome, self.clock.monotonic())

    def _over(self, record: CallRecord) -> None:
        if record.ended is None:
            record.end("cancelled", self.clock.monotonic())
        self.watch.call_ended(record, local=self.local)
