"""Sums over the ledger: exact, in SQL, grouped as asked.

Money is summed in picodollars and tokens as integers, so that every sum is exact on both databases. A call without a price is
counted apart and never as zero. Percentiles are those of `percentile_cont`: of Postgres itself, and by window functions on SQLite.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, Literal, get_args

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Row,
    Select,
    Subquery,
    and_,
    case,
    cast,
    func,
    literal,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from context.pricing import DAY, Prices, Usage
from context.savings import ONLY_HERE, Period
from store.tables import usage

Label = Literal["model", "user", "thread", "purpose", "feature", "tier", "outcome", "token"]
Dimension = Literal["day", "model", "user", "thread", "purpose", "feature", "tier", "outcome", "token"]
DIMENSIONS: Final[tuple[Dimension, ...]] = get_args(Dimension)
LABELS: Final[tuple[Label, ...]] = get_args(Label)
KINDS: Final = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output", "reasoning")
EPOCH: Final = date(1970, 1, 1).toordinal()
SHARES: Final = {"p50": 0.5, "p95": 0.95}

_COLUMNS: Mapping[Label, ColumnElement[Any]] = {
    "model": func.coalesce(usage.c.model_answered, usage.c.model_asked),
    "user": usage.c.owner_id,
    "thread": usage.c.thread_id,
    "purpose": usage.c.purpose,
    "feature": usage.c.feature,
    "tier": usage.c.tier,
    "outcome": usage.c.outcome,
    "token": usage.c.token,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which calls: from `start` on and before `end` (milliseconds), of one owner or of everybody (None), with these labels."""

    owner_id: str | None
    start: int
    end: int
    only: Mapping[Label, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offset:
    """From `start` on days begin `ahead` milliseconds before those of UTC."""

    start: int
    ahead: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Some calls together. Money in picodollars; `group` has the values of the dimensions asked for, days as dates.

    `cost` is that of the priced calls; `unpriced` counts the others that used anything. `failed` are those that are neither
    ok, refused nor cancelled. `first_token_ms` are percentiles over calls that said something; empty when none did.
    `compared` and `on_top` are what the calls that can be compared cost, and would have cost (see context.savings).
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
    """Groups, newest day first and then dearest first; `more` when there were others. `total` is over all of them."""

    groups: tuple[Sums, ...]
    more: bool
    total: Sums


async def report(
    connection: AsyncConnection,
    selection: Selection,
    by: Sequence[Dimension],
    *,
    limit: int,
    days: Sequence[Offset] = (Offset(start=0, ahead=0),),
    top: Sequence[Period] = (),
) -> Report:
    """Sums by the dimensions given, at most `limit` groups. `top`: prices of the model everything is compared with."""
    grouped = _sums(connection, selection, tuple(by), days, top).limit(limit + 1)
    rows = (await connection.execute(grouped)).all() if by else []
    total = (await connection.execute(_sums(connection, selection, (), days, top))).one()
    return Report(
        groups=tuple(_value(row, by) for row in rows[:limit]),
        more=len(rows) > limit,
        total=_value(total, ()),
    )


async def first_call(connection: AsyncConnection, selection: Selection) -> int | None:
    """When the first of these calls was made: nothing need be known about earlier days."""
    found: int | None = await connection.scalar(
        select(func.min(usage.c.created_at)).where(*conditions(selection))
    )
    return found


def conditions(selection: Selection) -> list[ColumnElement[bool]]:
    """What a row must be to be selected."""
    found = [usage.c.created_at >= selection.start, usage.c.created_at < selection.end]
    if selection.owner_id is not None:
        found.append(usage.c.owner_id == selection.owner_id)
    return found + [_COLUMNS[name] == value for name, value in selection.only.items()]


def _sums(
    connection: AsyncConnection,
    selection: Selection,
    by: tuple[Dimension, ...],
    days: Sequence[Offset],
    top: Sequence[Period],
) -> Select[Any]:
    own = connection.dialect.name == "postgresql"
    calls = _calls(selection, by, days, top, ranked=not own)
    keys = [calls.c[f"key{n}"] for n in range(len(by))]
    measures = [
        func.count().label("calls"),
        *(_count(calls.c.outcome == kind).label(name) for name, kind in _OUTCOMES.items()),
        _count(calls.c.outcome.not_in(_OUTCOMES.values())).label("failed"),
        _count(calls.c.estimated).label("estimated"),
        _count(and_(calls.c.cost_pico.is_(None), calls.c.tokens > 0)).label("unpriced"),
        *(func.coalesce(func.sum(calls.c[kind]), 0).label(kind) for kind in KINDS),
        *(
            func.coalesce(func.sum(calls.c[name]), 0).label(name)
            for name in ("cost_pico", "compared", "on_top")
        ),
    ]
    query = select(*keys, *measures, *(_percentiles(calls) if own else _by_rank(calls))).select_from(calls)
    newest = [key.desc() for key, name in zip(keys, by, strict=True) if name == "day"]
    return query.group_by(*keys).order_by(
        *newest, func.coalesce(func.sum(calls.c.cost_pico), 0).desc(), *keys
    )


_OUTCOMES = {"ok": "ok", "refused": "refusal", "cancelled": "cancelled"}


def _calls(
    selection: Selection,
    by: tuple[Dimension, ...],
    days: Sequence[Offset],
    top: Sequence[Period],
    *,
    ranked: bool,
) -> Subquery:
    """The selected rows with what they are grouped by and compared with; `ranked` by their time to the first token."""
    keys = [_day(days) if name == "day" else _COLUMNS[name] for name in by]
    prompt = (
        cast(usage.c.input, BigInteger) + usage.c.cache_read + usage.c.cache_write_5m + usage.c.cache_write_1h
    )
    comparable = (
        and_(usage.c.cost_pico.is_not(None), usage.c.price_table.is_not(None)) if top else literal(False)
    )
    columns: list[ColumnElement[Any]] = [
        *(key.label(f"key{n}") for n, key in enumerate(keys)),
        usage.c.outcome,
        usage.c.estimated,
        *(usage.c[kind] for kind in KINDS),
        (prompt + usage.c.output).label("tokens"),
        usage.c.cost_pico,
        usage.c.first_token_ms,
        case((comparable, usage.c.cost_pico)).label("compared"),
        case(
            (and_(comparable, usage.c.purpose.not_in(ONLY_HERE)), _on_top(top, prompt)),
            else_=literal(0, BigInteger),
        ).label("on_top"),
    ]
    if ranked:
        spoken = usage.c.first_token_ms.is_not(None)
        columns += [
            (func.row_number().over(partition_by=[*keys, spoken], order_by=usage.c.first_token_ms) - 1).label(
                "rank"
            ),
            func.count(usage.c.first_token_ms).over(partition_by=keys).label("spoken"),
        ]
    return select(*columns).where(*conditions(selection)).subquery()


def _day(days: Sequence[Offset]) -> ColumnElement[int]:
    """The number of the local day since 1970: one division, the same on both databases."""
    ahead: ColumnElement[int] = literal(days[0].ahead, BigInteger)
    if len(days) > 1:
        ahead = case(
            *(
                (usage.c.created_at >= one.start, literal(one.ahead, BigInteger))
                for one in reversed(days[1:])
            ),
            else_=ahead,
        )
    return (usage.c.created_at + ahead) // literal(DAY, BigInteger)


def _on_top(top: Sequence[Period], prompt: ColumnElement[int]) -> ColumnElement[int]:
    """What a call would have cost on that model, uncached, at the price of its day and of its prompt's length."""

    def cost(prices: Prices) -> ColumnElement[int]:
        return prompt * literal(prices.input, BigInteger) + usage.c.output * literal(
            prices.output, BigInteger
        )

    def stepped(period: Period) -> ColumnElement[int]:
        (_, base), *steps = period.table.steps
        longer = [(prompt > start, cost(prices)) for start, prices in reversed(steps)]
        return case(*longer, else_=cost(base)) if longer else cost(base)

    if not top:
        return literal(0, BigInteger)
    later = [(usage.c.created_at >= one.start, stepped(one)) for one in reversed(top[1:])]
    return case(*later, else_=stepped(top[0])) if later else stepped(top[0])


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _percentiles(calls: Subquery) -> list[ColumnElement[Any]]:
    return [
        func.percentile_cont(share).within_group(calls.c.first_token_ms).label(name)
        for name, share in SHARES.items()
    ]


def _by_rank(calls: Subquery) -> list[ColumnElement[Any]]:
    """The two values a percentile lies between, and where it lies between them."""
    found: list[ColumnElement[Any]] = [func.max(calls.c.spoken).label("spoken")]
    for name, share in SHARES.items():
        below = cast(share * (calls.c.spoken - 1), Integer)
        heard = calls.c.first_token_ms.is_not(None)
        for suffix, rank in (("low", calls.c.rank == below), ("high", calls.c.rank == below + 1)):
            found.append(
                func.max(case((and_(heard, rank), calls.c.first_token_ms))).label(f"{name}_{suffix}")
            )
    return found


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
        first_token_ms=_first_token(row),
        compared=int(row.compared),
        on_top=int(row.on_top),
    )


def _first_token(row: Row[Any]) -> dict[str, float]:
    if hasattr(row, "spoken"):
        if not row.spoken:
            return {}
        return {name: _between(row, name, share * (row.spoken - 1)) for name, share in SHARES.items()}
    return {name: float(getattr(row, name)) for name in SHARES if getattr(row, name) is not None}


def _between(row: Row[Any], name: str, position: float) -> float:
    low, high = getattr(row, f"{name}_low"), getattr(row, f"{name}_high")
    return float(low) if high is None else low + (high - low) * (position - int(position))
