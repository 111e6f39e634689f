"""Vectors of messages on both databases: who has one, who sees it, when it goes, and what recall makes of it."""

from collections.abc import Sequence

from sqlalchemy import Connection

from context.recall.decision import Recollection
from context.recall.likeness import Likeness
from store import messages, threads
from store.database import Database
from store.search import vectors
from store.search.recall import RecallRequest, recall
from tests.store.rows import message, new_message, thread

MODEL = "tiny/1"
LINES = (
    "u m0: On Tuesdays Nora goes to yoga",
    *(f"a m{number}: Nothing happened number {number}" for number in range(1, 15)),
    "u m15: Hm",
)


async def pk_of(database: Database, message_id: str, owner: str = "ada") -> int:
    stored = await database.read(lambda connection: messages.get(connection, owner, message_id))
    assert stored is not None
    return stored.pk


async def missing(
    database: Database, thread_id: str = "t", *, owner: str = "ada", reach: int = 100, most: int = 100
) -> list[str]:
    """What the messages without a vector say."""
    texts = await database.read(
        lambda connection: vectors.missing(connection, owner, thread_id, MODEL, reach=reach, most=most)
    )
    return list(texts.values())


async def keep(
    database: Database,
    new_vectors: dict[int, bytes],
    thread_id: str = "t",
    *,
    owner: str = "ada",
    model: str = MODEL,
) -> None:
    await database.write(lambda connection: vectors.keep(connection, owner, thread_id, model, new_vectors))


async def stored_vectors(database: Database, thread_id: str = "t", *, owner: str = "ada") -> dict[int, bytes]:
    return await database.read(
        lambda connection: vectors.between(connection, owner, thread_id, MODEL, 0, 10**9)
    )


def compare(stored: Sequence[bytes]) -> list[float]:
    """As alike as the first byte says."""
    return [vector[0] / 100 for vector in stored]


async def recalled(database: Database, question: str, likeness: Likeness | None, before: str = "m15") -> str:
    """What comes back within a budget for two or three messages."""

    def read(connection: Connection) -> Recollection:
        first = messages.get(connection, "ada", before)
        assert first is not None
        return recall(
            connection,
            "ada",
            "t",
            RecallRequest(
                question=question,
                before=first.message,
                now=1,
                cap=30,
                likeness=likeness,
            ),
            count=lambda words: len(words.split()),
        )

    return "\n".join(block.text for block in (await database.read(read)).blocks)


async def test_the_newest_messages_without_a_vector_come_first_and_no_more_than_asked_for(
    database: Database,
) -> None:
    await thread(database, "t", "u m0: first", "a m1: second", "u m2: third", "a m3 < m1: other branch")
    assert await missing(database, most=2) == ["other branch", "third"]
    assert await missing(database, reach=2) == ["other branch", "third", "second"]
    await keep(database, {await pk_of(database, "m3"): b"\x01", await pk_of(database, "m0"): b""})
    assert await missing(database) == ["third", "second"]
    assert await stored_vectors(database) == {await pk_of(database, "m3"): b"\x01"}, (
        "an empty one is no vector"
    )


async def test_an_answer_that_is_still_being_written_waits_for_its_end(database: Database) -> None:
    await thread(database, "t", "u m0: first")

    def begin(connection: Connection) -> None:
        question = message(connection, "m0")
        streaming = new_message("m1", "", parent=question, role="assistant", status="streaming")
        messages.add(connection, "ada", "t", streaming)

    await database.write(begin)
    assert await missing(database) == ["first"]


async def test_vectors_are_their_owners_alone_and_go_with_the_thread(database: Database) -> None:
    await thread(database, "t", "u m0: hers")
    await thread(database, "t", "u m0: his", owner="bob")
    hers, his = await pk_of(database, "m0"), await pk_of(database, "m0", "bob")
    await keep(database, {hers: b"\x01", his: b"\x02"})
    assert await stored_vectors(database) == {hers: b"\x01"}, (
        "a message of somebody else has no place in her thread"
    )
    assert await missing(database, owner="bob") == ["his"]
    await database.write(lambda connection: threads.remove(connection, "ada", "t"))
    assert await stored_vectors(database) == {}
    await keep(database, {hers: b"\x01"})
    assert await stored_vectors(database) == {}, "what comes too late is kept for nobody"


async def test_what_is_stored_stays_and_each_model_has_its_own(database: Database) -> None:
    await thread(database, "t", "u m0: first")
    pk = await pk_of(database, "m0")
    await keep(database, {pk: b"\x01"})
    await keep(database, {pk: b"\x02"})
    await keep(database, {pk: b"\x03"}, model="other/1")
    assert await stored_vectors(database) == {pk: b"\x01"}


async def test_a_vector_of_another_model_is_none(database: Database) -> None:
    await thread(database, "t", "u m0: first")
    await keep(database, {await pk_of(database, "m0"): b"\x03"}, model="other/1")
    assert (await stored_vectors(database), await missing(database)) == ({}, ["first"])


async def test_a_message_that_shares_no_word_with_the_question_is_found_by_what_it_means(
    database: Database,
) -> None:
    await thread(database, "t", *LINES)
    question, likeness = "Which exercises?", Likeness(model=MODEL, compare=compare)
    assert await recalled(database, question, None) == ""
    assert await recalled(database, question, likeness) == "", "without vectors there is no evidence"
    new_vectors = {await pk_of(database, f"m{number}"): b"\x05" for number in range(15)}
    new_vectors[await pk_of(database, "m0")] = b"\x50"
    await keep(database, new_vectors)
    context_text = await recalled(database, question, likeness)
    assert "Nora goes to yoga" in context_text
    assert "Nothing happened" not in context_text
    assert await recalled(database, question, likeness) == context_text
    assert await recalled(database, question, None) == ""


async def test_only_what_precedes_the_window_on_its_branch_comes_back_by_meaning(database: Database) -> None:
    await thread(database, "t", *LINES, "u n1 < m13: Elsewhere she swims", "a n2: Oh", "u n3: Hm")
    names = [*(f"m{number}" for number in range(16)), "n1", "n2", "n3"]
    new_vectors = {await pk_of(database, name): b"\x05" for name in names}
    for name in ("m0", "m15", "n1"):
        new_vectors[await pk_of(database, name)] = b"\x50"
    await keep(database, new_vectors)
    likeness = Likeness(model=MODEL, compare=compare)
    assert "swims" not in await recalled(database, "Which exercises?", likeness)
    assert "swims" in await recalled(database, "Which exercises?", likeness, before="n3")
