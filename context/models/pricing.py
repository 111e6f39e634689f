"""Prices of tokens per model and prompt length, in picodollars, from the table of `genai-prices`; no price is written down here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from importlib.metadata import version
from typing import Final, Literal

from genai_prices import Usage as PricedUsage
from genai_prices import calc_price
from genai_prices.types import TieredPrices

PRICE_TABLE = f"genai-prices {version('genai-prices')}"

PICO: Final = 10**12  # picodollars in a dollar
DAY: Final = 86_400_000  # milliseconds

Ttl = Literal["5m", "1h"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one upstream call, in the kinds that are priced apart; they do not overlap, except `reasoning`.

    `reasoning` is the part of `output` that was spent on thinking.
    """

    input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0

    @property
    def prompt(self) -> int:
        """All tokens of the prompt, cached or not."""
        return self.input + self.cache_read + self.cache_write_5m + self.cache_write_1h

    @property
    def total(self) -> int:
        return self.prompt + self.output


def price(model_id: str, usage: Usage) -> Decimal | None:
    """The cost of one call in USD, or None when the table does not know the model ("unpriced", never zero)."""
    try:
        return calc_price(
            PricedUsage(
                input_tokens=usage.prompt,
                cache_read_tokens=usage.cache_read,
                cache_write_tokens=usage.cache_write_5m + usage.cache_write_1h,
                cache_write_1h_tokens=usage.cache_write_1h,
                output_tokens=usage.output,
            ),
            model_id,
            provider_id="anthropic",
        ).total_price
    except LookupError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What one token of each kind costs, in picodollars (1e-12 USD): integers, so that sums are exact.

    One row of a model's price table: some models cost more per token in prompts above a certain length.
    """

    input: int
    output: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int

    def write(self, ttl: Ttl) -> int:
        """The price of a cache write for that TTL."""
        return self.cache_write_5m if ttl == "5m" else self.cache_write_1h

    def cost(self, usage: Usage) -> int:
        """Picodollars for that usage."""
        return (
            usage.input * self.input
            + usage.cache_read * self.cache_read
            + usage.cache_write_5m * self.cache_write_5m
            + usage.cache_write_1h * self.cache_write_1h
            + usage.output * self.output
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTable:
    """A model's prices by prompt length: each applies to all tokens of a prompt longer than its start.

    `steps` is sorted and begins with 0. `known` is False when the amounts are assumed, which is good enough for
    weighing one request against another and must never be shown or billed.
    """

    model: str
    steps: tuple[tuple[int, Prices], ...]
    known: bool = True

    def at(self, prompt_tokens: int) -> Prices:
        """The prices of a prompt of that many tokens, cached ones included."""
        return next(
            (prices for start, prices in reversed(self.steps) if prompt_tokens > start), self.steps[0][1]
        )

    def dearer_above(self, prompt_tokens: int = 0) -> int | None:
        """The next prompt length above which every token costs more, or None."""
        return next((start for start, _ in self.steps[1:] if start >= prompt_tokens), None)

    def cost(self, usage: Usage) -> int:
        """Picodollars of a call."""
        return self.at(usage.prompt).cost(usage)


@lru_cache(maxsize=256)
def _table(model_id: str, day: int) -> PriceTable | None:
    when = datetime.fromtimestamp(0, UTC) + timedelta(days=day, hours=12)
    probe = PricedUsage(input_tokens=1)
    try:
        priced = calc_price(probe, model_id, provider_id="anthropic", genai_request_timestamp=when)
    except LookupError:
        return None
    tiered = [rate for rate in vars(priced.model_price).values() if isinstance(rate, TieredPrices)]
    starts = sorted({0, *(tier.start for rate in tiered for tier in rate.tiers)})
    return PriceTable(
        model=model_id, steps=tuple((start, _rates(model_id, start + 1, when)) for start in starts)
    )


def price_table(model_id: str, *, now: int) -> PriceTable | None:
    """The prices of a model on the day of `now` (milliseconds since 1970 UTC); None when the table does not know it."""
    return _table(model_id, now // DAY)


def assumed(model_id: str, known: Sequence[PriceTable]) -> PriceTable:
    """Prices to plan with for a model the table does not know: those of the dearest model at hand, marked as assumed."""
    dearest = max(known, key=lambda table: table.steps[0][1].input, default=None) or _anything()
    return PriceTable(model=model_id, steps=dearest.steps, known=False)


@lru_cache(maxsize=1)
def _anything() -> PriceTable:
    """Proportions for a deployment none of whose models is priced: every token costs the same, caching gains nothing."""
    flat = Prices(input=1, output=1, cache_read=1, cache_write_5m=1, cache_write_1h=1)
    return PriceTable(model="", steps=((0, flat),), known=False)


def _rates(model_id: str, tokens: int, when: datetime) -> Prices:
    """What one token of each kind costs in a prompt of that length, as the library would bill it."""

    def rate(usage: PricedUsage, count: int) -> int:
        priced = calc_price(usage, model_id, provider_id="anthropic", genai_request_timestamp=when)
        return round(priced.total_price * PICO / count)

    empty = calc_price(
        PricedUsage(input_tokens=tokens), model_id, provider_id="anthropic", genai_request_timestamp=when
    ).total_price
    with_output = calc_price(
        PricedUsage(input_tokens=tokens, output_tokens=1),
        model_id,
        provider_id="anthropic",
        genai_request_timestamp=when,
    ).total_price
    return Prices(
        input=round(empty * PICO / tokens),
        output=round((with_output - empty) * PICO),
        cache_read=rate(PricedUsage(input_tokens=tokens, cache_read_tokens=tokens), tokens),
        cache_write_5m=rate(PricedUsage(input_tokens=tokens, cache_write_tokens=tokens), tokens),
        cache_write_1h=rate(
            PricedUsage(input_tokens=tokens, cache_write_tokens=tokens, cache_write_1h_tokens=tokens), tokens
        ),
    )


def usd(pico: int) -> Decimal:
    """Picodollars as exact US dollars."""
    return Decimal(pico).scaleb(-12)


def pico(usd: Decimal) -> int:
    """US dollars as exact picodollars. Raises ValueError when they are finer than that, which no price list is."""
    scaled = usd.scaleb(12)
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{usd} USD is no whole number of picodollars")
    return int(scaled)
