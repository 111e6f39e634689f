"""Build the SQL that selects ledger entries and sums them by group: counts by outcome, tokens, cost, cost on the top model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Subquery,
    and_,
    case,
    cast,
    func,
    literal,
    select,
)

from context.audit.savings import ONLY_HERE, Period
from context.models.pricing import DAY, Prices
from store.ledger import percentiles
from store.tables import ledger_entries

Label = Literal["model", "user", "thread", "purpose", "feature", "tier", "outcome", "token"]
Dimension = Literal["day", "model", "user", "thread", "purpose", "feature", "tier", "outcome", "token"]
DIMENSIONS: Final[tuple[Dimension, ...]] = get_args(Dimension)
LABELS: Final[tuple[Label, ...]] = get_args(Label)
KINDS: Final = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output", "reasoning")
_OUTCOMES = {"ok": "ok", "refused": "refusal", "cancelled": "cancelled"}

_COLUMNS: Mapping[Label, ColumnElement[Any]] = {
    "model": func.coalesce(ledger_entries.c.response_model, ledger_entries.c.requested_model),
    "user": ledger_entries.c.owner_id,
    "thread": ledger_entries.c.thread_id,
    "purpose": ledger_entries.c.purpose,
    "feature": ledger_entries.c.feature,
    "tier": ledger_entries.c.tier,
    "outcome": ledger_entries.c.outcome,
    "token": ledger_entries.c.token,
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


def conditions(selection: Selection) -> list[ColumnElement[bool]]:
    """The WHERE conditions of a selection."""
    conditions = [ledger_entries.c.created_at >= selection.start, ledger_entries.c.created_at < selection.end]
    if selection.owner_id is not None:
        conditions.append(ledger_entries.c.owner_id == selection.owner_id)
    return conditions + [_COLUMNS[name] == value for name, value in selection.only.items()]


def sums(
    connection: Connection,
    selection: Selection,
    by: tuple[Dimension, ...],
    days: Sequence[Offset],
    top: Sequence[Period],
) -> Select[Any]:
    """A row for each group, newest day first, then dearest first, then by name; its first columns are what it is grouped by."""
    native = connection.dialect.name == "postgresql"
    calls = _calls(selection, by, days, top, ranked=not native)
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
    query = select(
        *keys, *measures, *(percentiles.native(calls) if native else percentiles.by_rank(calls))
    ).select_from(calls)
    newest = [key.desc() for key, name in zip(keys, by, strict=True) if name == "day"]
    # The databases would not agree where a group without a value stands.
    by_name = [key.nulls_first() for key in keys]
    return query.group_by(*keys).order_by(
        *newest, func.coalesce(func.sum(calls.c.cost_pico), 0).desc(), *by_name
    )


def _calls(
    selection: Selection,
    by: tuple[Dimension, ...],
    days: Sequence[Offset],
    top: Sequence[Period],
    *,
    ranked: bool,
) -> Subquery:
    """The selected rows with their group keys and comparison costs; `ranked` by their time to the first token."""
    keys = [_day(days) if name == "day" else _COLUMNS[name] for name in by]
    prompt = (
        cast(ledger_entries.c.input, BigInteger)
        + ledger_entries.c.cache_read
        + ledger_entries.c.cache_write_5m
        + ledger_entries.c.cache_write_1h
    )
    comparable = (
        and_(ledger_entries.c.cost_pico.is_not(None), ledger_entries.c.price_table.is_not(None))
        if top
        else literal(False)
    )
    columns: list[ColumnElement[Any]] = [
        *(key.label(f"key{n}") for n, key in enumerate(keys)),
        ledger_entries.c.outcome,
        ledger_entries.c.estimated,
        *(ledger_entries.c[kind] for kind in KINDS),
        (prompt + ledger_entries.c.output).label("tokens"),
        ledger_entries.c.cost_pico,
        ledger_entries.c.first_token_ms,
        case((comparable, ledger_entries.c.cost_pico)).label("compared"),
        case(
            (and_(comparable, ledger_entries.c.purpose.not_in(ONLY_HERE)), _on_top(top, prompt)),
            else_=literal(0, BigInteger),
        ).label("on_top"),
    ]
    if ranked:
        with_token = ledger_entries.c.first_token_ms.is_not(None)
        columns += [
            (
                func.row_number().over(
                    partition_by=[*keys, with_token], order_by=ledger_entries.c.first_token_ms
                )
                - 1
            ).label("rank"),
            func.count(ledger_entries.c.first_token_ms).over(partition_by=keys).label("with_token"),
        ]
    return select(*columns).where(*conditions(selection)).subquery()


def _day(days: Sequence[Offset]) -> ColumnElement[int]:
    """The number of the local day since 1970: one division, the same on both databases."""
    ahead: ColumnElement[int] = literal(days[0].ahead, BigInteger)
    if len(days) > 1:
        ahead = case(
            *(
                (ledger_entries.c.created_at >= offset.start, literal(offset.ahead, BigInteger))
                for offset in reversed(days[1:])
            ),
            else_=ahead,
        )
    return (ledger_entries.c.created_at + ahead) // literal(DAY, BigInteger)


def _on_top(top: Sequence[Period], prompt: ColumnElement[int]) -> ColumnElement[int]:
    """What a call would have cost on the top model, uncached, at the price of its day and of its prompt's length."""

    def cost(prices: Prices) -> ColumnElement[int]:
        return prompt * literal(prices.input, BigInteger) + ledger_entries.c.output * literal(
            prices.output, BigInteger
        )

    def stepped(period: Period) -> ColumnElement[int]:
        (_, base), *steps = period.table.steps
        longer = [(prompt > start, cost(prices)) for start, prices in reversed(steps)]
        return case(*longer, else_=cost(base)) if longer else cost(base)

    if not top:
        return literal(0, BigInteger)
    later = [(ledger_entries.c.created_at >= period.start, stepped(period)) for period in reversed(top[1:])]
    return case(*later, else_=stepped(top[0])) if later else stepped(top[0])


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
