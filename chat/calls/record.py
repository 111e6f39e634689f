"""The record of one upstream call, from waiting for a slot to its end. It becomes the ledger row."""

from dataclasses import dataclass, field, replace
from decimal import Decimal

from chat.upstream.call import Call
from chat.upstream.model_state import Slot
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
    """The size of a call in tokens: its prompt as estimated (`prompt`) and at most (`bound`), and its output limit (`output`).

    `fresh`: the part of the prompt that is not read from the cache. `answer`: the expected length of the answer. These two count
    towards the provider's rate limits.
    """

    prompt: int
    bound: int
    output: int
    fresh: int
    answer: int


NO_RESPONSE = (
    "cancelled",
    "interrupted",
    "timeout",
)  # outcomes of calls that were ended before a response arrived


@dataclass(slots=True, kw_only=True)
class CallRecord:
    """One upstream call; every field is right at every moment. Seconds on the monotonic clock, `created_at` in milliseconds.

    `again`: its turn has already counted as a request of its tier. `opened`: it may have been sent, so that it needs a ledger row.
    `text_at`: when the first text arrived that was no thinking. `speed`: tokens a second that the model writes, 0 if unknown.
    """

    id: str
    call_context: CallContext
    model: str
    tier: Tier | None
    size: Size
    attempt: int
    created_at: int
    requested_at: float
    again: bool = False
    call: Call = field(default_factory=Call)
    sent_at: float | None = None
    first_byte_at: float | None = None
    first_token_at: float | None = None
    ended_at: float | None = None
    outcome: str = "cancelled"
    status: int | None = None
    characters: int = 0
    opened: bool = False
    text_characters: int = 0
    text_at: float | None = None
    speed: float = 0.0
    slot: Slot | None = None

    def received(self, text: str, now: float, *, kind: str = "text") -> None:
        """More text arrived; `kind` as in `TextDelta`."""
        self.characters += len(text)
        if kind == "text":
            self.text_characters += len(text)
            self.text_at = now if self.text_at is None else self.text_at
        if self.first_token_at is None:
            self.first_token_at = now
            if self.slot is not None:
                self.slot.first_token()

    def end(self, outcome: str, now: float) -> None:
        """The call is over."""
        self.outcome, self.ended_at = outcome, now

    @property
    def accepted_upstream(self) -> bool:
        """Whether the provider accepted the request, so that it costs something."""
        return self.call.upstream_id is not None

    @property
    def counts(self) -> bool:
        """Whether it counts in request budgets: the provider accepted it, or may have."""
        return self.accepted_upstream or self.estimated

    @property
    def usage(self) -> Usage:
        """Tokens as counted by the provider; an estimate where the final count never arrived.

        An answer that was cut off used at least the text that arrived, and what the model may have thought before it. A call that was
        accepted, or timed out, used its prompt as estimated. A call the provider rejected used nothing; neither did a refusal before any
        output, which is not billed (Claude API documentation, page "Refusals and fallback").
        """
        if self.outcome == "refusal" and self.call.counted and not self.call.usage.output:
            return Usage()
        if self.call.counted:
            return self.call.usage
        if self.accepted_upstream:
            return replace(self.call.usage, output=max(self.call.usage.output, self._output_so_far))
        return Usage(input=self.size.prompt) if self.estimated else Usage()

    @property
    def _output_so_far(self) -> int:
        """Tokens of an answer whose count never arrived: of the text by its length, of the thinking by its summary's length or by the time
        it took, whichever is more; by time, at most the output limit.
        """
        heard = tokens_of(self.characters)
        if self.first_byte_at is None or self.ended_at is None:
            return heard
        until = self.ended_at if self.text_at is None else self.text_at
        thought = round((until - self.first_byte_at) * self.speed)
        return max(heard, min(self.size.output, thought + tokens_of(self.text_characters)))

    def cost(self, *, local: bool) -> Decimal | None:
        """The cost in USD at the price of the model that answered; None when it has no price. The local model is free.

        A gateway may use its own names for models: then the price of the requested model counts.
        """
        if local:
            return Decimal(0)
        cost = price(self.call.model, self.usage) if self.call.model else None
        return price(self.model, self.usage) if cost is None else cost

    @property
    def estimated(self) -> bool:
        """Whether the provider may have billed tokens whose count never arrived."""
        if self.call.counted or self.sent_at is None:
            return False
        return (
            self.accepted_upstream
            or self.status == 200
            or (self.status is None and self.outcome in NO_RESPONSE)
        )


def tokens_of(characters: int) -> int:
    """Tokens of a text of which only the length is known: 2.5 characters each.

    Claude API documentation, page "Models overview": 1 million tokens are about 2.5 million characters for current models.
    """
    return -(-characters * 2 // 5)
