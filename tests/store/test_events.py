"""The event log of a turn: read in order and in stretches, repeated without harm, deleted by turn."""

import asyncio
from collections.abc import Sequence
from functools import partial

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from store import events, turns
from store.database import Database
from tests.store.rows import thread
from tests.store.tenants import new_turn


@pytest.fixture
async def logs(database: Database) -> Database:
    """Two turns of ada, `one` with five events and `two` with one."""
    for name in ("one", "two"):
        await thread(database, name)
        turn = new_turn("ada", name, name, None)
        await database.write(partial(turns.add, turn=turn))
    await events.append(database, events.rows("one", 1, "abcde"))
    await events.append(database, events.rows("two", 1, "z"))
    return database


async def after(
    database: Database, seq: int, *, limit: int = 500, turn: str = "one", owner: str = "ada"
) -> list[tuple[int, str]]:
    return await database.read(lambda connection: events.after(connection, owner, turn, seq, limit=limit))


async def test_a_log_is_read_from_a_number_on_and_in_stretches(logs: Database) -> None:
    assert await after(logs, 0) == list(enumerate("abcde", start=1))
    assert await after(logs, 2) == [(3, "c"), (4, "d"), (5, "e")]
    assert await after(logs, 1, limit=2) == [(2, "b"), (3, "c")]
    assert await after(logs, 5) == []
    await events.append(logs, events.rows("one", 6, ["x"] * 600))
    assert len(await after(logs, 0)) == 500


async def test_the_newest_number_is_that_of_the_turns_own_log(logs: Database) -> None:
    def last(connection: Connection) -> list[int]:
        return [
            events.last_seq(connection, owner, turn)
            for owner, turn in (("ada", "one"), ("ada", "two"), ("bob", "one"), ("ada", "none"))
        ]

    assert await logs.read(last) == [5, 1, 0, 0]
    assert await after(logs, 0, owner="bob") == []


@pytest.mark.parametrize(
    ("first", "payloads"), [(1, "abcde"), (2, "bc"), (5, "e")], ids=["all", "some", "the last"]
)
async def test_rows_that_are_stored_already_are_accepted(logs: Database, first: int, payloads: str) -> None:
    await events.append(logs, events.rows("one", first, payloads))
    assert await after(logs, 0) == list(enumerate("abcde", start=1))


@pytest.mark.parametrize(("first", "payloads"), [(1, "abcdX"), (1, "Xbcde"), (2, "bX"), (5, "ef"), (4, "dz")])
async def test_other_rows_with_the_same_numbers_are_refused_and_change_nothing(
    logs: Database, first: int, payloads: Sequence[str]
) -> None:
    with pytest.raises(IntegrityError):
        await events.append(logs, events.rows("one", first, payloads))
    assert await after(logs, 0) == list(enumerate("abcde", start=1))


async def test_of_rows_that_are_appended_together_only_those_that_collide_are_refused(logs: Database) -> None:
    appended = [("one", 6, "f"), ("one", 5, "X"), ("two", 1, "z"), ("two", 2, "y")]
    outcomes = await asyncio.gather(
        *(events.append(logs, events.rows(*row)) for row in appended), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [type(None), IntegrityError, type(None), type(None)]
    assert await after(logs, 4) == [(5, "e"), (6, "f")]
    assert await after(logs, 0, turn="two") == [(1, "z"), (2, "y")]


async def test_rows_of_another_turn_are_no_repetition(logs: Database) -> None:
    with pytest.raises(IntegrityError):
        await events.append(logs, events.rows("two", 1, "a"))
    assert await after(logs, 0, turn="two") == [(1, "z")]


async def test_only_the_logs_that_are_named_are_deleted(logs: Database) -> None:
    await logs.write(partial(events.remove, turn_ids=["one", "none"]))
    assert (await after(logs, 0), await after(logs, 0, turn="two")) == ([], [(1, "z")])
