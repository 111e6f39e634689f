"""Sums over the ledger are those of arithmetic, on both databases, and nobody sees another's."""

import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection

from context.audit.savings import ONLY_HERE, periods
from context.models.pricing import Usage, pico, price, price_table
from store.database import Database
from store.ledger.aggregates import DIMENSIONS, Dimension, Offset, Selection
from store.ledger.entries import Entry
from store.ledger.reports import Report, Sums, report
from tests.store.ledger import DAY, START, anything, call, keep

ALL = Selection(owner_id=None, start=START, end=START + 20 * DAY)
TOP = periods("claude-sonnet-4-5", start=ALL.start, end=ALL.end)

KEYS: dict[Dimension, Callable[[Entry], str | None]] = {
    "day": lambda row: datetime.fromtimestamp(row.created_at / 1000, UTC).date().isoformat(),
    "model": lambda row: row.response_model or row.requested_model,
    "user": lambda row: row.owner_id,
    "thread": lambda row: row.thread_id,
    "purpose": lambda row: row.purpose,
    "feature": lambda row: row.feature,
    "tier": lambda row: row.tier,
    "outcome": lambda row: row.outcome,
    "token": lambda row: row.token,
}


def by_hand(rows: Sequence[Entry], by: Sequence[Dimension]) -> dict[tuple[str | None, ...], Sums]:
    """What the report should say, call by call."""
    groups: dict[tuple[str | None, ...], list[Entry]] = defaultdict(list)
    for row in rows:
        groups[tuple(KEYS[name](row) for name in by)].append(row)
    return {key: together(key, members) for key, members in groups.items()}


def together(key: tuple[str | None, ...], rows: list[Entry]) -> Sums:
    def total(kind: str) -> int:
        return sum(getattr(row.usage, kind) for row in rows)

    compared = [row for row in rows if row.cost is not None and row.price_table is not None]
    spoke = [row.first_token_ms for row in rows if row.first_token_ms is not None]
    return Sums(
        group=key,
        calls=len(rows),
        ok=sum(row.outcome == "ok" for row in rows),
        refused=sum(row.outcome == "refusal" for row in rows),
        cancelled=sum(row.outcome == "cancelled" for row in rows),
        failed=sum(row.outcome not in {"ok", "refusal", "cancelled"} for row in rows),
        estimated=sum(row.estimated for row in rows),
        unpriced=sum(row.cost is None and row.usage.total > 0 for row in rows),
        usage=Usage(**{kind: total(kind) for kind in Usage.__slots__}),
        cost=sum(pico(row.cost) for row in rows if row.cost is not None),
        first_token_ms=percentiles(spoke),
        compared=sum(pico(row.cost) for row in compared if row.cost is not None),
        on_top=sum(on_top(row) for row in compared),
    )


def on_top(row: Entry) -> int:
    if row.purpose in ONLY_HERE:
        return 0
    cost = price("claude-sonnet-4-5", Usage(input=row.usage.prompt, output=row.usage.output))
    assert cost is not None
    return pico(cost)


def percentiles(values: list[int]) -> dict[str, float]:
    if not values:
        return {}
    if len(values) == 1:
        return {"p50": values[0], "p95": values[0]}
    cuts = statistics.quantiles(values, n=20, method="inclusive")
    return {"p50": cuts[9], "p95": cuts[18]}


def alike(sums: Sums, other: Sums) -> bool:
    assert sums.first_token_ms == pytest.approx(other.first_token_ms)
    return all(
        getattr(sums, name) == getattr(other, name) for name in Sums.__slots__ if name != "first_token_ms"
    )


@pytest.mark.parametrize(
    "by", [*((name,) for name in DIMENSIONS), ("day", "model"), ("user", "tier", "outcome"), ()]
)
async def test_every_grouping_adds_up_to_the_picodollar(
    database: Database, by: tuple[Dimension, ...]
) -> None:
    rows = anything(300)
    await keep(database, rows)
    result = await database.read(lambda connection: report(connection, ALL, by, limit=1_000, top=TOP))
    expected = by_hand(rows, by) if by else {}
    assert {group.group for group in result.groups} == expected.keys()
    assert all(alike(group, expected[group.group]) for group in result.groups)
    assert alike(result.total, together((), rows))
    assert not result.more


async def test_only_what_is_selected_counts(database: Database) -> None:
    rows = anything(200, seed=2)
    await keep(database, rows)
    selection = Selection(
        owner_id="ada", start=START + DAY, end=START + 5 * DAY, only={"purpose": "reply", "tier": "simple"}
    )
    result = await database.read(
        lambda connection: report(connection, selection, ("user", "model"), limit=1_000)
    )
    expected = [
        row
        for row in rows
        if (row.owner_id, row.purpose, row.tier) == ("ada", "reply", "simple")
        and selection.start <= row.created_at < selection.end
    ]
    assert expected
    assert result.total.calls == len(expected)
    assert {group.group[0] for group in result.groups} == {"ada"}
    assert (result.total.compared, result.total.on_top) == (0, 0), "nothing is compared with no model"


async def test_more_groups_than_asked_for_are_announced_and_the_total_has_them_all(
    database: Database,
) -> None:
    await keep(database, [call(n, thread_id=f"t{n}", used=Usage(input=n + 1)) for n in range(5)])

    def read(connection: Connection) -> list[Report]:
        return [report(connection, ALL, ("thread",), limit=limit) for limit in (2, 5)]

    result, whole = await database.read(read)
    assert ([group.group for group in result.groups], result.more) == ([("t4",), ("t3",)], True)
    assert result.total.calls == 5
    assert (len(whole.groups), whole.more) == (5, False)


async def test_an_unpriced_call_is_counted_apart(database: Database) -> None:
    unknown = "claude-nobody-knows"
    await keep(
        database,
        [call(1), call(2, model=unknown), call(3, model=unknown, used=Usage(), outcome="overloaded")],
    )
    result = await database.read(lambda connection: report(connection, ALL, ("model",), limit=9, top=TOP))
    by_model = {group.group[0]: group for group in result.groups}
    assert (by_model[unknown].unpriced, by_model[unknown].cost) == (1, 0), (
        "a call that used nothing costs nothing"
    )
    assert (result.total.unpriced, result.total.cost) == (1, by_model["claude-sonnet-5-5"].cost)


async def test_a_day_is_that_of_the_place_also_when_its_clocks_change(database: Database) -> None:
    midnight = START - START % DAY
    days = (Offset(start=0, ahead=3_600_000), Offset(start=midnight + DAY, ahead=-3_600_000))
    times = [midnight - 3_600_000, midnight - 3_600_001, midnight + DAY - 1, midnight + DAY + 3_599_999]
    await keep(database, [call(n, created_at=at) for n, at in enumerate(times)])
    selection = Selection(owner_id="ada", start=0, end=ALL.end)
    result = await database.read(
        lambda connection: report(connection, selection, ("day",), limit=9, days=days)
    )
    counts = {group.group[0]: group.calls for group in result.groups}
    assert list(counts.values()) == [1, 2, 1]
    assert counts["2026-11-18"] == 2, counts


async def test_the_price_of_a_long_prompt_is_that_of_its_length() -> None:
    table = price_table("claude-sonnet-4-5", now=START)
    assert table is not None
    assert [period.table for period in TOP] == [table]
    assert len(table.steps) == 2, "the sums above are over both"
    assert periods("claude-nobody-knows", start=ALL.start, end=ALL.end) == ()
