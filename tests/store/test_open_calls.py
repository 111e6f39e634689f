"""Open calls: stored once, removed by one, abandoned by age or by lease."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from store import tables, turns
from store.database import Database
from store.ledger import open_calls
from store.ledger.open_calls import OpenCall
from tests.store.rows import thread
from tests.store.tenants import new_call, new_turn

HOUR = 3_600_000


def call(id: str, at: int = 100, **more: Any) -> OpenCall:
    return replace(new_call("ada", id), created_at=at, **more)


def leased(id: str, hours: float, **more: Any) -> OpenCall:
    """A call whose lease ends so many hours from now by the database's clock: on SQLite after its creation at 100."""
    return call(id, lease_until=100 + int(hours * HOUR), **more)


async def add(database: Database, *calls: OpenCall) -> list[bool]:
    return [await database.write(partial(open_calls.add, call=added)) for added in calls]


async def abandoned(database: Database, before: int | None, *, limit: int = 9, **more: Any) -> list[str]:
    rows = await database.read(partial(open_calls.abandoned, before=before, limit=limit, **more))
    return [row.id for row in rows]


async def test_a_call_is_stored_once_and_another_with_its_id_is_refused(database: Database) -> None:
    mine = call(
        "c", reserved=[{"key": "k", "period_start": 1, "amount": 5}], feature="search", lease_until=HOUR
    )
    assert await add(database, call("before it", 1, turn_id="another"), mine, mine) == [True, True, False]
    for other in (replace(mine, prompt=7), replace(mine, reserved=[]), replace(mine, owner_id="bob")):
        with pytest.raises(IntegrityError):
            await add(database, other)
    (stored,) = await database.read(partial(open_calls.of_turn, owner_id="ada", turn_id="turn_ada"))
    assert replace(stored, lease_until=HOUR) == mine


async def test_a_lease_counts_by_the_clock_of_the_database(lite: Database) -> None:
    await add(lite, call("c", at=100, lease_until=160))
    until = await lite.read(lambda connection: connection.scalar(select(tables.open_calls.c.lease_until)))
    assert until == 160


async def test_the_calls_of_a_turn_come_in_the_order_they_were_made(database: Database) -> None:
    await add(database, call("b", 2), call("c", 1), call("a", 2), call("other", 1, turn_id="another"))
    rows = await database.read(partial(open_calls.of_turn, owner_id="ada", turn_id="turn_ada"))
    assert [row.id for row in rows] == ["c", "a", "b"]


async def test_a_call_is_removed_by_one_alone(database: Database) -> None:
    await add(database, call("a"), call("b"), call("c"))
    removed = [await database.write(partial(open_calls.remove, ids=["a", "b", "none"])) for _ in range(2)]
    assert [{row.id for row in rows} for rows in removed] == [{"a", "b"}, set()]
    assert removed[0][0].reserved == []
    assert await abandoned(database, None) == ["c"]


async def test_calls_of_before_a_time_are_abandoned_oldest_first(database: Database) -> None:
    await add(database, call("late", 300), call("b", 200), call("a", 200), call("old", 100))
    assert await abandoned(database, 200) == ["old"]
    assert await abandoned(database, 201) == ["old", "a", "b"]
    assert await abandoned(database, None) == ["old", "a", "b", "late"]
    assert await abandoned(database, None, limit=2) == ["old", "a"]


async def test_of_other_processes_only_calls_without_a_lease_are_old(database: Database) -> None:
    await add(
        database, leased("mine", 9), leased("others", 9, holder="q"), call("others, no lease", holder="q"),
        leased("mine, new", 9, at=500),
    )  # fmt: skip
    assert await abandoned(database, 200, holder="process") == ["mine", "others, no lease"]


async def test_a_call_whose_lease_is_over_is_abandoned_unless_its_turn_runs(database: Database) -> None:
    await thread(database, "t")
    await database.write(partial(turns.add, turn=new_turn("ada", "running", "t", None)))
    await add(
        database, leased("over", -1), leased("alive", 1), leased("running", -1, turn_id="running"), call("none"),
        leased("no turn", -1, turn_id=None),
    )  # fmt: skip
    assert await abandoned(database, 0, now=100) == ["no turn", "over"]
    assert await abandoned(database, 101, now=100) == ["alive", "no turn", "none", "over", "running"]

    def end(connection: Connection) -> None:
        turns.finish(connection, "ada", "running", status="failed", usage=None, error=None, last_seq=1, now=2)

    await database.write(end)
    assert await abandoned(database, 0, now=100, limit=2) == ["no turn", "over"]
    assert await abandoned(database, 0, now=100) == ["no turn", "over", "running"]


async def test_a_process_closes_its_own_calls_but_those_of_running_turns(database: Database) -> None:
    await thread(database, "t")
    await database.write(partial(turns.add, turn=new_turn("ada", "running", "t", None)))
    await add(
        database, call("b"), call("a"), call("first", 50), call("in a turn", turn_id="running"), call("others", holder="q")
    )  # fmt: skip

    async def own(limit: int) -> list[str]:
        rows = await database.read(partial(open_calls.of_holder, holder="process", limit=limit))
        return [row.id for row in rows]

    assert (await own(9), await own(2)) == (["first", "a", "b"], ["first", "a"])


async def test_a_process_renews_the_leases_of_its_own_calls(database: Database) -> None:
    await add(database, leased("mine", -1), leased("others", -1, holder="q"))
    await database.write(partial(open_calls.renew, holder="process", now=100, lease=HOUR))
    assert await abandoned(database, 0, now=100) == ["others"]


async def test_only_leases_too_far_ahead_are_shortened(database: Database) -> None:
    await add(database, leased("far", 3), leased("near", 1.9), leased("over", -1), call("none"))

    def shorten(connection: Connection) -> dict[str, int | None]:
        open_calls.shorten_leases(connection, now=100, lease=HOUR)
        c = tables.open_calls.c
        return {row.id: row.lease_until for row in connection.execute(select(c.id, c.lease_until))}

    until = await database.write(shorten)
    assert until.pop("none") is None
    ends = {id: at for id, at in until.items() if at is not None}
    assert {id: round((at - ends["over"]) / HOUR, 1) for id, at in ends.items()} == {
        "far": 2.0,
        "near": 2.9,
        "over": 0.0,
    }


async def test_a_lease_that_ends_now_or_at_the_limit_stays(lite: Database) -> None:
    await add(lite, call("now", at=100, lease_until=100), call("limit", at=100, lease_until=100 + 2 * HOUR))
    assert await abandoned(lite, 0, now=100) == []
    assert await abandoned(lite, 0, now=101) == ["now"]
    await lite.write(partial(open_calls.shorten_leases, now=100, lease=HOUR))
    c = tables.open_calls.c
    until = await lite.read(
        lambda connection: connection.scalar(select(c.lease_until).where(c.id == "limit"))
    )
    assert until == 100 + 2 * HOUR
