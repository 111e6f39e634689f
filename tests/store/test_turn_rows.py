"""What a turn's row says: as it was added, with its plan, at its end; its lease, its cancellation and its log."""

from dataclasses import replace
from functools import partial
from time import time
from typing import Any

import pytest
from sqlalchemy import Connection, literal, select, text, update

from store import lease_clock, tables, turns
from store.database import Database
from store.turns import NewTurn, Turn
from tests.store.rows import thread
from tests.store.tenants import new_turn

HOUR = 3_600_000
ENDED: dict[str, Any] = {
    "status": "failed", "usage": {"input_tokens": 3}, "error": {"type": "overloaded"}, "last_seq": 7, "now": 90,
}  # fmt: skip


@pytest.fixture
async def three(database: Database) -> Database:
    """The threads `one`, `two` and `three` with a running turn each, `turn-one` and so on, of the process `p`."""
    for name in ("one", "two", "three"):
        await thread(database, name)
        await add(database, turn(name))
    return database


def turn(thread_id: str, **more: Any) -> NewTurn:
    new = new_turn("ada", f"turn-{thread_id}", thread_id, None)
    return replace(replace(new, lease_holder="p", lease=HOUR), **more)


async def add(database: Database, new: NewTurn) -> Turn:
    return await database.write(partial(turns.add, turn=new))


async def get(database: Database, thread_id: str) -> Turn:
    row = await database.read(partial(turns.get, owner_id="ada", turn_id=f"turn-{thread_id}"))
    assert row is not None
    return row


async def finish(database: Database, thread_id: str, **more: Any) -> bool:
    return await database.write(
        partial(turns.finish, owner_id="ada", turn_id=f"turn-{thread_id}", **(ENDED | more))
    )


async def column(database: Database, name: str) -> dict[str, Any]:
    query = text(f"SELECT thread_id, {name} AS value FROM turns")
    return await database.read(
        lambda connection: {row.thread_id: row.value for row in connection.execute(query)}
    )


async def test_a_turn_is_read_as_it_was_added(database: Database) -> None:
    await thread(database, "t")
    new = turn(
        "t", requested_model="complex", feature="search", idempotency_key="key", metadata={"a": 1}, created_at=5, leased_at=8
    )  # fmt: skip
    added = await add(database, new)
    assert added == await get(database, "t")
    assert added == Turn(
        id="turn-t", owner_id="ada", thread_id="t", user_message_id="q1", message_id="a1", status="running",
        requested_model="complex", token="token", feature="search", fingerprint="ada", window_start="ada", plan=None, usage=None,
        error=None, last_seq=0, cancel_requested=False, log_kept=True, created_at=5, finished_at=None,
    )  # fmt: skip
    assert [await column(database, name) for name in ("lease_holder", "meta ->> 'a'")] in (
        [{"t": "p"}, {"t": 1}],
        [{"t": "p"}, {"t": "1"}],
    )
    by_key = partial(turns.by_key, owner_id="ada")
    assert await database.read(partial(by_key, idempotency_key="key")) == added
    assert await database.read(partial(by_key, idempotency_key="other")) is None


async def test_the_end_of_a_turn_is_stored_with_all_that_belongs_to_it(three: Database) -> None:
    before = await get(three, "one")
    assert await finish(three, "one")
    assert await get(three, "one") == replace(
        before,
        status="failed",
        usage={"input_tokens": 3},
        error={"type": "overloaded"},
        last_seq=7,
        finished_at=90,
    )
    assert not await finish(three, "one", last_seq=9)
    assert (await get(three, "one")).last_seq == 7
    assert (await get(three, "two")).status == "running"
    assert await column(three, "lease_holder") == {"one": None, "two": "p", "three": "p"}


async def test_a_thread_and_its_turn_say_whether_it_runs(three: Database) -> None:
    def read(connection: Connection) -> list[tuple[bool, bool]]:
        return [
            (
                turns.running(connection, "ada", name) is not None,
                turns.is_running(connection, "ada", f"turn-{name}"),
            )
            for name in ("one", "two", "none")
        ]

    await finish(three, "one")
    assert await three.read(read) == [(False, False), (True, True), (False, False)]
    await add(three, turn("one", id="again"))
    rows = await three.read(partial(turns.of_thread, owner_id="ada", thread_id="one"))
    assert {row.id for row in rows} == {"turn-one", "again"}


