"""What budget counters begin with, by scope and unit, and which of them are settled, read and removed: at both sides of every limit."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select

from context.limits.budgets import Budget, BudgetAccount, Counter, Scope, Unit, counters
from context.models.pricing import Usage, usd
from store import tables, turns
from store.database import Database
from store.ledger import budgets, entries
from store.ledger.budgets import KEPT, KEPT_MINUTES, RECENT, RECENT_MINUTES, Change, CounterState, DoesNotFit
from tests.store.ledger import call
from tests.store.rows import thread
from tests.store.tenants import new_turn

NOW = 1_795_000_000_000
DAY = 86_400_000
ACCOUNT = BudgetAccount(owner_id="ada", thread_id="t", token="laptop", tier="simple", model="m")


def counter(scope: Scope = "user", unit: Unit = "tokens", period: str = "day", *, at: int = NOW) -> Counter:
    budget = Budget(scope=scope, unit=unit, period=period, limit=100)  # type: ignore[arg-type]
    (drawn,) = counters([budget], ACCOUNT, at)
    return drawn


async def stored(database: Database, *rows: dict[str, Any]) -> None:
    """Counters as rows, each with nothing used unless it says so."""
    empty = {"used": 0, "reserved": 0, "alerted": 0, "refused_at": None}
    values = [empty | row for row in rows]
    await database.write(lambda connection: connection.execute(insert(tables.budgets), values))


async def keys(database: Database) -> set[tuple[str, int]]:
    c = tables.budgets.c
    return await database.read(
        lambda connection: {
            (row.key, row.period_start) for row in connection.execute(select(c.key, c.period_start))
        }
    )


CALLS: tuple[dict[str, Any], ...] = (
    {},  # counts for everybody: two tokens and three picodollars
    {"turn_id": "first", "purpose": "reply"},
    {"turn_id": "first", "purpose": "title"},
    {"turn_id": "other", "purpose": "title"},
    {"upstream_id": None, "turn_id": "unsent"},
    {"upstream_id": None, "turn_id": "estimated", "estimated": True},
    {"owner_id": "bob"},
    {"thread_id": "s"},
    {"owner_id": "bob", "thread_id": "s"},
    {"token": "phone"},
    {"tier": "complex"},
    {"requested_model": "n"},
)
# How many of the calls count: calls of any kind, calls that were billed, and turns that a tier answered.
COUNTED: dict[Scope, tuple[int, int, int]] = {
    "deployment": (12, 11, 0),
    "user": (10, 9, 0),
    "thread": (9, 8, 0),
    "token": (11, 10, 0),
    "tier": (11, 10, 3),
    "model": (11, 10, 0),
}


@pytest.mark.parametrize("scope", COUNTED)
async def test_a_counter_begins_with_the_calls_of_its_subject(database: Database, scope: Scope) -> None:
    used = Usage(input=1, output=1)
    row = call(
        0, used=used, cost=usd(3), turn_id="turn", token="laptop", tier="simple", requested_model="m", upstream_id="u",
        created_at=NOW,
    )  # fmt: skip
    rows = [replace(row, id=f"call_{number}", **more) for number, more in enumerate(CALLS)]

    def write(connection: Connection) -> None:
        for entry in rows:
            entries.add(connection, entry)

    await database.write(write)
    calls, billed, answered = COUNTED[scope]
    selected = [counter(scope, unit) for unit in ("usd", "tokens", "requests")]
    statuses = await database.read(partial(budgets.statuses, counters=selected))
    requests = {"tier": answered, "model": billed}.get(scope, 0)  # others count turns
    assert [status.used for status in statuses] == [3 * calls, 2 * calls, requests]
    assert {status.reserved for status in statuses} == {0}


async def test_every_kind_of_token_counts_once(database: Database) -> None:
    used = Usage(
        input=1, cache_read=20, cache_write_5m=300, cache_write_1h=4_000, output=50_000, reasoning=600_000
    )
    await database.write(partial(entries.add, entry=call(0, used=used, created_at=NOW)))
    (status,) = await database.read(partial(budgets.statuses, counters=[counter()]))
    assert status.used == 54_321, "reasoning is part of the output"
    assert await database.read(partial(budgets.statuses, counters=[])) == ()


async def test_requests_are_the_turns_that_were_accepted_in_the_period(database: Database) -> None:
    day = counter(unit="requests")
    times = (day.period_start - 1, day.period_start, day.resets_at - 1, day.resets_at)
    for owner in ("ada", "bob"):
        for number, at in enumerate(times):
            await thread(database, f"t{number}", owner=owner)
            turn = replace(
                new_turn(owner, f"{owner}{number}", f"t{number}", None), created_at=at, token="laptop"
            )
            await database.write(partial(turns.add, turn=turn))
    selected = [counter(scope, "requests") for scope in ("deployment", "user", "token")]
    statuses = await database.read(partial(budgets.statuses, counters=selected))
    assert [status.used for status in statuses] == [4, 2, 4]


async def test_only_the_counter_of_its_period_is_settled_with_all_changes_of_it(database: Database) -> None:
    today, yesterday, other = counter(), counter(at=NOW - DAY), counter("thread")
    for target in (today, yesterday, other):
        await stored(
            database, {"key": target.key, "period_start": target.period_start, "used": 1, "reserved": 50}
        )
    change = partial(Change, key=today.key, period_start=today.period_start)
    changes = [
        change(used=4, reserved=-10),
        change(used=3, reserved=-20),
        change(used=2),
        change(reserved=-1),
        change(),
    ]
    await database.write(partial(budgets.settle, changes=changes))
    statuses = await database.read(partial(budgets.statuses, counters=[today, yesterday, other]))
    assert [(status.used, status.reserved) for status in statuses] == [(10, 19), (1, 50), (1, 50)]


async def test_what_is_reserved_is_used_up_to_the_limit_and_no_further(database: Database) -> None:
    target = counter()
    await database.write(partial(budgets.reserve, amounts=[(target, 40)]))
    await database.write(partial(budgets.reserve, amounts=[(target, 30)], use=True))
    with pytest.raises(DoesNotFit) as refused:
        await database.write(partial(budgets.reserve, amounts=[(target, 31)]))
    assert str(refused.value) == target.key
    await database.write(partial(budgets.reserve, amounts=[(target, 30)]))
    (status,) = await database.read(partial(budgets.statuses, counters=[target]))
    assert (status.used, status.reserved) == (30, 70)
    assert await database.read(partial(budgets.current_totals, now=NOW)) == [
        (target.key, target.period_start, 100)
    ]


async def test_counters_are_changed_in_the_order_of_their_keys(lite: Database) -> None:
    drawn = [counter(scope) for scope in ("user", "deployment", "thread", "model")]
    for target in drawn:
        await stored(lite, {"key": target.key, "period_start": target.period_start})
    statements: list[str] = []

    def watched(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        driver.set_trace_callback(statements.append)
        budgets.reserve(connection, [(target, 1) for target in drawn])
        changes = [Change(key=target.key, period_start=target.period_start, used=1) for target in drawn]
        budgets.settle(connection, changes)
        driver.set_trace_callback(None)

    await lite.write(watched)
    named = [key for line in statements for key in (target.key for target in drawn) if f"'{key}'" in line]
    assert named == sorted(target.key for target in drawn) * 2


async def test_only_the_first_refusal_is_recorded(database: Database) -> None:
    refused, other = counter(), counter("thread")
    for at in (NOW, NOW + 5):
        await database.write(partial(budgets.mark_refused, counter=refused, now=at))
    await stored(database, {"key": other.key, "period_start": other.period_start})
    c = tables.budgets.c
    times = await database.read(
        lambda connection: {
            row.key: row.refused_at for row in connection.execute(select(c.key, c.refused_at))
        }
    )
    assert times == {refused.key: NOW, other.key: None}


async def test_a_counter_may_need_an_alert_from_the_lowest_threshold_on(database: Database) -> None:
    limits = [replace(counter().budget, limit=101), counter("thread", "usd").budget]
    key, usd_key = "user:{}|tokens|day", "thread:ada/{}|usd|day"
    await stored(
        database,
        *(
            {"key": name, "period_start": NOW} | row
            for name, row in {
                key.format("under"): {"used": 80},
                key.format("at"): {"used": 81},
                key.format("alerted"): {"used": 101, "alerted": 100},
                key.format("lower"): {"used": 101, "alerted": 80},
                key.format("refused"): {"refused_at": 5},
                usd_key.format("at"): {"used": 80},
                usd_key.format("under"): {"used": 79},
                "token:at|tokens|day": {"used": 999},
                "user:at|usd|day": {"used": 999},
                "user:at|tokens|month": {"used": 999},
            }.items()
        ),
    )

    async def due(thresholds: tuple[int, ...]) -> list[CounterState]:
        return await database.read(
            partial(budgets.may_need_alert, now=NOW, limits=limits, thresholds=thresholds)
        )

    state = partial(CounterState, period_start=NOW, alerted=0, refused=False)
    assert await due((100, 80)) == sorted(
        (
            state(key=usd_key.format("at"), used=80),
            state(key=key.format("at"), used=81),
            state(key=key.format("lower"), used=101, alerted=80),
            state(key=key.format("refused"), used=0, refused=True),
        ),
        key=lambda row: row.key,
    )
    assert await due(()) == []
    assert await database.read(partial(budgets.may_need_alert, now=NOW, limits=[], thresholds=(80,))) == []


async def test_counters_of_long_ago_need_no_alert(database: Database) -> None:
    limits = [counter(period=period).budget for period in ("minute", "day")]
    day, minute = "user:ada|tokens|day", "user:ada|tokens|minute"
    starts = [(day, NOW - RECENT), (day, NOW), (minute, NOW - RECENT_MINUTES), (minute, NOW)]
    old = [(day, NOW - RECENT - 1), (minute, NOW - RECENT_MINUTES - 1), (minute, NOW - RECENT)]
    for key, start in (*reversed(starts), *old):
        await stored(database, {"key": key, "period_start": start, "used": 100})
    due = await database.read(partial(budgets.may_need_alert, now=NOW, limits=limits, thresholds=(80,)))
    assert [(row.key, row.period_start) for row in due] == starts


async def test_old_counters_are_removed_when_nothing_is_reserved(database: Database) -> None:
    day, minute = "user:ada|tokens|day", "user:ada|tokens|minute"
    stay = {(day, NOW - KEPT), (minute, NOW - KEPT_MINUTES), (day, NOW - KEPT_MINUTES - 1), (day, NOW)}
    go = {(day, NOW - KEPT - 1), (minute, NOW - KEPT_MINUTES - 1), (minute, NOW - KEPT)}
    await stored(database, *({"key": key, "period_start": start, "used": 9} for key, start in stay | go))
    held = {(day, NOW - KEPT - 2), (minute, NOW - KEPT_MINUTES - 2)}
    await stored(database, *({"key": key, "period_start": start, "reserved": 1} for key, start in held))
    await database.write(partial(budgets.remove_old, now=NOW))
    assert await keys(database) == stay | held


async def test_the_alert_for_a_threshold_is_claimed_for_one_counter_alone(database: Database) -> None:
    await stored(database, *({"key": key, "period_start": start} for key in ("a", "b") for start in (1, 2)))
    claim = partial(budgets.mark_alerted, key="a", period_start=1)
    claims = [await database.write(partial(claim, threshold=threshold)) for threshold in (80, 80, 79, 81)]
    assert claims == [True, False, False, True]
    alerted = await database.read(
        lambda connection: {
            (row.key, row.period_start): row.alerted for row in connection.execute(select(tables.budgets))
        }
    )
    assert alerted == {("a", 1): 81, ("a", 2): 0, ("b", 1): 0, ("b", 2): 0}
