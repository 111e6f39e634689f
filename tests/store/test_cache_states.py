"""Cache states: one for each thread and model, due by time, claimed by one, changed unless a turn was faster."""

from functools import partial

import pytest

from context.cache.cache_state import CacheState
from store import cache_states
from store.cache_states import StoredCacheState
from store.database import Database
from tests.store.rows import thread


async def put(
    database: Database,
    thread_id: str,
    next_at: int | None,
    *,
    model: str = "m",
    uses: int = 1,
    turn: str = "t1",
) -> None:
    state = CacheState(model=model, uses=uses)
    await database.write(
        partial(
            cache_states.put,
            owner_id="ada",
            thread_id=thread_id,
            cache_state=state,
            turn_id=turn,
            next_at=next_at,
        )
    )


async def of_thread(database: Database, thread_id: str) -> dict[str, StoredCacheState]:
    return await database.read(partial(cache_states.of_thread, owner_id="ada", thread_id=thread_id))


@pytest.fixture
async def threads(database: Database) -> Database:
    """The threads `one`, `two` and `three`."""
    for name in ("one", "two", "three"):
        await thread(database, name)
    return database


async def test_a_thread_has_one_state_for_each_model_the_newest(threads: Database) -> None:
    await put(threads, "one", 5)
    await put(threads, "one", 6, model="other", uses=9)
    await put(threads, "one", None, uses=2, turn="t2")
    assert await of_thread(threads, "one") == {
        name: StoredCacheState(
            owner_id="ada",
            thread_id="one",
            cache_state=CacheState(model=name, uses=uses),
            turn_id=turn,
            next_at=at,
        )
        for name, uses, turn, at in (("m", 2, "t2", None), ("other", 9, "t1", 6))
    }
    assert await of_thread(threads, "two") == {}


async def test_states_are_due_at_their_time_longest_waiting_first(threads: Database) -> None:
    for name, at in (("one", 30), ("two", 10), ("three", 20)):
        await put(threads, name, at)
    await put(threads, "one", None, model="never")

    async def due(now: int, limit: int = 9) -> list[str]:
        rows = await threads.read(partial(cache_states.due, now=now, limit=limit))
        return [row.thread_id for row in rows]

    assert await due(9) == []
    assert await due(20) == ["two", "three"]
    assert await due(99) == ["two", "three", "one"]
    assert await due(99, limit=2) == ["two", "three"]


async def test_a_due_state_is_claimed_by_one_and_not_after_a_turn(threads: Database) -> None:
    await put(threads, "one", 10)
    await put(threads, "one", 10, model="other")
    await put(threads, "two", 10)
    mine = (await of_thread(threads, "one"))["m"]

    async def claim() -> bool:
        return await threads.write(partial(cache_states.claim, stored=mine, next_at=50))

    assert [await claim() for _ in range(2)] == [True, False]
    assert {model: row.next_at for model, row in (await of_thread(threads, "one")).items()} == {
        "m": 50,
        "other": 10,
    }
    assert (await of_thread(threads, "two"))["m"].next_at == 10
    await put(threads, "one", 11, turn="t2")
    assert not await claim()
    assert (await of_thread(threads, "one"))["m"].next_at == 11


async def test_an_idle_state_is_replaced_unless_a_turn_has_replaced_it(threads: Database) -> None:
    for name, model in (("one", "m"), ("one", "other"), ("two", "m")):
        await put(threads, name, 10, model=model)
    mine = (await of_thread(threads, "one"))["m"]

    async def change(uses: int, next_at: int | None) -> None:
        state = CacheState(model="m", uses=uses)
        await threads.write(partial(cache_states.change, stored=mine, cache_state=state, next_at=next_at))

    async def stands() -> list[tuple[int, int | None]]:
        rows = [*(await of_thread(threads, "one")).values(), *(await of_thread(threads, "two")).values()]
        return [(row.cache_state.uses, row.next_at) for row in rows]

    await change(7, None)
    assert sorted(await stands(), key=str) == [(1, 10), (1, 10), (7, None)]
    await put(threads, "one", 11, uses=2, turn="t2")
    await change(8, 99)
    assert sorted(await stands()) == [(1, 10), (1, 10), (2, 11)]
