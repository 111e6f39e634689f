"""The tree of messages and its visible branch, on both databases."""

from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, insert
from sqlalchemy.exc import IntegrityError, NoResultFound

from context.messages import Message, TextPart
from store import branches, messages, tables, threads
from store.database import Database
from store.search import messages as search
from store.search import term_index
from store.search.term_index import Indexed
from tests.store.rows import ids, message, new_message, thread

FORKED = (
    "u q1: one two",
    "a a1: three",
    "u q2: four",
    "a a2: five six",
    "u q2b < a1: instead",
    "a a2b: other",
    "a a2c < q2: again",
    "u r1 < : a new beginning",
)


async def test_the_branch_of_a_leaf_oldest_first(database: Database) -> None:
    await thread(database, "t", *FORKED)

    def read(connection: Connection) -> None:
        for leaf, expected in {
            "a2": "q1 a1 q2 a2",
            "a2b": "q1 a1 q2b a2b",
            "a2c": "q1 a1 q2 a2c",
            "r1": "r1",
        }.items():
            assert ids(branches.branch(connection, "ada", "t", leaf, rows=50)) == expected

    await database.read(read)


async def test_a_branch_is_cut_by_rows_tokens_or_a_message(database: Database) -> None:
    await thread(database, "t", *FORKED)

    def read(connection: Connection) -> None:
        assert ids(branches.branch(connection, "ada", "t", "a2", rows=2)) == "q2 a2"
        assert ids(branches.branch(connection, "ada", "t", "a2", rows=9, tokens=2)) == "q2 a2"
        assert ids(branches.branch(connection, "ada", "t", "a2", rows=9, tokens=3)) == "a1 q2 a2"
        assert ids(branches.branch(connection, "ada", "t", "a2", rows=9, stop_at="a1")) == "a1 q2 a2"

    await database.read(read)


async def test_siblings_share_a_parent_oldest_first(database: Database) -> None:
    await thread(database, "t", *FORKED)
    families = await database.read(
        lambda connection: branches.siblings(connection, "ada", "t", {None, "a1", "q2", "nobody"})
    )
    assert families == {None: ["q1", "r1"], "a1": ["q2", "q2b"], "q2": ["a2", "a2c"]}


async def test_the_newest_leaf_below_a_message(database: Database) -> None:
    await thread(database, "t", *FORKED)

    def read(connection: Connection) -> None:
        for start, leaf in {"q1": "a2b", "q2": "a2c", "a2": "a2", "q2b": "a2b", "r1": "r1"}.items():
            assert branches.newest_leaf(connection, "ada", "t", start) == leaf

    await database.read(read)


async def test_depth_counts_from_the_root(database: Database) -> None:
    await thread(database, "t", *FORKED)
    branch = await database.read(lambda connection: branches.branch(connection, "ada", "t", "a2b", rows=9))
    assert [row.message.depth for row in branch] == [0, 1, 2, 3]


async def test_a_finished_answer_never_changes_again(database: Database) -> None:
    await thread(database, "t", "u q: hi")
    parent = await database.read(lambda connection: messages.get(connection, "ada", "q"))
    assert parent is not None
    await database.write(
        lambda connection: messages.add(
            connection, "ada", "t", messages.NewMessage(id="a", parent=parent.message, role="assistant", status="streaming",
            parts=(), tokens=0, turn_id="turn", created_at=1),
        )
    )  # fmt: skip

    async def finish(text: str) -> None:
        await database.write(
            lambda connection: messages.finish(
                connection, "ada", "a", messages.FinishedAnswer(status="complete", parts=(TextPart(text=text),), tokens=1,
                usage={"input_tokens": 3}, cost_usd="0.000001"),
            )
        )  # fmt: skip

    await finish("first")
    with pytest.raises(NoResultFound):
        await finish("second")
    stored = await database.read(lambda connection: messages.get(connection, "ada", "a"))
    assert stored is not None
    assert (stored.message.text, stored.usage, stored.cost_usd) == ("first", {"input_tokens": 3}, "0.000001")


