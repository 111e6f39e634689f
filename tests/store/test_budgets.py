"""Counters of budgets: never past the limit, whatever happens in whatever order, and sums that are exact."""

import asyncio
import random
from decimal import Decimal
from functools import partial

import pytest
from sqlalchemy import Connection, select

from context.limits.budgets import Budget, BudgetAccount, Counter, counters
from context.models.pricing import Usage, usd
from store import tables
from store.database import Database
from store.ledger import budgets, entries
from store.ledger.budgets import Change, DoesNotFit
from store.ledger.entries import Entry

NOW = 1_795_000_000_000
ADA = BudgetAccount(owner_id="ada", thread_id="t", token="laptop", tier="simple", model="m")


def counter(limit: int = 100, **budget: str) -> Counter:
    fields = {"scope": "user", "unit": "tokens", "period": "day", **budget}
    (drawn,) = counters([Budget(limit=limit, **fields)], ADA, NOW)  # type: ignore[arg-type]
    return drawn


def row(id: str, *, owner: str = "ada", at: int = NOW, tokens: int = 10, pico: int | None = 5) -> Entry:
    return Entry(
        id=id, owner_id=owner, thread_id="t", turn_id=None, token="laptop", tier="simple", purpose="reply", requested_model="m",
        response_model="m", usage=Usage(input=tokens - 1, output=1), cost=None if pico is None else usd(pico), price_table=None,
        estimated=False, outcome="ok", attempt=1, upstream_id="msg", total_ms=1, created_at=at,
    )  # fmt: skip


async def stands(database: Database, *selected: Counter) -> list[tuple[int, int]]:
    statuses = await database.read(lambda connection: budgets.statuses(connection, selected))
    return [(status.used, status.reserved) for status in statuses]


async def test_all_counters_have_room_or_none_is_changed(database: Database) -> None:
    wide, tight = counter(100), counter(10, period="month")
    await database.write(partial(budgets.reserve, amounts=[(wide, 10), (tight, 10)]))
    assert await stands(database, wide, tight) == [(0, 10), (0, 10)]
    with pytest.raises(DoesNotFit) as refused:
        await database.write(partial(budgets.reserve, amounts=[(wide, 1), (tight, 1)]))
    assert refused.value.counter == tight
    assert await stands(database, wide, tight) == [(0, 10), (0, 10)]
    with pytest.raises(DoesNotFit):
        await database.write(partial(budgets.reserve, amounts=[(wide, None)]))
    gave = [
        Change(key=reserved_counter.key, period_start=reserved_counter.period_start, used=4, reserved=-10)
        for reserved_counter in (wide, tight)
    ]
    await database.write(partial(budgets.settle, changes=gave))
    assert await stands(database, wide, tight) == [(4, 0), (4, 0)]


@pytest.mark.parametrize("seed", range(6))
async def test_the_limit_holds_under_any_order_of_reserving_settling_and_crashing(
    database: Database, seed: int
) -> None:
    chance = random.Random(seed)
    all_counters = [counter(60), counter(100, period="month"), counter(25, scope="deployment")]
    spent = dict.fromkeys((target.key for target in all_counters), 0)
    granted = refused = 0

    async def call() -> None:
        nonlocal granted, refused
        drawn = chance.sample(all_counters, chance.randint(1, 3))
        amount, really = chance.randint(1, 12), chance.random()
        try:
            await database.write(partial(budgets.reserve, amounts=[(target, amount) for target in drawn]))
        except DoesNotFit:
            refused += 1
            return
        granted += 1
        for held_counter, (used, reserved) in zip(
            all_counters, await stands(database, *all_counters), strict=True
        ):
            assert used + reserved <= held_counter.budget.limit
        await asyncio.sleep(0)
        # A crash only means that somebody else settles, from what was noted.
        used_up, noted = round(amount * really), budgets.reservations([(target, amount) for target in drawn])
        changes = [
            Change(
                key=reservation["key"],
                period_start=reservation["period_start"],
                used=used_up,
                reserved=-reservation["amount"],
            )
            for reservation in noted
        ]
        for settled_counter in drawn:
            spent[settled_counter.key] += used_up
        await database.write(partial(budgets.settle, changes=changes))

    await asyncio.gather(*(call() for _ in range(60)))
    assert granted
    assert refused
    totals = await stands(database, *all_counters)
    assert totals == [(spent[target.key], 0) for target in all_counters]


