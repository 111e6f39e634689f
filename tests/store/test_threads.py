"""Threads: created once, listed by change, page by page, filtered, changed one at a time."""

from functools import partial
from typing import Any

from sqlalchemy import Connection

from store import threads, turns
from store.database import Database
from store.threads import Thread
from tests.store.tenants import new_turn


async def create(
    database: Database, thread_id: str, now: int, title: str | None = None, owner: str = "ada"
) -> bool:
    return await database.write(
        partial(threads.create, owner_id=owner, thread_id=thread_id, now=now, title=title)
    )


async def get(database: Database, thread_id: str) -> Thread:
    row = await database.read(partial(threads.get, owner_id="ada", thread_id=thread_id))
    assert row is not None
    return row


async def page(database: Database, *, limit: int = 9, **filters: Any) -> list[str]:
    rows = await database.read(partial(threads.page, owner_id="ada", limit=limit, **filters))
    return [row.id for row in rows]


async def test_a_new_thread_has_what_it_was_given_and_nothing_else(database: Database) -> None:
    create_one = partial(
        threads.create, owner_id="ada", thread_id="t", now=7, title="Mine", metadata={"a": 1}
    )
    assert [await database.write(create_one) for _ in range(2)] == [True, False]
    assert await get(database, "t") == Thread(
        owner_id="ada", id="t", title="Mine", title_source="user", metadata={"a": 1}, created_at=7, updated_at=7,
        archived_at=None, leaf_id=None, unread=False, running_turn_id=None, tier_pin=None, instructions_digest=None,
    )  # fmt: skip
    await create(database, "bare", 8)
    bare = await get(database, "bare")
    assert (bare.title, bare.title_source, bare.metadata) == (None, None, {})


async def test_the_thread_changed_last_comes_first_and_every_page_goes_on_behind_the_one_before(
    database: Database,
) -> None:
    for name, at in (("b", 5), ("d", 9), ("a", 5), ("c", 5), ("e", 1)):
        await create(database, name, at)
    assert await page(database) == ["d", "c", "b", "a", "e"]
    assert await page(database, limit=2) == ["d", "c"]
    assert await page(database, limit=2, after=(5, "c")) == ["b", "a"]
    assert await page(database, limit=2, after=(5, "a")) == ["e"]
    assert await page(database, after=(1, "e")) == []


async def test_archived_threads_have_a_list_of_their_own(database: Database) -> None:
    for name in ("a", "b"):
        await create(database, name, 1)
    await database.write(partial(threads.change, owner_id="ada", thread_id="a", archived_at=3))
    assert (await page(database), await page(database, archived=True)) == (["b"], ["a"])


async def test_a_title_is_found_whatever_its_case_and_signs_have_no_meaning(database: Database) -> None:
    for name, title in (("a", "Über 100% Kakao"), ("b", "under_score"), ("c", None), ("d", "1000 Kakaos")):
        await create(database, name, 1, title)
    for part, expected in {
        "ÜBER": ["a"], "kakao": ["d", "a"], "100%": ["a"], "r_s": ["b"], "%": ["a"], "": ["d", "c", "b", "a"], "x": [],
    }.items():  # fmt: skip
        assert await page(database, title_contains=part) == expected, part


async def test_a_change_is_of_one_thread_and_says_whether_it_is_there(database: Database) -> None:
    for name in ("a", "b"):
        await create(database, name, 1)
    change = partial(
        threads.change, owner_id="ada", title="New", tier_pin="complex", leaf_id="m", updated_at=4
    )
    assert await database.write(partial(change, thread_id="a"))
    assert not await database.write(partial(change, thread_id="none"))
    changed, other = await get(database, "a"), await get(database, "b")
    assert (changed.title, changed.tier_pin, changed.leaf_id) == ("New", "complex", "m")
    assert (changed.created_at, changed.updated_at) == (1, 4)
    assert (other.title, other.updated_at) == (None, 1)


async def test_an_answer_is_unread_until_the_thread_is_read(database: Database) -> None:
    for name in ("a", "b"):
        await create(database, name, 1)
        await database.write(partial(threads.change, owner_id="ada", thread_id=name, answered_pk=5))
    assert (await get(database, "a")).unread
    await database.write(partial(threads.mark_read, owner_id="ada", thread_id="a"))
    assert ((await get(database, "a")).unread, (await get(database, "b")).unread) == (False, True)


async def test_a_thread_names_its_running_turn_until_that_ends(database: Database) -> None:
    for name in ("a", "b"):
        await create(database, name, 1)
        await database.write(partial(turns.add, turn=new_turn("ada", f"turn-{name}", name, None)))

    def end(connection: Connection) -> None:
        turns.finish(
            connection, "ada", "turn-a", status="completed", usage=None, error=None, last_seq=1, now=2
        )

    await database.write(end)
    assert [(await get(database, name)).running_turn_id for name in ("a", "b")] == [None, "turn-b"]
    locked = await database.write(partial(threads.lock, owner_id="ada", thread_id="b"))
    assert locked == await get(database, "b")
    assert await database.write(partial(threads.lock, owner_id="ada", thread_id="none")) is None


async def test_a_thread_is_deleted_once_with_all_that_is_its_own(database: Database) -> None:
    await create(database, "a", 1, owner="bob")
    for name in ("a", "b"):
        await create(database, name, 1)
    assert await database.read(partial(threads.owners, thread_id="a")) == ["ada", "bob"]
    remove = partial(threads.remove, owner_id="ada", thread_id="a")
    assert [await database.write(remove) for _ in range(2)] == [True, False]
    assert await page(database) == ["b"]
    assert await database.read(partial(threads.owners, thread_id="a")) == ["bob"]