async def test_an_answer_is_read_as_it_was_finished(database: Database) -> None:
    await thread(database, "t", "u q: hi")
    finished = messages.FinishedAnswer(
        status="complete", parts=(TextPart(text="lighthouse"),), tokens=4, refused=True, model="m", finish_reason="stop",
        error={"type": "overloaded"}, usage={"input_tokens": 3}, cost_usd="0.000001",
    )  # fmt: skip

    def write(connection: Connection) -> None:
        new = new_message(
            "a", "", parent=message(connection, "q"), role="assistant", status="streaming", at=7
        )
        messages.add(connection, "ada", "t", new)
        messages.finish(connection, "ada", "a", finished)
        messages.rate(connection, "ada", "a", "up")

    await database.write(write)
    stored = await database.read(partial(messages.get, owner_id="ada", message_id="a", thread_id="t"))
    assert stored is not None
    assert stored == messages.StoredMessage(
        pk=stored.pk,
        owner_id="ada",
        thread_id="t",
        turn_id="turn",
        message=Message(
            id="a", parent_id="q", role="assistant", status="complete", parts=finished.parts, depth=1, tokens=4, refused=True
        ),
        model="m",
        finish_reason="stop",
        error={"type": "overloaded"},
        usage={"input_tokens": 3},
        cost_usd="0.000001",
        feedback="up",
        created_at=7,
    )  # fmt: skip


@pytest.mark.parametrize("index", [True, False])
async def test_a_message_is_in_both_indexes_once_it_is_whole(database: Database, index: bool) -> None:
    await thread(database, "t", "u q: harbour")
    answer = messages.FinishedAnswer(status="complete", parts=(TextPart(text="lighthouse"),), tokens=1)

    def write(connection: Connection) -> Indexed:
        new = new_message("a", "", parent=message(connection, "q"), role="assistant", status="streaming")
        messages.add(connection, "ada", "t", new)
        return messages.finish(connection, "ada", "a", answer, index=index)

    def found(connection: Connection) -> dict[str, tuple[list[str], int]]:
        everywhere: dict[str, Any] = {"pks": (0, 10**9), "depths": (0, 99), "most": 9}
        return {
            word: (
                [hit.message_id for hit in search.find(connection, "ada", word, limit=9)],
                len(term_index.holding(connection, "ada", "t", [stem], **everywhere).get(stem, [])),
            )
            for word, stem in (("harbour", "harbour"), ("lighthouse", "lighthous"))
        }

    place = await database.write(write)
    both = {"harbour": (["q"], 1), "lighthouse": (["a"], 1)}
    assert await database.read(found) == (both if index else both | {"lighthouse": ([], 0)})
    if not index:
        await database.write(partial(search.index, message=place, parts=answer.parts, new=True))
        assert await database.read(found) == both


async def test_two_owners_may_use_the_same_ids_and_never_meet(database: Database) -> None:
    await thread(database, "t", "u q: mine", "a a: answer", owner="ada")
    await thread(database, "t", "u q: yours", owner="bob")

    def read(connection: Connection) -> None:
        mine = messages.get(connection, "ada", "q")
        assert mine is not None
        assert mine.message.text == "mine"
        assert messages.get(connection, "bob", "a") is None
        assert ids(branches.branch(connection, "bob", "t", "a", rows=9)) == ""
        assert ids(branches.branch(connection, "ada", "t", "a", rows=9)) == "q a"
        assert branches.siblings(connection, "bob", "t", {"q"}) == {}

    await database.read(read)
    assert not await database.write(lambda connection: messages.rate(connection, "bob", "a", "up"))
    assert await database.write(lambda connection: messages.rate(connection, "ada", "a", "up"))
    assert await database.write(lambda connection: threads.remove(connection, "bob", "t"))
    assert await database.read(lambda connection: messages.get(connection, "ada", "q")) is not None


async def test_an_id_is_taken_once_per_owner(database: Database) -> None:
    await thread(database, "t", "u q: hi")
    with pytest.raises(IntegrityError):
        await thread(database, "other", "u q: hi again")
    assert await database.read(lambda connection: threads.get(connection, "ada", "other")) is None, (
        "the whole write is undone"
    )


async def test_a_message_of_another_thread_is_not_on_the_branch(database: Database) -> None:
    await thread(database, "one", "u q1: hi")
    await thread(database, "two", "u q2: hi")

    def read(connection: Connection) -> None:
        assert ids(branches.branch(connection, "ada", "two", "q1", rows=9)) == ""
        assert messages.get(connection, "ada", "q1", thread_id="two") is None

    await database.read(read)


async def test_deleting_a_thread_takes_a_long_branch_along(database: Database) -> None:
    await thread(database, "t", "u root: words")
    values = [
        {"owner_id": "ada", "thread_id": "t", "id": f"m{n}", "parent_id": f"m{n - 1}" if n else "root", "depth": n + 1,
         "role": "user", "status": "complete", "parts": [], "tokens": 1, "refused": False, "turn_id": "x", "created_at": 1}
        for n in range(3_000)
    ]  # fmt: skip
    await database.write(lambda connection: connection.execute(insert(tables.messages), values))
    assert await database.write(lambda connection: threads.remove(connection, "ada", "t"))
    assert await database.read(lambda connection: messages.get(connection, "ada", "m2999")) is None
