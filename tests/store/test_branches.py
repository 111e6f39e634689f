"""Reads along a branch: up to a summary, without texts, and to the newest leaf."""

from functools import partial

from sqlalchemy import Connection

from store import branches, summaries
from store.branches import Step
from store.database import Database
from tests.store.rows import ids, thread
from tests.store.tenants import new_summary

LINES = (
    "u m0: zero",
    "a m1: one one",
    "u m2: two",
    "a m3: three three three",
    "u m4: four",
    "a n1 < m0: other",
    "u n2: end",
)


async def test_a_branch_begins_with_the_message_that_an_active_summary_reaches(database: Database) -> None:
    for name in ("t", "other"):
        await thread(
            database, name, *(line.replace("m", f"{name}-m").replace("n", f"{name}-n", 1) for line in LINES)
        )

    def read(connection: Connection, until_summary: bool = True) -> str:
        return ids(
            branches.branch(connection, "ada", "t", "t-m4", rows=9, until_summary=until_summary)
        ).replace("t-", "")

    assert await database.read(read) == "m0 m1 m2 m3 m4"
    for name, upto, thread_id in (("s1", "t-m1", "t"), ("s3", "t-m3", "t"), ("s4", "other-m4", "other")):
        new = new_summary(name, upto, 1, 1)
        await database.write(partial(summaries.add, owner_id="ada", thread_id=thread_id, summary=new))
    assert await database.read(read) == "m3 m4"
    assert await database.read(partial(read, until_summary=False)) == "m0 m1 m2 m3 m4"
    await database.write(partial(summaries.retire, owner_id="ada", summary_id="s3"))
    assert await database.read(read) == "m1 m2 m3 m4"


async def test_the_steps_of_a_branch_come_oldest_first_without_texts(database: Database) -> None:
    await thread(database, "t", *LINES)

    def read(connection: Connection) -> None:
        steps = branches.steps(connection, "ada", "t", "m3")
        assert steps == [
            Step(id=f"m{n}", role="assistant" if n % 2 else "user", tokens=tokens, turn_id="turn")
            for n, tokens in enumerate((1, 2, 1, 3))
        ]
        assert [step.id for step in branches.steps(connection, "ada", "t", "n2")] == ["m0", "n1", "n2"]
        assert branches.steps(connection, "ada", "t", "none") == []

    await database.read(read)


async def test_children_are_read_for_the_parents_that_are_named(database: Database) -> None:
    await thread(database, "t", *LINES)

    def read(connection: Connection) -> None:
        for parents, families in (
            ({"m0"}, {"m0": ["m1", "n1"]}),
            ({None}, {None: ["m0"]}),
            ({None, "m4", "n1"}, {None: ["m0"], "n1": ["n2"]}),
            (set(), {}),
        ):
            assert branches.siblings(connection, "ada", "t", parents) == families  # type: ignore[arg-type]

    await database.read(read)


async def test_the_newest_leaf_below_a_message_that_is_not_there_is_itself(database: Database) -> None:
    await thread(database, "t", *LINES)

    def read(connection: Connection) -> None:
        newest = [branches.newest_leaf(connection, "ada", "t", start) for start in ("m0", "m1", "none")]
        assert newest == ["n2", "m4", "none"]
        assert branches.newest_leaf(connection, "ada", "other", "m0") == "m0"

    await database.read(read)