async def test_twenty_at_once_on_a_budget_for_one_make_one(database: Database) -> None:
    shared = counter(10)

    async def ask() -> bool:
        try:
            await database.write(partial(budgets.reserve, amounts=[(shared, 10)]))
        except DoesNotFit:
            return False
        return True

    assert sum(await asyncio.gather(*(ask() for _ in range(20)))) == 1


async def test_a_counter_begins_with_what_the_ledger_knows_of_its_period(database: Database) -> None:
    day = counter(100)
    start, end = day.period_start, day.resets_at

    def write(connection: Connection) -> None:
        for entry in (
            row("first", at=start), row("last", at=end - 1, pico=None), row("before", at=start - 1), row("after", at=end),
            row("bob's", owner="bob"),
        ):  # fmt: skip
            entries.add(connection, entry)

    await database.write(write)
    money = counter(100, unit="usd", scope="tier")
    answers = counter(100, unit="requests", scope="model")
    assert await stands(database, day, money, answers) == [(20, 0), (10, 0), (3, 0)]
    with pytest.raises(DoesNotFit):
        await database.write(partial(budgets.reserve, amounts=[(day, 81)]))
    await database.write(partial(budgets.reserve, amounts=[(day, 80)]))
    assert await stands(database, day) == [(20, 80)], "counted once, not with every call"
    assert usd(5) == Decimal("5E-12")


async def test_each_share_is_told_once_and_upwards_only(database: Database) -> None:
    shared = counter(100)
    await database.write(partial(budgets.reserve, amounts=[(shared, 90)], use=True))
    tell = partial(budgets.mark_alerted, key=shared.key, period_start=shared.period_start)
    alerts = await asyncio.gather(*(database.write(partial(tell, threshold=80)) for _ in range(8)))
    assert sum(alerts) == 1
    assert await database.write(partial(tell, threshold=100))
    assert not await database.write(partial(tell, threshold=80))

    def read(connection: Connection) -> None:
        assert budgets.may_need_alert(connection, NOW, [shared.budget], [80, 100]) == []
        (due,) = budgets.may_need_alert(connection, NOW, [shared.budget], [80, 101])
        assert (due.key, due.used, due.alerted, due.refused) == (shared.key, 90, 100, False)

    await database.read(read)


async def test_only_counters_that_may_have_to_be_told_are_read(database: Database) -> None:
    limits = [
        counter(100).budget,
        counter(1_000, period="month").budget,
        counter(9, scope="thread", unit="usd").budget,
    ]
    near, far, dropped = counter(100), counter(1_000, period="month"), counter(100, scope="model")
    for filled, used in ((near, 80), (far, 799), (dropped, 100)):
        await database.write(partial(budgets.reserve, amounts=[(filled, used)], use=True))

    def read(connection: Connection) -> None:
        (due,) = budgets.may_need_alert(connection, NOW, limits, (80, 100))
        assert due.key == near.key
        assert budgets.may_need_alert(connection, NOW, limits, ()) == []

    await database.read(read)
    await database.write(partial(budgets.mark_refused, counter=far, now=NOW))
    rows = await database.read(lambda connection: budgets.may_need_alert(connection, NOW, limits, (80, 100)))
    assert {due.key for due in rows} == {near.key, far.key}


async def test_how_full_budgets_are_is_read_from_running_periods_alone(database: Database) -> None:
    running = [counter(100, period=period) for period in ("minute", "day", "month")]
    for current in running:
        await database.write(partial(budgets.reserve, amounts=[(current, 1)]))
    (yesterday,) = counters([running[1].budget], ADA, NOW - 86_400_000)
    await database.write(partial(budgets.reserve, amounts=[(yesterday, 1)]))
    totals = await database.read(lambda connection: budgets.current_totals(connection, NOW))
    assert {(key, start) for key, start, _ in totals} == {
        (expected.key, expected.period_start) for expected in running
    }


async def test_counters_of_long_ago_are_forgotten_unless_something_is_set_aside(database: Database) -> None:
    def keys(connection: Connection) -> list[str]:
        return list(connection.scalars(select(tables.budgets.c.key).order_by(tables.budgets.c.key)))

    for old, amount in ((counter(100), 5), (counter(100, period="minute"), 0), (counter(9, unit="usd"), 0)):
        await database.write(partial(budgets.reserve, amounts=[(old, amount)]))
    await database.write(partial(budgets.remove_old, now=NOW + 2 * 86_400_000))
    assert await database.read(keys) == ["user:ada|tokens|day", "user:ada|usd|day"]
    await database.write(partial(budgets.remove_old, now=NOW + 200 * 86_400_000))
    assert await database.read(keys) == ["user:ada|tokens|day"]
