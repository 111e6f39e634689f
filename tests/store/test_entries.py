"""Ledger entries: replaced by id, read in order, page by page, and compared whole."""

from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

from sqlalchemy import Connection

from context.models.pricing import Usage
from store.database import Database
from store.ledger import entries
from store.ledger.aggregates import Selection, conditions
from store.ledger.entries import Entry
from store.ledger.reports import first_call
from tests.store.ledger import START, call, keep

ALL = Selection(owner_id=None, start=0, end=START * 2)


def ids(rows: list[Entry]) -> list[str]:
    return [row.id for row in rows]


async def test_an_entry_is_read_as_it_was_written_and_replaces_the_estimate_before(
    database: Database,
) -> None:
    used = Usage(input=1, cache_read=2, cache_write_5m=3, cache_write_1h=4, output=5, reasoning=6)
    exact = call(
        1, used=used, cost=Decimal("0.000001"), token="laptop", feature="search", tier="simple", status=200, queue_ms=7,
        first_byte_ms=8, first_token_ms=9, estimated_usage={"input": 1}, cache_miss="expired",
    )  # fmt: skip
    await keep(
        database, [replace(exact, cost=None, estimated=True, outcome="interrupted", usage=Usage()), exact]
    )
    get = partial(entries.get, owner_id="ada", call_id=exact.id)
    assert await database.read(get) == exact
    free = call(2, cost=Decimal(0))
    await keep(database, [free])
    assert (await database.read(partial(get, owner_id=None, call_id=free.id))) == free, "free is not unpriced"
    assert await database.read(partial(get, owner_id="bob")) is None
    assert await database.read(partial(get, call_id="none")) is None


async def test_only_the_entries_that_are_named_are_read(database: Database) -> None:
    await keep(database, [call(1), call(2), call(3)])
    named = partial(entries.some, ids=[call(2).id, "none"])
    assert ids(list(await database.read(named))) == [call(2).id]


async def test_the_cause_of_a_cache_miss_is_replaced_where_there_was_one(database: Database) -> None:
    await keep(database, [call(1, cache_miss="unknown"), call(2, cache_miss="unknown"), call(3)])
    for number in (1, 3):
        explain = partial(entries.explain, owner_id="ada", call_id=call(number).id, cache_miss="expired")
        await database.write(explain)
    rows = await database.read(partial(entries.some, ids=[call(number).id for number in (1, 2, 3)]))
    assert {row.id[-1]: row.cache_miss for row in rows} == {"1": "expired", "2": "unknown", "3": None}


async def test_rows_count_as_stored_when_every_one_is_there_as_it_is(database: Database) -> None:
    one, two, three = call(1), call(2), call(3)
    await keep(database, [one, two])
    for rows, expected in (
        ([one], True), ([two, one], True), ([], False), ([one, three], False), ([replace(one, attempt=2)], False),
        ([one, replace(two, cost=None)], False), ([replace(one, usage=Usage())], False),
    ):  # fmt: skip
        assert await database.read(partial(entries.hold, rows=rows)) is expected, ids(rows)


async def test_calls_come_in_order_of_attempt_in_a_turn_and_of_time_in_a_thread(database: Database) -> None:
    rows: list[dict[str, Any]] = [
        {"id": "b", "attempt": 1, "created_at": 3}, {"id": "c", "attempt": 2, "created_at": 1}, {"id": "a", "attempt": 1, "created_at": 3},
        {"id": "no thread", "thread_id": None, "turn_id": "other", "created_at": 2}, {"id": "other", "thread_id": "s", "created_at": 4},
    ]  # fmt: skip
    await keep(database, [call(1, **row) for row in rows])
    of_turn = await database.read(partial(entries.of_turn, owner_id="ada", turn_id="turn_1"))
    assert ids(of_turn) == ["a", "b", "other", "c"]
    for thread_id, expected in (("t", ["c", "a", "b"]), (None, ["no thread"]), ("none", [])):
        assert (
            ids(await database.read(partial(entries.of_thread, owner_id="ada", thread_id=thread_id)))
            == expected
        )
    assert await database.read(entries.all_threads) == [("ada", "t"), ("ada", None), ("ada", "s")]
    assert await database.read(partial(entries.all_threads, thread_id="s")) == [("ada", "s")]


async def test_threads_come_in_the_order_of_their_first_call_then_by_owner_and_name(
    database: Database,
) -> None:
    threads = [("bob", "a"), ("ada", "b"), ("ada", None), ("ada", "a"), ("cid", "z")]
    rows = [
        call(n, owner_id=owner, thread_id=thread, created_at=5) for n, (owner, thread) in enumerate(threads)
    ]
    await keep(database, [*rows, call(9, owner_id="cid", thread_id="z", created_at=1)])
    first, *equals = await database.read(entries.all_threads)
    assert first == ("cid", "z")
    assert equals == [("ada", None), ("ada", "a"), ("ada", "b"), ("bob", "a")]


async def test_every_page_goes_on_behind_the_entry_before(database: Database) -> None:
    times = {"c": 10, "a": 20, "b": 20, "d": 20, "e": 30}
    await keep(database, [call(1, id=id, created_at=at) for id, at in times.items()])

    def read(connection: Connection) -> None:
        page = partial(entries.page, connection, conditions(ALL), limit=2)
        first = page(after=None)
        then = page(after=first[-1])
        assert [ids(first), ids(then), ids(page(after=then[-1]))] == [["c", "a"], ["b", "d"], ["e"]]
        some = entries.page(
            connection, conditions(Selection(owner_id=None, start=20, end=30)), after=None, limit=9
        )
        assert ids(some) == ["a", "b", "d"], "from its start on and before its end"
        assert first_call(connection, ALL) == 10
        assert first_call(connection, Selection(owner_id="bob", start=0, end=99)) is None

    await database.read(read)
