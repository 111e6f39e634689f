"""Savings: what the same calls would have cost with everything on one model and nothing cached.

What is compared, precisely. Each call is priced again from its own token counts: all tokens of its prompt as plain input, its
output as output, at that model's list price on the day of the call, tiers by prompt length included. Calls that only exist
because there are caches and cache states (`ONLY_HERE`) would not be made, so they cost nothing there, but what they cost is in what
was paid. Left out of both sides are calls that are unpriced and those of the local model. Token counts are the answering
model's own: another tokenizer would count otherwise, and another model would have said something else.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from context.models.pricing import DAY, PriceTable, price_table

ONLY_HERE: Final = ("keepalive", "classify")  # purposes of calls that renew a cache or choose a tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A price table and the time from which it holds, in milliseconds since 1970 UTC."""

    start: int
    table: PriceTable


def periods(model_id: str, *, start: int, end: int) -> tuple[Period, ...]:
    """The prices of a model between two times, oldest first; empty when some day of them is not in the table."""
    return _periods(model_id, start // DAY, max(start, end - 1) // DAY)


@lru_cache(maxsize=64)  # a year of days takes a third of a second to look up
def _periods(model_id: str, first: int, last: int) -> tuple[Period, ...]:
    made: list[Period] = []
    for day in range(first, last + 1):
        table = price_table(model_id, now=day * DAY)
        if table is None:
            return ()
        if not made or made[-1].table != table:
            made.append(Period(start=day * DAY, table=table))
    return tuple(made)
