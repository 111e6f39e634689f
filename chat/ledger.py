"""What upstream calls used and cost, as ledger entries and as clients see it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from chat.clock import Clock
from chat.events import TokenUsage
from chat.upstream.client import Call
from context.pricing import PRICE_TABLE, Usage, price
from store.usage import Entry


@dataclass(slots=True, kw_only=True)
class CallRecord:
    """One upstream call as it goes."""

    call: Call
    model: str
    started: float
    created_at: int
    first_word_at: float | None = None
    ended: float | None = None
    outcome: str = "cancelled"
    characters: int = 0

    def heard(self, words: str, now: float) -> None:
        """More words came."""
        self.characters += len(words)
        if self.first_word_at is None:
            self.first_word_at = now

    def end(self, outcome: str, now: float) -> None:
        """The call is over."""
        self.outcome, self.ended = outcome, now

    @property
    def begun(self) -> bool:
        """Whether the provider accepted the request, so that it costs something."""
        return self.call.upstream_id is not None

    def usage(self, count: Callable[[int], int]) -> Usage:
        """Tokens as counted by the provider; for a cut call at least what was heard. A call never begun used none."""
        if not self.begun:
            return Usage()
        if self.call.counted:
            return self.call.usage
        heard = max(self.call.usage.output, count(self.characters))
        return replace(self.call.usage, output=heard)


def tokens_of(characters: int) -> int:
    """Tokens of text of which only the length is known: 2.5 characters each (upstream facts §1.4)."""
    return -(-characters * 2 // 5)


def entry(
    record: CallRecord,
    clock: Clock,
    *,
    owner_id: str,
    thread_id: str,
    turn_id: str | None,
    purpose: str,
    attempt: int = 1,
    local: bool,
) -> Entry:
    """The ledger row for one call. The local model is free; an unknown model is unpriced."""
    used = record.usage(tokens_of)
    answered = record.call.model or None
    cost = Decimal(0) if local else price(answered or record.model, used)
    ended = record.ended if record.ended is not None else clock.monotonic()
    first = None if record.first_word_at is None else round((record.first_word_at - record.started) * 1000)
    return Entry(
        id=clock.new_id("call"),
        owner_id=owner_id,
        thread_id=thread_id,
        turn_id=turn_id,
        purpose=purpose,
        model_asked=record.model,
        model_answered=answered,
        usage=used,
        cost=cost,
        price_table=None if local else PRICE_TABLE,
        estimated=record.begun and not record.call.counted,
        outcome=record.outcome,
        attempt=attempt,
        upstream_id=record.call.upstream_id,
        first_token_ms=first,
        total_ms=round((ended - record.started) * 1000),
        created_at=record.created_at,
    )


def total(rows: Sequence[Entry]) -> tuple[TokenUsage, Decimal | None]:
    """Tokens and cost of some calls together; the cost is None as soon as one of them is unpriced."""
    used = [row.usage for row in rows]
    prompt = sum(usage.prompt for usage in used)
    output = sum(usage.output for usage in used)
    costs = [row.cost for row in rows if row.usage.total]
    cost = (
        None
        if any(one is None for one in costs)
        else sum((one for one in costs if one is not None), Decimal(0))
    )
    tokens = TokenUsage(
        input_tokens=prompt,
        output_tokens=output,
        total_tokens=prompt + output,
        reasoning_tokens=sum(usage.reasoning for usage in used) or None,
        cached_input_tokens=sum(usage.cache_read for usage in used) or None,
        cache_write_input_tokens=sum(usage.cache_write_5m + usage.cache_write_1h for usage in used) or None,
    )
    return tokens, cost
