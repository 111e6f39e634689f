"""Recall from a stored thread, on both databases: what is found, what must never be, and what it reads."""

from time import process_time

import pytest
from sqlalchemy import Connection, text

from context.messages import Message, Role, Status, TextPart
from context.recall.decision import Recollection
from context.recall.render import INSTRUCTION, OPENING
from store import messages, migrate, threads
from store.database import Database
from store.search import term_index
from store.search.messages import index_stored
from store.search.recall import RecallRequest, recall
from tests.store.rebuilding import everything
from tests.store.rows import message, new_message, thread

NOW = 1_763_640_000_000
WORDS = (
    "garden",
    "river",
    "window",
    "letter",
    "music",
    "market",
    "summer",
    "winter",
    "bridge",
    "kitchen",
    "station",
    "doctor",
    "painting",
    "engine",
    "camera",
)


def count(words: str) -> int:
    return len(words.split())


async def recalled(
    database: Database,
    thread_id: str,
    question: str,
    *,
    before: str,
    owner: str = "ada",
    budget: int = 200,
) -> list[str]:
    """The texts that come back for a question whose window begins at message `before`."""

    def read(connection: Connection) -> Recollection:
        first = messages.get(connection, owner, before)
        assert first is not None
        return recall(
            connection,
            owner,
            thread_id,
            RecallRequest(
                question=question,
                before=first.message,
                now=NOW,
                cap=budget,
            ),
            count=count,
        )

    blocks = (await database.read(read)).blocks
    assert sum(count(block.text) for block in blocks) <= budget
    return [block.text for block in blocks if block.text not in (OPENING, INSTRUCTION)]


async def test_an_older_message_comes_back_with_its_date(database: Database) -> None:
    await thread(
        database,
        "t",
        "u m0: Nora moved to Lisbon",
        "a m1: How nice",
        "u m2: And rain here",
        "a m3: Oh",
        "u m4: Hm",
    )
    assert await recalled(database, "t", "Where did Nora move?", before="m4", budget=24) == [
        "1970-01-01 user: Nora moved to Lisbon",
        "1970-01-01 assistant: How nice",
    ]


PEOPLE = {
    "latin": ("Nora", "Paul", "went sailing on the lake", "What did {} enjoy about sailing?"),
    "cyrillic": ("Анна", "Павел", "катались на лодке", "Что {} говорила про лодке?"),
    "chinese": ("小明", "大伟", "昨天去划船了", "{}什么时候划船？"),
}


@pytest.mark.parametrize("script", PEOPLE)
async def test_in_a_conversation_of_several_the_words_of_who_is_asked_about_come_first(
    database: Database, script: str
) -> None:
    first, second, words, question = PEOPLE[script]
    said = {6: f"{first}: {second}, {words}", 17: f"{second}: {first}, {words}"}  # each names the other
    lines = [f"{'ua'[n % 2]} m{n}: {said.get(n, f'{(first, second)[n % 2]}: hm')}" for n in range(24)]
    await thread(database, "t", *lines, "u end: x")
    room = count(OPENING) + 2 * count(said[6])
    for name, line in ((first, said[6]), (second, said[17])):
        blocks = await recalled(database, "t", question.format(name), before="end", budget=room)
        assert [block.partition(": ")[2] for block in blocks if words in block] == [line]


async def test_a_word_in_front_of_every_message_is_nobodys_name(database: Database) -> None:
    lines = [f"{'ua'[n % 2]} m{n}: Question: hm" for n in range(24)]
    lines[6], lines[17] = "u m6: Question: sailing on and on the lake", "a m17: sailing on the lake, question"
    await thread(database, "t", *lines, "u end: x")
    room = count(OPENING) + 9
    blocks = await recalled(database, "t", "Which question was about sailing?", before="end", budget=room)
    assert blocks == ["1970-01-01 assistant: sailing on the lake, question"]


async def test_nothing_from_the_window_comes_back(database: Database) -> None:
    await thread(
        database, "t", "u m0: Nora likes tea", "a m1: ok", "u m2: Nora likes coffee", "a m3: ok", "u m4: x"
    )
    assert await recalled(database, "t", "What does Nora like?", before="m2") == [
        "1970-01-01 user: Nora likes tea",
        "1970-01-01 assistant: ok",
    ]
    assert await recalled(database, "t", "What does Nora like?", before="m0") == []


