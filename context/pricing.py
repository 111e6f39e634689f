"""What tokens cost, from the price table of `genai-prices`; no price is written down here."""

from dataclasses import dataclass
from decimal import Decimal
from importlib.metadata import version

from genai_prices import Usage as PricedUsage
from genai_prices import calc_price

PRICE_TABLE = f"genai-prices {version('genai-prices')}"


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
