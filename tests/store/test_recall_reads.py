"""What recall reads has a bound that no length of the thread moves: counted, not timed."""

from functools import partial

import pytest
from sqlalchemy import Connection, text

from context.messages import Message
from context.recall.policy import DEFAULT
from context.request.recipe import Recalled
from store import threads
from store.database import Database
from store.search import term_index
from store.search.branch_index import Outlines
from store.search.recall import RecallRequest, recall
from tests.store.counting import counted, settled

SHORT, LONG = 12_000, 100_000
BATCH = 10_000
QUESTION = "Which garden was it: 3, 1013, 2_500 or 99?"


def words_at(place: int) -> str:
    """Words of every rarity: in each message, every seventh, fiftieth, thousandth, and one alone."""
    return f"garden {place % 7} {1_000 + place % 50} {2_000 + place % 997} {place}"


async def fill(database: Database, thread: str, length: int) -> None:
    """A thread of `length` indexed messages."""
    lite = database.dialect == "sqlite"
    message = text(
        "INSERT INTO messages (pk, owner_id, thread_id, id, parent_id, depth, role, status, parts, tokens, refused, turn_id, "
        "created_at) VALUES (:pk, 'ada', :thread, :id, :parent, :depth, :role, 'complete', "
        + (":parts" if lite else "CAST(:parts AS json)")
        + ", 12, false, 'turn', :at)"
    )

    def write(connection: Connection) -> None:
        threads.create(connection, "ada", thread, now=1)
        result = connection.execute(text("SELECT coalesce(max(pk), 0) FROM messages"))
        done = int(result.scalar_one())
        for first in range(0, length, BATCH):
            places = range(first, min(length, first + BATCH))
            rows = [
                {
                    "pk": done + place + 1,
                    "thread": thread,
                    "id": f"{thread}-{place}",
                    "parent": f"{thread}-{place - 1}" if place else None,
                    "depth": place,
                    "at": place,
                    "role": "assistant" if place % 2 else "user",
                    "parts": f'[{{"type": "text", "text": "{words_at(place)}"}}]',
                }
                for place in places
            ]
            connection.execute(message, rows)
            entries = [
                {
                    "pk": done + place + 1,
                    "stems": term_index.entry(
                        "ada",
                        thread,
                        None if lite else place // term_index.STRETCH,
                        term_index.indexed_stems(words_at(place), "user"),
                    ),
                }
                for place in places
            ]
            connection.execute(term_index.INSERT_LITE if lite else term_index.INSERT_POSTGRES, entries)

    await database.write(write)


def recalled(
    connection: Connection, thread: str, length: int, question: str, outlines: Outlines
) -> tuple[Recalled, ...]:
    """What comes back for the turn behind the last message."""
    before = Message(
        id="new",
        parent_id=f"{thread}-{length - 1}",
        role="user",
        status="complete",
        parts=(),
        depth=length,
        tokens=1,
    )
    recollection = recall(
        connection,
        "ada",
        thread,
        RecallRequest(
            question=question,
            before=before,
            now=length,
            cap=2_000,
        ),
        count=lambda words: -(-len(words) // 4),
        outlines=outlines,
    )
    return recollection.blocks


async def test_recall_reads_no_more_in_a_thread_eight_times_as_long(database: Database) -> None:
    lengths = {"short": SHORT, "long": LONG}
    for thread, length in lengths.items():
        await fill(database, thread, length)
    await settled(database, "messages", "threads", "message_search_stems")
    pasted = QUESTION + " " + " ".join(str(number) for number in range(1_000))

    def read(connection: Connection, question: str) -> tuple[dict[str, int], dict[str, int]]:
        first: dict[str, int] = {}
        then: dict[str, int] = {}
        for thread, length in lengths.items():
            again = partial(recalled, connection, thread, length, question, Outlines())
            first[thread] = counted(connection, again)
            for _ in range(7):  # Postgres may change its plan once it has seen a statement a few times
                then[thread] = counted(connection, again)
        return first, then

    for question in (QUESTION, pasted):
        first, then = await database.read(partial(read, question=question))
        assert then["long"] <= then["short"] * 1.1 + 100, (question[:60], first, then)
        # The outline: Postgres may count its rows or read them from the index alone, which it does not count.
        assert first["long"] <= then["short"] * 1.1 + 100 + max(DEFAULT.reach, first["short"]), (first, then)
        assert then["long"] < first["long"], "the outline is kept"


@pytest.mark.parametrize("most", [1, 5, 5_000])
async def test_of_each_word_the_newest_places_are_read(database: Database, most: int) -> None:
    length = term_index.STRETCH * 2 + 100
    await fill(database, "t", length)

    def read(connection: Connection, stems: list[str], upto: int) -> dict[str, list[int]]:
        return term_index.holding(
            connection, "ada", "t", stems, pks=(1, upto), depths=(0, upto - 1), most=most
        )

    places = await database.read(partial(read, stems=["garden", "1013", "1500", "unheard"], upto=length))
    before = await database.read(partial(read, stems=["garden"], upto=1_000))
    assert places == {
        "garden": list(range(length, 0, -1))[:most],
        "1013": [place + 1 for place in range(length - 1, -1, -1) if place % 50 == 13 or place == 1_013][
            :most
        ],
        "1500": [1_501],
    }
    assert before == {"garden": list(range(1_000, 0, -1))[:most]}


async def test_the_rarest_word_is_found_as_far_back_as_recall_reaches(database: Database) -> None:
    length = DEFAULT.reach + 500
    await fill(database, "t", length)

    def read(connection: Connection) -> None:
        for place in (length - 20, length // 2, length - DEFAULT.reach + 1):
            blocks = recalled(connection, "t", length, f"garden {place}?", Outlines())
            assert f"t-{place}" in [block.id for block in blocks]
        beyond = recalled(connection, "t", length, "garden 400?", Outlines())
        assert "t-400" not in [block.id for block in beyond]

    await database.read(read)