async def test_only_the_branch_comes_back(database: Database) -> None:
    await thread(
        database,
        "t",
        "u m0: Let us name the cat",
        "a m1: Call the cat Felix",
        "a m2 < m0: Call the cat Minka",
        "u m3: Good",
        "a m4: Fine",
        "u m5: Hm",
        "u m6 < m1: Good too",
        "u m7 < : Another cat named Root",
        "a m8: Yes",
        "u m9: End",
    )
    name = "What is the name of the cat?"
    assert "Minka" in " ".join(await recalled(database, "t", name, before="m5"))
    assert "Felix" not in " ".join(await recalled(database, "t", name, before="m5"))
    assert "Felix" in " ".join(await recalled(database, "t", name, before="m6"))
    other = " ".join(await recalled(database, "t", name, before="m9"))
    assert "Root" in other
    assert "Felix" not in other


async def test_other_threads_and_other_people_are_never_searched(database: Database) -> None:
    await thread(database, "t", "u m0: The code is 1111", "a m1: ok", "u m2: x")
    await thread(database, "s", "u n0: The code is 2222", "a n1: ok", "u n2: x")
    await thread(database, "t", "u m0: The code is 3333", "a m1: ok", "u m2: x", owner="bob")
    assert "1970-01-01 user: The code is 1111" in await recalled(
        database, "t", "What is the code?", before="m2"
    )
    lines = await recalled(database, "t", "What is the code?", before="m2", owner="bob")
    assert "1970-01-01 user: The code is 3333" in lines
    assert not [line for line in lines if "1111" in line or "2222" in line]


async def test_a_refused_answer_is_never_shown_to_a_model_again(database: Database) -> None:
    await thread(database, "t", "u m0: Tell me about dragons", "a m1: ", "u m2: x")

    def refuse(connection: Connection) -> None:
        connection.execute(text("UPDATE messages SET status = 'streaming' WHERE id = 'm1'"))
        messages.finish(
            connection,
            "ada",
            "m1",
            messages.FinishedAnswer(
                status="complete", parts=(TextPart(text="dragons are withheld"),), tokens=3, refused=True
            ),
        )

    await database.write(refuse)
    assert await recalled(database, "t", "dragons?", before="m2") == [
        "1970-01-01 user: Tell me about dragons"
    ]


async def test_an_answer_is_found_once_it_is_finished(database: Database) -> None:
    await thread(database, "t", "u m0: hi")

    def answer(connection: Connection) -> None:
        question = message(connection, "m0")
        streaming = new_message("m1", "", parent=question, role="assistant", status="streaming")
        messages.add(connection, "ada", "t", streaming)
        messages.finish(
            connection,
            "ada",
            "m1",
            messages.FinishedAnswer(
                status="complete", parts=(TextPart(text="the lighthouse opens at nine"),), tokens=5
            ),
        )
        finished = message(connection, "m1")
        messages.add(connection, "ada", "t", new_message("m2", "x", parent=finished))

    await database.write(answer)
    assert "1970-01-01 assistant: the lighthouse opens at nine" in await recalled(
        database, "t", "When does the lighthouse open?", before="m2"
    )


async def test_an_instruction_comes_back_unasked(database: Database) -> None:
    filler = [f"{'ua'[n % 2]} f{n}: {WORDS[n % 15]} {WORDS[n % 7]}" for n in range(40)]
    await thread(database, "t", "u m0: Always answer in metric units.", "a m1: ok", *filler, "u m9: x")
    assert (await recalled(database, "t", "Tell me of the garden", before="m9"))[0].endswith("metric units.")


HOSTILE = [
    '"',
    "fox OR dog",
    "NEAR(fox dog, 2)",
    "stems:fox",
    "fox* -dog ^cat",
    "' ; DROP TABLE message_search_stems; --",
    "\\ & | ! <-> :* fox",
    "((((",
    '", "',
    "\x00\ufffe\u202e",
    "{}[]%_",
    "\U0001f642" * 50,
    "fox " * 20_000,
    " ".join(f"w{n}" for n in range(5_000)),
]


@pytest.mark.parametrize("question", HOSTILE, ids=range(len(HOSTILE)))
async def test_no_question_is_a_command(database: Database, question: str) -> None:
    await thread(database, "t", "u m0: the quick brown fox", "a m1: jumps", "u m2: x")
    lines = await recalled(database, "t", question, before="m2")
    assert ("1970-01-01 user: the quick brown fox" in lines) == ("fox" in question)


