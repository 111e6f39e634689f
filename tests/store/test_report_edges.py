"""Reports at their limits: the order of equals, the moment a price or an offset begins, the length from which tokens cost more."""

from functools import partial
from typing import Any

import pytest

from context.audit.savings import ONLY_HERE, Period
from context.models.pricing import Prices, PriceTable, Usage, usd
from store.database import Database
from store.ledger.aggregates import LABELS, Dimension, Offset, Selection
from store.ledger.reports import Report, report
from tests.store.ledger import DAY, START, call, keep

ALL = Selection(owner_id=None, start=0, end=START * 2)
MIDNIGHT = START - START % DAY


async def reported(database: Database, *by: Dimension, selection: Selection = ALL, limit: int = 99) -> Report:
    return await database.read(partial(report, selection=selection, by=by, limit=limit))


async def test_the_newest_day_comes_first_then_the_dearest_group_then_the_first_by_name(
    database: Database,
) -> None:
    rows = [("b", 0, 2), ("a", 0, 2), (None, 0, 2), ("c", 0, 9), ("d", 1, 1), ("e", -1, 5)]
    await keep(
        database,
        [
            call(number, feature=feature, created_at=MIDNIGHT + day * DAY, cost=usd(cost))
            for number, (feature, day, cost) in enumerate(rows)
        ],
    )
    groups = (await reported(database, "feature")).groups
    assert [group.group[0] for group in groups] == ["c", "e", None, "a", "b", "d"]
    groups = (await reported(database, "feature", "day")).groups
    assert [group.group[0] for group in groups] == ["d", "c", None, "a", "b", "e"]
    first = await reported(database, "feature", limit=3)
    assert ([group.group[0] for group in first.groups], first.more) == (["c", "e", None], True)
    assert first.total.cost == 21


@pytest.mark.parametrize("label", LABELS)
async def test_a_report_is_over_the_calls_with_a_label(database: Database, label: str) -> None:
    column = {"user": "owner_id", "thread": "thread_id", "model": "response_model"}.get(label, label)
    bobs: dict[str, Any] = {column: "bob"}
    await keep(database, [call(1, **bobs), call(2, **bobs), call(3)])
    selection = Selection(owner_id=None, start=0, end=START * 2, only={label: "bob"})  # type: ignore[dict-item]
    assert (await reported(database, selection=selection)).total.calls == 2


async def test_a_model_is_the_one_that_answered_or_else_the_one_that_was_asked(database: Database) -> None:
    await keep(
        database,
        [
            call(1, requested_model="asked", response_model="answered"),
            call(2, requested_model="asked", response_model=None),
        ],
    )
    groups = (await reported(database, "model")).groups
    assert {(group.group[0], group.calls) for group in groups} == {("answered", 1), ("asked", 1)}


async def test_an_offset_holds_from_its_first_moment_on(database: Database) -> None:
    days = [
        Offset(start=start, ahead=ahead)
        for start, ahead in ((0, 0), (MIDNIGHT, DAY), (MIDNIGHT + 9, 3 * DAY))
    ]
    await keep(database, [call(n, created_at=MIDNIGHT + at) for n, at in enumerate((-1, 0, 8, 9))])
    result = await database.read(partial(report, selection=ALL, by=("day",), limit=9, days=days))
    shown = [(group.group[0], group.calls) for group in result.groups]
    assert shown == [("2026-11-21", 1), ("2026-11-19", 2), ("2026-11-17", 1)]


def table(*steps: tuple[int, int]) -> PriceTable:
    """Prices of which input costs so much and output ten times as much, from each length of a prompt on."""
    prices = {
        start: Prices(input=cost, output=10 * cost, cache_read=0, cache_write_5m=0, cache_write_1h=0)
        for start, cost in steps
    }
    return PriceTable(model="top", steps=tuple(prices.items()))


TOP = (
    Period(start=0, table=table((0, 1))),
    Period(start=START, table=table((0, 2), (100, 3), (200, 4))),
    Period(start=START + 9, table=table((0, 7))),
)


@pytest.mark.parametrize(
    ("at", "prompt", "cost"),
    [(-1, 500, 1), (0, 100, 2), (0, 101, 3), (0, 200, 3), (8, 201, 4), (9, 201, 7), (DAY, 1, 7)],
)
async def test_a_call_is_compared_at_the_price_of_its_time_and_length(
    database: Database, at: int, prompt: int, cost: int
) -> None:
    used = Usage(input=prompt - 4, cache_read=1, cache_write_5m=1, cache_write_1h=2, output=5)
    used = used if prompt > 4 else Usage(cache_read=prompt, output=5)
    await keep(
        database,
        [
            call(1, created_at=START + at, used=used, cost=usd(11)),
            call(2, created_at=START + at, used=used, cost=usd(100), purpose=ONLY_HERE[0]),
            call(3, created_at=START + at, used=used, cost=None),
            call(4, created_at=START + at, used=used, cost=usd(1_000), price_table=None),
        ],
    )
    result = await database.read(partial(report, selection=ALL, by=(), limit=9, top=TOP))
    assert (result.total.compared, result.total.on_top) == (111, cost * (prompt + 50))
    assert (result.total.cost, result.groups) == (1_111, ())
