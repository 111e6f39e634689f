"""Sum ledger entries by group: exact, in SQL.

Money is summed in picodollars and tokens as integers, so that every sum is exact on both databases. A call without a price is
counted apart and never as zero.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import Connection, Row, func, select

from context.audit.savings import Period
from context.models.pricing import Usage
from store.ledger import percentiles
from store.ledger.aggregates import KINDS, Dimension, Offset, Selection, conditions, sums
from store.tables import ledger_entries

EPOCH: Final = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Some calls together. Money in picodollars; `group` has the values of the dimensions asked for, days as dates.

    `cost` is that of the priced calls; `unpriced` counts the others that used tokens. `failed` are neither ok, refused nor cancelled.
    `first_token_ms`: percentiles over calls with a first token; empty when there are none. `compared` and `on_top`: what the
    comparable calls cost, and would have cost on the top model (see context.audit.savings).
    """

    group: tuple[str | None, ...]
    calls: int
    ok: int
    refused: int
    cancelled: int
    failed: int
    estimated: int
    unpriced: int
    usage: Usage
    cost: int
    first_token_ms: Mapping[str, float]
    compared: int
    on_top: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Groups, newest day first, then by cost; `more` when there are others. `total` is over all of them."""

    groups: tuple[Sums, ...]
    more: bool
    total: Sums


def report(
    connection: Connection,
    selection: Selection,
    by: Sequence[Dimension],
    *,
    limit: int,
    days: Sequence[Offset] = (Offset(start=0, ahead=0),),
    top: Sequence[Period] = (),
) -> Report:
    """Sums by the dimensions given, at most `limit` groups. `top`: prices of the model everything is compared with."""
    grouped = sums(connection, selection, tuple(by), days, top).limit(limit + 1)
    rows = connection.execute(grouped).all() if by else []
    total = (connection.execute(sums(connection, selection, (), days, top))).one()
    return Report(
        groups=tuple(_value(row, by) for row in rows[:limit]),
        more=len(rows) > limit,
        total=_value(total, ()),
    )


def first_call(connection: Connection, selection: Selection) -> int | None:
    """When the first of these calls was made; None when there are none."""
    first: int | None = connection.scalar(
        select(func.min(ledger_entries.c.created_at)).where(*conditions(selection))
    )
    return first


def _value(row: Row[Any], by: Sequence[Dimension]) -> Sums:
    keys = zip(by, tuple(row), strict=False)  # the keys come first in a row
    return Sums(
        group=tuple(
            date.fromordinal(EPOCH + key).isoformat() if name == "day" else key for name, key in keys
        ),
        calls=row.calls,
        ok=int(row.ok),
        refused=int(row.refused),
        cancelled=int(row.cancelled),
        failed=int(row.failed),
        estimated=int(row.estimated),
        unpriced=int(row.unpriced),
        usage=Usage(**{kind: int(getattr(row, kind)) for kind in KINDS}),
        cost=int(row.cost_pico),
        first_token_ms=percentiles.read(row),
        compared=int(row.compared),
        on_top=int(row.on_top),
    )
