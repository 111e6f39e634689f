"""Rounds of events on SQLite: stored together, copied to the turns' logs, restored after a crash, erased with a thread."""

from functools import partial

import pytest
from sqlalchemy import Connection, text

from store import event_rounds, events, threads, turns
from store.database import Database
from store.events import Batch
from tests.store.rows import thread
from tests.store.tenants import new_turn

FIRST = [Batch("one", 1, ["a", "b"]), Batch("two", 1, ["x"])]
SECOND = [Batch("one", 3, ["c"])]


@pytest.fixture
async def logs(lite: Database) -> Database:
    """Two running turns of ada, `one` and `two`, each in a thread of that name."""
    for name in ("one", "two"):
        await thread(lite, name)
        await lite.write(partial(turns.add, turn=new_turn("ada", name, name, None)))
    return lite


async def add(
    database: Database, round_: list[Batch], logs: list[Batch] | None = None, unneeded: int = 0
) -> tuple[int | None, set[str]]:
    return await database.write(partial(event_rounds.add, round_=round_, logs=logs or [], unneeded=unneeded))


async def in_rounds(database: Database) -> list[tuple[int, list[Batch]]]:
    return await database.read(event_rounds.rounds)


async def log(database: Database, turn: str) -> str:
    rows = await database.read(lambda connection: events.after(connection, "ada", turn, 0))
    assert [seq for seq, _ in rows] == list(range(1, len(rows) + 1))
    return "".join(payload for _, payload in rows)


async def test_a_round_is_one_row_with_the_events_of_many_turns(logs: Database) -> None:
    assert await add(logs, FIRST) == (1, set())
    assert await add(logs, SECOND) == (2, set())
    assert await in_rounds(logs) == [(1, FIRST), (2, SECOND)]
    assert (await log(logs, "one"), await log(logs, "two")) == ("", "")


async def test_events_are_copied_and_rounds_that_are_not_needed_removed_at_once(logs: Database) -> None:
    await add(logs, FIRST)
    whole = [Batch("one", 1, ["a", "b", "c"])]
    assert await add(logs, [Batch("two", 2, ["y"])], whole, unneeded=0) == (2, set())
    assert await log(logs, "one") == "abc"
    assert await add(logs, [], [Batch("two", 1, ["x", "y"]), *whole], unneeded=1) == (None, set())
    assert (await log(logs, "one"), await log(logs, "two")) == ("abc", "xy"), "what is there is left as it is"
    assert [number for number, _ in await in_rounds(logs)] == [2]


async def test_the_number_of_a_round_is_never_used_again(logs: Database) -> None:
    await add(logs, FIRST)
    await logs.write(partial(event_rounds.remove, upto=1))
    assert await in_rounds(logs) == []
    assert await add(logs, FIRST) == (2, set())


@pytest.mark.parametrize("gone", ["ended", "deleted"])
async def test_nothing_is_stored_of_a_turn_that_is_not_running(logs: Database, gone: str) -> None:
    def end(connection: Connection) -> None:
        if gone == "deleted":
            threads.remove(connection, "ada", "one")
        else:
            turns.finish(connection, "ada", "one", status="failed", usage=None, error=None, last_seq=0, now=2)

    await logs.write(end)
    assert await add(logs, FIRST, SECOND) == (1, {"one"})
    assert await in_rounds(logs) == [(1, FIRST[1:])]
    assert await add(logs, SECOND) == (None, {"one"})
    assert await log(logs, "one") == ""


async def test_after_a_crash_the_logs_of_running_turns_are_complete_and_no_round_is_left(
    logs: Database,
) -> None:
    await add(logs, FIRST)
    await add(logs, SECOND, [Batch("two", 1, ["x"])])
    await add(logs, SECOND)  # again, after a COMMIT without an answer
    await logs.write(
        partial(
            turns.finish,
            owner_id="ada",
            turn_id="two",
            status="failed",
            usage=None,
            error=None,
            last_seq=1,
            now=2,
        )
    )
    for _ in range(2):
        await logs.write(event_rounds.restore_all)
        assert (await log(logs, "one"), await log(logs, "two")) == ("abc", "x")
        assert await in_rounds(logs) == []


async def test_the_events_of_one_turn_are_restored_and_others_stay_in_rounds(logs: Database) -> None:
    await add(logs, FIRST)
    await add(logs, SECOND)
    await logs.write(partial(event_rounds.restore, turn_ids={"one"}))
    assert (await log(logs, "one"), await log(logs, "two")) == ("abc", "")
    assert await in_rounds(logs) == [(1, FIRST), (2, SECOND)]


async def test_a_deleted_threads_events_leave_the_rounds_and_others_stay(logs: Database) -> None:
    await add(logs, FIRST)
    await add(logs, SECOND)
    assert await logs.write(partial(threads.remove, owner_id="ada", thread_id="one"))
    assert await in_rounds(logs) == [(1, FIRST[1:]), (2, [])]
    assert not await logs.write(partial(threads.remove, owner_id="bob", thread_id="two"))
    assert await in_rounds(logs) == [(1, FIRST[1:]), (2, [])]


async def test_the_words_of_a_round_are_small_on_the_disk(logs: Database) -> None:
    words = [
        f'{{"type":"part.delta","seq":{n},"turn_id":"one","part_id":"p1","text":"word "}}' for n in range(300)
    ]
    await add(logs, [Batch("one", 1, words)])
    size = await logs.read(
        lambda connection: connection.scalar(text("SELECT length(events) FROM event_rounds"))
    )
    assert size is not None
    assert size < len("".join(words)) / 8
