"""After an update the search indexes are rebuilt while the server runs: in batches, from the newest message down, and on from where it ended."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from context.messages import TextPart
from store import messages as stored
from store import migrate, threads, users
from store.database import Database
from store.search import messages, rebuild, term_index
from tests.postgres import Server
from tests.store.rebuilding import batch
from tests.store.rows import new_message, thread

SAID = [f"die Häuser und ihre Nummer{n}" for n in range(7)]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def old(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """A database of the schema before stems were indexed, with a thread, brought up to date."""
    if request.param == "sqlite":
        opened = Database(f"sqlite:///{tmp_path / 'palaver.db'}")
        await _as_before(opened)
        yield opened
        await opened.close()
        return
    server: Server = request.getfixturevalue("postgres")
    async with server.database() as url:
        opened = Database(url)
        await _as_before(opened)
        yield opened
        await opened.close()


async def _as_before(database: Database) -> None:
    await migrate.upgrade(database, "0011")
    await database.write(lambda connection: users.ensure(connection, "ada", "Ada", 1))
    await thread(database, "t", *(f"u m{n}: {said}" for n, said in enumerate(SAID)))
    await database.write(_without_stems)
    await migrate.upgrade(database)


def _without_stems(connection: Connection) -> None:
    """Index the words as they were indexed then."""
    lite = connection.dialect.name == "sqlite"
    key = "rowid" if lite else "pk"
    pks = connection.execute(text("SELECT pk, id FROM messages")).all()
    for index in ("message_search", "message_search_stems"):
        connection.execute(text(f"DELETE FROM {index}"))
    for pk, id in pks:
        words = f"die hauser und ihre nummer{id[1:]}"
        indexed = (
            words if lite else " ".join(f"'{word}':{n}" for n, word in enumerate(words.split(), start=1))
        )
        connection.execute(
            messages.INSERT_LITE if lite else messages.INSERT_POSTGRES, {"pk": pk, "words": indexed}
        )
    assert connection.execute(text(f"SELECT count({key}) FROM message_search")).scalar() == len(SAID)


async def found(database: Database, query: str) -> list[str]:
    hits = await database.read(lambda connection: messages.find(connection, "ada", query, limit=20))
    return sorted(hit.message_id for hit in hits)


async def recalled(database: Database, stem: str) -> int:
    held = await database.read(
        lambda connection: term_index.holding(
            connection, "ada", "t", [stem], pks=(1, 100), depths=(0, 100), most=100
        )
    )
    return len(held.get(stem, []))


async def test_messages_are_found_as_before_until_their_turn_comes(
    old: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "BATCH", 3)
    assert (
        len(await found(old, "häuser")),
        await found(old, "häusern nummer"),
        await recalled(old, "haus"),
    ) == (7, [], 0)
    assert await batch(old) == 3
    assert await found(old, "häusern nummer") == ["m4", "m5", "m6"], "the newest first"
    assert (len(await found(old, "häuser")), await recalled(old, "haus")) == (7, 3)
    assert [await batch(old) for _ in range(3)] == [3, 1, None]
    assert (len(await found(old, "häusern nummer")), await recalled(old, "haus")) == (7, 7)
    assert await batch(old) is None, "a second time changes nothing"


async def test_a_long_message_is_a_batch_of_its_own(old: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuild, "BATCH_TOKENS", 1)
    assert [await batch(old) for _ in range(8)] == [1] * 7 + [None]


@pytest.mark.parametrize(
    ("most", "batches"), [(9, [1] * 7), (10, [2, 2, 2, 1]), (14, [2, 2, 2, 1]), (15, [3, 3, 1])]
)
async def test_a_batch_has_messages_of_so_many_tokens(
    old: Database, monkeypatch: pytest.MonkeyPatch, most: int, batches: list[int]
) -> None:
    monkeypatch.setattr(rebuild, "BATCH_TOKENS", most)  # each message has five
    assert [await batch(old) for _ in range(len(batches) + 1)] == [*batches, None]


async def test_a_batch_that_another_replica_has_done_is_left_out(old: Database) -> None:
    mine = await old.read(rebuild.next_batch)
    assert mine is not None
    assert await batch(old) == len(SAID)
    nothing = [rebuild.Entries(words="", stems="") for _ in mine.messages]
    assert not await old.write(lambda connection: rebuild.write(connection, mine, nothing))
    assert len(await found(old, "häusern nummer")) == len(SAID)


async def test_what_is_deleted_meanwhile_stays_deleted(old: Database) -> None:
    mine = await old.read(rebuild.next_batch)
    assert mine is not None
    made = [rebuild.entries(old.dialect, message) for message in mine.messages]
    await old.write(lambda connection: threads.remove(connection, "ada", "t"))
    assert await old.write(lambda connection: rebuild.write(connection, mine, made))

    def read(connection: Connection) -> None:
        for index in ("message_search", "message_search_stems"):
            assert connection.scalar(text(f"SELECT count(*) FROM {index}")) == 0

    await old.read(read)


async def test_an_answer_that_is_still_written_is_left_to_its_end(old: Database) -> None:
    def add(connection: Connection) -> None:
        threads.create(connection, "ada", "new", now=1)
        stored.add(connection, "ada", "new", new_message("a", "", parent=None, status="streaming"))
        connection.execute(text("UPDATE message_search_rebuild SET up_to = 1000"))

    def finish(connection: Connection) -> None:
        answer = stored.FinishedAnswer(status="complete", parts=(TextPart(text="die Häuser hier"),), tokens=3)
        stored.finish(connection, "ada", "a", answer)

    await old.write(add)
    mine = await old.read(rebuild.next_batch)
    assert mine is not None
    await old.write(finish)
    made = [rebuild.entries(old.dialect, message) for message in mine.messages]
    assert await old.write(lambda connection: rebuild.write(connection, mine, made))
    assert await found(old, "häusern hier") == ["a"]


async def test_an_empty_database_has_nothing_to_rebuild(database: Database) -> None:
    assert await batch(database) is None