async def test_a_plan_is_stored_with_the_start_of_its_window(three: Database) -> None:
    await three.write(
        partial(turns.set_plan, owner_id="ada", turn_id="turn-one", plan={"kind": "new"}, window_start="m5")
    )
    assert ((await get(three, "one")).plan, (await get(three, "two")).plan) == ({"kind": "new"}, None)

    def starts(connection: Connection) -> list[str | None]:
        return [turns.window_start(connection, "ada", f"turn-{name}") for name in ("one", "two", "none")]

    assert await three.read(starts) == ["m5", "ada", None]


async def test_only_a_running_turn_can_be_cancelled(three: Database) -> None:
    await finish(three, "one")
    for name in ("one", "two"):
        await three.write(partial(turns.request_cancel, owner_id="ada", turn_id=f"turn-{name}"))
    assert {name: (await get(three, name)).cancel_requested for name in ("one", "two", "three")} == {
        "one": False,
        "two": True,
        "three": False,
    }


async def test_a_process_renews_running_turns_of_its_own_and_hears_of_those_to_cancel(
    three: Database,
) -> None:
    for name, holder in (("others", "q"), ("quiet", "p")):
        await thread(three, name)
        await add(three, turn(name, lease_holder=holder))

    def renew(connection: Connection) -> list[str]:
        connection.execute(update(tables.turns).values(lease_until=1))
        for name in ("one", "two", "three", "others"):
            turns.request_cancel(connection, "ada", f"turn-{name}")
        turns.finish(connection, "ada", "turn-three", **ENDED)
        named = [f"turn-{name}" for name in ("one", "three", "others", "quiet")]
        return turns.renew_leases(connection, "p", named, now=0, lease=HOUR)

    assert await three.write(renew) == ["turn-one"], "the second is not named, the third has ended"
    until = await column(three, "lease_until")
    assert {name for name, end in until.items() if end > 1} == {"one", "quiet"}


async def test_leases_too_far_ahead_are_shortened_those_of_running_turns_alone(three: Database) -> None:
    def shorten(connection: Connection) -> None:
        for name, hours in (("turn-one", 3), ("turn-two", 1.9), ("turn-three", 3)):
            far = lease_clock.present(connection.dialect.name) + int(hours * HOUR)
            lease = update(tables.turns).where(tables.turns.c.id == name).values(lease_until=far)
            connection.execute(lease, {"now": 0})
        turns.finish(connection, "ada", "turn-three", **ENDED)
        turns.shorten_leases(connection, now=0, lease=HOUR)

    await three.write(shorten)
    until = await column(three, "lease_until")
    hours = {name: round((at - min(until.values())) / HOUR, 1) for name, at in until.items()}
    assert hours == {"one": 0.0, "two": 0.9, "three": 2.0}


async def test_leases_count_in_milliseconds_by_the_clock_of_the_database(database: Database) -> None:
    """On SQLite that is the clock of the process."""
    query = select(literal(0) + lease_clock.present(database.dialect))
    present = await database.read(lambda connection: connection.scalar(query, {"now": 77}))
    expected = 77 if database.dialect == "sqlite" else time() * 1_000
    assert present == pytest.approx(expected, abs=60_000 if database.dialect == "postgresql" else 0)


async def test_a_lease_that_ends_now_or_at_the_limit_stays(lite: Database) -> None:
    for name, leased_at in (("now", 100 - HOUR), ("limit", 100 + HOUR)):
        await thread(lite, name)
        await add(lite, turn(name, leased_at=leased_at))
    for now, expected in ((100, []), (101, ["turn-now"])):
        rows = await lite.read(partial(turns.abandoned, now=now))
        assert [row.id for row in rows] == expected
    for now, until in ((100, 100 + 2 * HOUR), (99, 99 + HOUR)):
        await lite.write(partial(turns.shorten_leases, now=now, lease=HOUR))
        assert await column(lite, "lease_until") == {"now": 100, "limit": until}


async def test_old_logs_are_those_of_turns_that_ended_before_and_each_is_deleted_once(
    three: Database,
) -> None:
    await finish(three, "one", now=90)
    await finish(three, "two", now=100)

    async def old(before: int, limit: int = 9) -> set[str]:
        return set(await three.read(partial(turns.with_old_logs, finished_before=before, limit=limit)))

    assert [await old(before) for before in (90, 100, 101)] == [set(), {"turn-one"}, {"turn-one", "turn-two"}]
    assert len(await old(101, limit=1)) == 1
    await three.write(partial(turns.forget_logs, turn_ids=["turn-one"]))
    assert await old(101) == {"turn-two"}
    assert [(await get(three, name)).log_kept for name in ("one", "two")] == [False, True]
