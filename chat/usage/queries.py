"""What was spent in a span, and the amounts as clients see them: for the API and the command line alike."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncConnection

from chat.usage.date_range import Span, offsets
from context.audit.savings import periods
from context.models.pricing import usd
from store.ledger import reports
from store.ledger.aggregates import Dimension, Label, Selection
from store.ledger.reports import Report, Sums


async def answer(
    connection: AsyncConnection,
    asked: Span,
    by: Sequence[Dimension],
    *,
    owner_id: str | None,
    only: Mapping[Label, str],
    limit: int,
    top_model: str,
) -> Report:
    """The sums of a span, for one owner or everybody (None)."""
    selection = Selection(owner_id=owner_id, start=asked.start, end=asked.end, only=only)
    first = await reports.first_call(connection, selection)
    top = () if first is None else periods(top_model, start=first, end=asked.end)
    return await reports.report(connection, selection, by, limit=limit, days=offsets(asked), top=top)


def dollars(pico: int) -> str:
    """Picodollars as an exact decimal number of US dollars."""
    return plain(usd(pico))


def plain(amount: Decimal) -> str:
    """A decimal number without an exponent and without zeros that say nothing."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def cost_of(sums: Sums) -> str | None:
    """What a group cost in USD, or None when nothing in it has a price."""
    return None if sums.unpriced and not sums.cost else dollars(sums.cost)


def saved_of(sums: Sums) -> str | None:
    """What routing and caching saved on a group in USD; None when nothing in it can be compared."""
    return dollars(sums.on_top - sums.compared) if sums.compared or sums.on_top else None