async def test_what_is_said_in_other_scripts_is_found(database: Database) -> None:
    await thread(
        database,
        "t",
        "u m0: 我想订北京的希尔顿酒店",
        "a m1: 好的",
        "u m2: Ключи лежат у соседки",
        "a m3: да",
        "u m4: Der Schlüssel liegt bei den Nachbarn",
        "a m5: gut",
        "u m6: 회의는 학교에서 열려요",
        "a m7: 네",
        "u m8: x",
    )
    for question, answer in {
        "酒店叫什么名字？": "希尔顿",
        "Где ключ?": "Ключи",
        "Wo sind die Schlüssel?": "Nachbarn",
        "학교는 어디예요?": "회의는",
    }.items():
        assert answer in " ".join(await recalled(database, "t", question, before="m8", budget=20)), question


async def test_a_deleted_thread_leaves_no_stems(database: Database) -> None:
    await thread(database, "t", "u m0: lighthouse", "a m1: yes", "u m2: x")
    await database.write(lambda connection: threads.remove(connection, "ada", "t"))
    stems = list(term_index.indexed_stems("lighthouse", "user"))
    places = await database.read(
        lambda connection: term_index.holding(
            connection, "ada", "t", stems, pks=(0, 99), depths=(0, 9), most=99
        )
    )
    assert places == {}


async def test_indexing_again_replaces(database: Database) -> None:
    await thread(database, "t", "u m0: lighthouse", "a m1: yes", "u m2: x")

    def again(connection: Connection) -> None:
        stored = messages.get(connection, "ada", "m0")
        assert stored is not None
        index_stored(connection, stored.pk, (TextPart(text="harbour"),))

    await database.write(again)
    places = await database.read(
        lambda connection: term_index.holding(
            connection, "ada", "t", ["lighthous", "harbour"], pks=(0, 1 << 40), depths=(0, 9), most=99
        )
    )
    assert set(places) == {"harbour"}


async def test_what_was_said_before_the_index_existed_is_found(own_database: Database) -> None:
    await thread(own_database, "t", "u m0: The lighthouse is red", "a m1: yes", "u m2: x")

    def write(connection: Connection) -> None:
        connection.execute(text("DROP INDEX messages_outline"))
        connection.execute(text("DROP TABLE message_search_stems"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))

    await own_database.write(write)
    assert await migrate.upgrade(own_database, "0002") == ("0001", "0002")
    await everything(own_database)
    assert "1970-01-01 user: The lighthouse is red" in await recalled(
        own_database, "t", "lighthouse?", before="m2"
    )


async def long_thread(database: Database, length: int, thread_id: str) -> str:
    """A thread of short messages; the id of the last."""

    def write(connection: Connection) -> None:
        threads.create(connection, "ada", thread_id, now=1)
        above: Message | None = None
        for place in range(length):
            words = " ".join(WORDS[(place * step) % len(WORDS)] for step in (1, 2, 4, 7)) + f" {place}"
            role: Role = "user" if place % 2 == 0 else "assistant"
            status: Status = "complete"
            above = Message(
                id=f"{thread_id}-{place}",
                parent_id=None if above is None else above.id,
                role=role,
                status=status,
                parts=(TextPart(text=words),),
                depth=place,
                tokens=5,
            )
            parent = None
            if place:
                parent = Message(
                    id=f"{thread_id}-{place - 1}",
                    parent_id=None,
                    role="user",
                    status="complete",
                    parts=(),
                    depth=place - 1,
                    tokens=5,
                )
            messages.add(
                connection,
                "ada",
                thread_id,
                messages.NewMessage(
                    id=above.id,
                    parent=parent,
                    role=role,
                    status=status,
                    parts=above.parts,
                    tokens=5,
                    turn_id="turn",
                    created_at=NOW - (length - place) * 60_000,
                ),
            )

    await database.write(write)
    return f"{thread_id}-{length - 1}"


async def test_the_time_of_a_search_grows_no_faster_than_the_thread(lite: Database) -> None:
    async def took(length: int) -> float:
        """Seconds of CPU, the least of several tries."""
        thread, times = f"long-{length}", []
        last = await long_thread(lite, length, thread)
        for _ in range(6):
            began = process_time()
            await recalled(
                lite, thread, "What music did the doctor play at the station in winter?", before=last
            )
            times.append(process_time() - began)
        return min(times)

    assert await took(1_600) < 8 * await took(200), "linear: 8 at most; quadratic: 64"
