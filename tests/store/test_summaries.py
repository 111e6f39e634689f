"""Versions of summaries: one active for each message, undone and restored, listed newest first."""

from dataclasses import replace
from functools import partial

import pytest

from context.request.summary_blocks import Summary
from store import summaries
from store.database import Database
from store.summaries import NewSummary, SummaryVersion
from tests.store.rows import thread
from tests.store.tenants import new_summary


@pytest.fixture
async def talk(database: Database) -> Database:
    """The threads `t` and `other`."""
    for name in ("t", "other"):
        await thread(database, name)
    return database


async def add(database: Database, summary: NewSummary, thread_id: str = "t") -> None:
    await database.write(partial(summaries.add, owner_id="ada", thread_id=thread_id, summary=summary))


async def active(database: Database, upto: str, thread_id: str = "t") -> str | None:
    version = await database.read(
        partial(summaries.active_at, owner_id="ada", thread_id=thread_id, message_id=upto)
    )
    return None if version is None else version.summary.id


async def undone(database: Database) -> dict[str, int]:
    return await database.read(partial(summaries.undone, owner_id="ada", thread_id="t"))


async def test_a_version_is_read_as_it_was_stored(talk: Database) -> None:
    new = replace(
        new_summary("s", "q", 4, 9), leaf_id="leaf", based_on="before", origin="user", prompt_digest="d"
    )
    await add(talk, new)
    stored = await talk.read(partial(summaries.get, owner_id="ada", summary_id="s"))
    assert stored == SummaryVersion(
        summary=Summary(id="s", upto_id="q", segments=new.segments, leaf_id="leaf"),
        owner_id="ada",
        thread_id="t",
        upto_depth=4,
        based_on="before",
        active=True,
        origin="user",
        created_at=9,
    )
    assert await talk.read(partial(summaries.get, owner_id="ada", summary_id="none")) is None


async def test_the_newest_version_for_a_message_replaces_that_one_alone(talk: Database) -> None:
    for name, upto in (("a1", "a"), ("b1", "b"), ("a2", "a")):
        await add(talk, new_summary(name, upto, 4, 1))
    await add(talk, new_summary("other", "a", 4, 1), "other")
    assert [await active(talk, upto) for upto in ("a", "b", "c")] == ["a2", "b1", None]
    assert await active(talk, "a", "other") == "other"


async def test_a_version_is_undone_once_and_an_older_one_restored(talk: Database) -> None:
    for name in ("old", "new"):
        await add(talk, new_summary(name, "a", 4, 1))
    await add(talk, new_summary("beside", "b", 6, 1))
    retire = partial(summaries.retire, owner_id="ada")
    assert not await talk.write(partial(retire, summary_id="old")), "it was not active"
    assert [await talk.write(partial(retire, summary_id="new")) for _ in range(2)] == [True, False]
    assert [await active(talk, upto) for upto in ("a", "b")] == [None, "beside"]
    assert await undone(talk) == {"a": 4}
    await talk.write(partial(summaries.restore, owner_id="ada", summary_id="old"))
    assert await active(talk, "a") == "old"
    assert await undone(talk) == {}


async def test_the_newest_versions_come_first_and_ids_decide_between_equals(talk: Database) -> None:
    for name, at in (("b", 1), ("a", 2), ("d", 2), ("c", 2)):
        await add(talk, new_summary(name, name, 4, at))

    async def versions(limit: int = 50) -> list[str]:
        rows = await talk.read(partial(summaries.versions, owner_id="ada", thread_id="t", limit=limit))
        return [row.summary.id for row in rows]

    assert await versions() == ["d", "c", "a", "b"]
    assert await versions(limit=2) == ["d", "c"]
    for number in range(50):
        await add(talk, new_summary(f"more{number}", "m", 4, 3))
    rows = await talk.read(partial(summaries.versions, owner_id="ada", thread_id="t"))
    assert len(rows) == 50
