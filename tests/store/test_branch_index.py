"""The outline of what stands above a message: the same however it is read, at once or turn by turn, forked or not."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, text, update

from context.messages import Message, ShortReply
from store import branches, tables
from store.database import Database
from store.search.branch_index import BRANCH_BYTES, MESSAGE_BYTES, Branch, Outlines, branch_above, only_short
from tests.store.rows import message, thread

STRAIGHT = tuple(f"{'ua'[n % 2]} m{n}: {'word ' * (n + 1)}" for n in range(9))
FORKED = (
    *STRAIGHT,
    "u n0 < m3: other words",
    "a n1: and more",
    "u n2: of them",
    "u r0 < : a new root",
    "a r1: and on",
)


def ids(connection: Connection, branch: Branch) -> list[str]:
    """The messages of a branch."""
    rows = connection.execute(text("SELECT pk, id FROM messages"))
    names = {row.pk: row.id for row in rows}
    return [names[pk] for pk in branch.pks]


def expected(connection: Connection, before: Message, reach: int) -> list[Message]:
    """The messages above `before` that a model may see, read as the window is."""
    if before.parent_id is None:
        return []
    rows = branches.branch(connection, "ada", "t", before.parent_id, rows=reach)
    return [row.message for row in rows if not row.message.refused and row.message.tokens]


def same(
    connection: Connection, branch: Branch, messages: Sequence[Message], before: Message, reach: int
) -> None:
    """The branch holds exactly these messages, with their columns."""
    assert ids(connection, branch) == [message.id for message in messages]
    assert list(branch.depths) == [message.depth for message in messages]
    assert list(branch.outline.roles) == [message.role for message in messages]
    assert list(branch.outline.tokens) == [message.tokens for message in messages]
    assert list(branch.outline.at) == [1] * len(messages)
    sizes = [message.tokens for message in messages if message.role == "user"]
    assert branch.outline.typical == (pytest.approx(sum(sizes) / len(sizes)) if sizes else 1.0)
    assert branch.place == {pk: position for position, pk in enumerate(branch.pks)}
    assert (branch.first, branch.last, branch.tip) == (
        max(0, before.depth - reach), before.depth - 1, before.parent_id,
    )  # fmt: skip


def above(connection: Connection, before: str, reach: int, outlines: Outlines) -> tuple[Branch, Message]:
    row = message(connection, before)
    return branch_above(connection, "ada", "t", row, reach=reach, outlines=outlines), row


@pytest.mark.parametrize("reach", [1, 3, 99])
@pytest.mark.parametrize("lines", [STRAIGHT, FORKED], ids=["straight", "forked"])
async def test_the_messages_above_one_are_those_of_its_branch_as_far_as_the_reach(
    database: Database, lines: tuple[str, ...], reach: int
) -> None:
    await thread(database, "t", *lines)

    def read(connection: Connection) -> None:
        connection.execute(update(tables.messages).where(tables.messages.c.id == "m2").values(refused=True))
        for before in (line.split()[1] for line in lines):
            branch, row = above(connection, before.rstrip(":"), reach, Outlines())
            same(connection, branch, expected(connection, row, reach), row, reach)

    await database.write(read)


@pytest.mark.parametrize("seed", range(5))
async def test_in_whatever_order_turns_come_the_outline_is_the_same(database: Database, seed: int) -> None:
    await thread(database, "t", *FORKED)
    chance, outlines = random.Random(seed), Outlines()
    names = [line.split()[1].rstrip(":") for line in FORKED]

    def read(connection: Connection) -> None:
        for before in (*sorted(names), *chance.choices(names, k=40)):
            reach = chance.choice([2, 4, 4, 4, 99])
            branch, row = above(connection, before, reach, outlines)
            if branch.first < row.depth - reach:  # what was known reaches further back
                reach = row.depth - branch.first
            same(connection, branch, expected(connection, row, reach), row, reach)

    await database.read(read)


async def test_a_turn_reads_only_what_was_added_since_the_one_before(lite: Database) -> None:
    await thread(lite, "t", *STRAIGHT)

    def read(connection: Connection) -> None:
        statements: list[str] = []
        driver: Any = connection.connection.driver_connection
        outlines, rows = Outlines(), {name: message(connection, name) for name in ("m5", "m7")}
        driver.set_trace_callback(statements.append)
        for before in ("m5", "m5", "m7", "m7"):
            statements.append(before)
            branch_above(connection, "ada", "t", rows[before], reach=99, outlines=outlines)
        driver.set_trace_callback(None)
        stretches = [
            line if line in rows else line.rpartition("BETWEEN ")[2].split("\n")[0] for line in statements
        ]
        assert stretches == ["m5", "0 AND 4", "m5", "m7", "5 AND 6", "m7"]

    await lite.read(read)


async def test_positions_are_found_by_pk_and_ascend(database: Database) -> None:
    await thread(database, "t", *FORKED)

    def read(connection: Connection) -> None:
        branch, _ = above(connection, "n2", 99, Outlines())
        pks = {row.id: row.pk for row in connection.execute(text("SELECT pk, id FROM messages"))}
        newest = sorted((pks[name] for name in ("m0", "m3", "m4", "n1", "r0")), reverse=True)
        assert branch.positions(newest) == [0, 3, 5]
        assert branch.positions([]) == []

    await database.read(read)


async def test_short_replies_of_the_window_stay_and_the_rest_of_it_goes(database: Database) -> None:
    await thread(database, "t", *STRAIGHT)

    def read(connection: Connection) -> None:
        branch, _ = above(connection, "m8", 99, Outlines())
        short = replace(message(connection, "m5"), short=ShortReply(id="m5", end=1, closing="", tokens=1))
        left = only_short(branch, message(connection, "m3"), [short])
        assert ids(connection, left) == ["m0", "m1", "m2", "m5"]
        assert list(left.depths) == [0, 1, 2, 5]
        assert list(left.outline.tokens) == [1, 2, 3, 6]
        assert list(left.outline.roles) == ["user", "assistant", "user", "assistant"]
        assert list(left.outline.at) == [1] * 4
        assert left.place == {pk: position for position, pk in enumerate(left.pks)}

    await database.read(read)


def branch_of(messages: int) -> Branch:
    """A branch of that many messages, which only its size matters of."""
    outline: Any = None
    return Branch(
        first=0,
        last=messages,
        tip="m",
        pks=range(messages),
        depths=range(messages),
        outline=outline,
        place={},
    )


def test_outlines_keep_the_threads_used_last_within_their_bytes() -> None:
    size = BRANCH_BYTES + 10 * MESSAGE_BYTES
    outlines = Outlines(3 * size)
    for name in "abc":
        outlines.put("ada", name, branch_of(10))
    assert outlines.get("ada", "a") is not None
    outlines.put("ada", "d", branch_of(10))
    assert {name for name in "abcd" if outlines.get("ada", name)} == {"a", "c", "d"}
    outlines.put("ada", "huge", branch_of(10_000))
    assert outlines.get("ada", "huge") is None, "larger than all of them"
    outlines.forget("ada", "a")
    outlines.forget("ada", "none")
    assert (outlines.get("ada", "a"), outlines.get("bob", "c")) == (None, None)
