"""One upstream call as it goes, from waiting for a slot to its end; it becomes the ledger row."""

from dataclasses import dataclass, field, replace
from decimal import Decimal

from chat.upstream.admission import Slot
from chat.upstream.client import Call
from context.models.catalog import Tier
from context.models.pricing import Usage, price


@dataclass(frozen=True, slots=True, kw_only=True)
class CallContext:
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
    call_context: CallContext
    model: str
    tier: Tier | None
    size: Size
    attempt: int
    created_at: int
    requested_at: float
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
    slot: Slot | None = None

    def received(self, words: str, now: float) -> None:
        """More words came."""
        self.characters += len(words)
        if self.first_word_at is None:
            self.first_word_at = now
            if self.slot is not None:
                self.slot.first_token()

    def end(self, outcome: str, now: float) -> None:
        """The call is over."""
        self.outcome, self.ended = outcome, now

    @property
    def accepted_upstream(self) -> bool:
        """Whether the provider accepted the request, so that it costs something."""
        return self.call.upstream_id is not None

    @property
    def counts(self) -> bool:
        """Whether it is a request to request budgets: the provider took it up, or may have."""
        return self.accepted_upstream or self.estimated

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
        if self.accepted_upstream:
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
        return (
            self.accepted_upstream or self.status == 200 or (self.status is None and self.outcome in UNHEARD)
        )


def tokens_of(characters: int) -> int:
    """Tokens of text of which only the length is known: 2.5 characters each (upstream facts §1.4)."""
    return -(-characters * 2 // 5)
