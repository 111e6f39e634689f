"""Messages that the search indexes lack are found again, stretch by stretch, and none that need no place there."""

from functools import partial

import pytest
from sqlalchemy import Connection, text

from context.messages import TextPart
from store import messages
from store.database import Database
from store.search import catch_up, term_index
from store.search import messages as search
from tests.store.rows import message, new_message, thread


async def pks(database: Database) -> dict[str, int]:
    query = text("SELECT id, pk FROM messages")
    return await database.read(lambda connection: {row.id: row.pk for row in connection.execute(query)})


async def forget(database: Database, index: str, pk: int) -> None:
    key = "rowid" if database.dialect == "sqlite" else "pk"
    statement = text(f"DELETE FROM {index} WHERE {key} = :pk")
    await database.write(lambda connection: connection.execute(statement, {"pk": pk}))


async def unindexed(database: Database, after: int = 0) -> list[tuple[int, str]]:
    rows = await database.read(partial(catch_up.unindexed, after=after))
    return [(pk, " ".join(part.text for part in parts if isinstance(part, TextPart))) for pk, parts in rows]


async def test_what_either_index_lacks_is_found_oldest_first(database: Database) -> None:
    assert await database.read(catch_up.last_pk) == 0
    await thread(database, "t", "u a: first", "a b: second", "u c: third", "a d: ", "u e: fifth")
    pk = await pks(database)
    assert await database.read(catch_up.last_pk) == pk["e"]
    assert await unindexed(database) == []
    await forget(database, "message_search", pk["c"])
    await forget(database, "message_search_stems", pk["a"])
    assert await unindexed(database) == [(pk["a"], "first"), (pk["c"], "third")]


async def test_an_answer_that_is_still_written_is_not_missing(database: Database) -> None:
    await thread(database, "t", "u a: first")

    def begin(connection: Connection) -> None:
        new = new_message("b", "x", parent=message(connection, "a"), role="assistant", status="streaming")
        messages.add(connection, "ada", "t", new)

    await database.write(begin)
    assert await unindexed(database) == []


async def test_each_look_begins_behind_the_one_before(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await thread(database, "t", *(f"u m{n}: word{n}" for n in range(4)))
    pk = await pks(database)
    for number in range(4):
        await forget(database, "message_search", pk[f"m{number}"])
    monkeypatch.setattr(catch_up, "STRETCH", 2)
    found = [await unindexed(database, after) for after in (pk["m0"] - 1, pk["m0"], pk["m1"], pk["m3"])]
    assert [[words for _, words in rows] for rows in found] == [
        ["word0", "word1"],
        ["word1", "word2"],
        ["word2", "word3"],
        [],
    ]


async def test_what_is_indexed_later_is_indexed_as_it_would_have_been_at_first(database: Database) -> None:
    words = "Always answer in metric units."
    await thread(database, "t", f"u a: {words}", f"a b: {words}")
    pk = await pks(database)

    def held(connection: Connection) -> dict[str, list[int]]:
        stems = ["metric", term_index.INSTRUCTION]
        return term_index.holding(connection, "ada", "t", stems, pks=(0, 10**9), depths=(0, 9), most=9)

    expected = {"metric": [pk["b"], pk["a"]], term_index.INSTRUCTION: [pk["a"]]}
    assert await database.read(held) == expected
    for id in ("a", "b"):
        for index in ("message_search", "message_search_stems"):
            await forget(database, index, pk[id])
        await database.write(partial(search.index_stored, pk=pk[id], parts=(TextPart(text=words),)))
    assert await database.read(held) == expected
    assert await unindexed(database) == []
    await database.write(partial(search.index_stored, pk=10**6, parts=(TextPart(text=words),)))
    assert await database.read(held) == expected, "a message that is gone is not indexed"
