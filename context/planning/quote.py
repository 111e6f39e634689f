"""What a plan would cost with its model now, and what the next turn of the same kind would once this one's cache is written."""

from __future__ import annotations

from dataclasses import dataclass, replace

from context.models.pricing import PriceTable, Usage
from context.planning.planned import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Prices of a turn in picodollars, None when the model is unpriced; `why` the model cannot answer at all, or nothing.

    `again`: of the next turn, which reads what this one caches; equal to `price` where nothing is cached.
    """

    price: int | None = None
    again: int | None = None
    why: str = ""


def quote(plan: Plan, prices: PriceTable, output: int) -> Quote:
    """The prices of a plan with an answer of so many tokens."""
    if not prices.known:
        return Quote()
    now = replace(plan.estimated_usage, output=output)
    price = prices.cost(now)
    if plan.cache_use.ttls.window == "none" or not plan.cache_use.breakpoints:
        return Quote(price=price, again=price)
    grown = output + plan.estimate.new
    hour = plan.cache_use.ttls.window == "1h"
    later = Usage(
        cache_read=now.prompt - plan.estimate.recall,
        cache_write_5m=0 if hour else grown,
        cache_write_1h=grown if hour else 0,
        output=output,
    )
    return Quote(price=price, again=min(price, prices.cost(later)))
