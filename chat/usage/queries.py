"""Query the ledger for a date range, for the API and the command line: sums by group, cost, savings."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from chat.usage.amounts import dollars
from chat.usage.date_range import Span, offsets
from context.audit.savings import periods
from store.ledger import reports
from store.ledger.aggregates import Dimension, Label, Selection
from store.ledger.reports import Report, Sums


def answer(
    connection: Connection,
    span: Span,
    by: Sequence[Dimension],
    *,
    owner_id: str | None,
    only: Mapping[Label, str],
    limit: int,
    top_model: str,
) -> Report:
    """The sums of a date range, for one owner or everybody (None). `top_model`: what all calls are compared with."""
    selection = Selection(owner_id=owner_id, start=span.start, end=span.end, only=only)
    first = reports.first_call(connection, selection)
    top = () if first is None else periods(top_model, start=first, end=span.end)
    return reports.report(connection, selection, by, limit=limit, days=offsets(span), top=top)


def cost_of(sums: Sums) -> str | None:
    """The cost of a group in USD; None when nothing in it has a price."""
    return None if sums.unpriced and not sums.cost else dollars(sums.cost)


def saved_of(sums: Sums) -> str | None:
    """What routing and caching saved in a group, in USD; None when nothing in it can be compared."""
    return dollars(sums.on_top - sums.compared) if sums.compared or sums.on_top else None
