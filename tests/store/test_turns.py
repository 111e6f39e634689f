"""Turns: one at a time, ended once, leased to whoever runs them."""

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from store import turns, users
from store.database import Database
from tests.store.on_loop import EventLoop
from tests.store.rows import thread


async def run(
    database: Database, thread_id: str, turn_id: str, *, holder: str, until: int, key: str | None = None
) -> None:
    await database.write(
        lambda connection: turns.add(
            connection, turns.NewTurn(id=turn_id, owner_id="ada", thread_id=thread_id, user_message_id="q", message_id="a",
            requested_model=None, token=None, feature=None, idempotency_key=key, fingerprint="f", metadata={}, window_start=None, lease_holder=holder,
            lease=until, created_at=0),
        )
    )  # fmt: skip


async def end(database: Database, turn_id: str) -> bool:
    return await database.write(
        lambda connection: turns.finish(
            connection, "ada", turn_id, status="completed", usage=None, error=None, last_seq=3, now=2
        )
    )


async def test_a_thread_has_one_running_turn_and_a_key_one_turn(database: Database) -> None:
    for name in ("one", "two"):
        await thread(database, name)
    await run(database, "one", "t1", holder="p", until=10, key="k")
    with pytest.raises(IntegrityError):
        await run(database, "one", "t2", holder="p", until=10)
    with pytest.raises(IntegrityError):
        await run(database, "two", "t3", holder="p", until=10, key="k")
    assert await end(database, "t1")
    await run(database, "one", "t2", holder="p", until=10)


async def test_a_turn_ends_once(database: Database) -> None:
    await thread(database, "one")
    await run(database, "one", "t1", holder="p", until=10)
    assert [await end(database, "t1") for _ in range(3)] == [True, False, False]


async def test_a_lease_is_renewed_for_what_really_runs_and_the_rest_runs_out(database: Database) -> None:
    for name in ("one", "two", "three", "four"):
        await thread(database, name)
    hour = 3_600_000
    await run(database, "four", "over", holder="p", until=-10)
    assert await end(database, "over")
    await run(database, "one", "runs", holder="p", until=-10)
    await run(database, "two", "lost", holder="p", until=-10)
    await run(database, "three", "others", holder="q", until=hour)

    def renew(connection: Connection) -> list[str]:
        turns.request_cancel(connection, "ada", "runs")
        return turns.renew_leases(connection, "p", ["runs", "others"], now=0, lease=hour)

    abandoned = await database.read(lambda connection: turns.abandoned(connection, 0))
    assert {turn.id for turn in abandoned} == {"runs", "lost"}
    assert await database.write(renew) == ["runs"]

    def read(connection: Connection) -> None:
        assert {turn.id for turn in turns.abandoned(connection, 0)} == {"lost"}
        assert {turn.id for turn in turns.abandoned(connection, None)} == {"runs", "lost", "others"}

    await database.read(read)


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("statement", "is_renewed"),
    [
        ("INSERT INTO turn_events (turn_id, seq, payload) VALUES ('runs', 7, '{}')", True),
        ("UPDATE turns SET \"plan\" = '{}' WHERE id = 'runs'", False),
        ("DELETE FROM turns WHERE id = 'runs'", False),
    ],
    ids=["adding events", "updating it", "deleting it"],
)
async def test_a_lease_is_renewed_while_events_are_being_added(
    postgres_url: str, statement: str, is_renewed: bool
) -> None:
    """The transaction of the journal adds events of all turns at once; one that changes a turn keeps no other waiting."""
    database = Database(postgres_url)
    await database.write(lambda connection: users.ensure(connection, "ada", "Ada", 1))
    await thread(database, "one")
    await run(database, "one", "runs", holder="p", until=-10)
    loop = EventLoop()

    async def renew() -> None:
        await database.renew(
            lambda connection: turns.renew_leases(connection, "p", ["runs"], now=0, lease=3_600_000)
        )

    def busy(connection: Connection) -> None:
        connection.execute(text(statement))
        loop.run(renew())
        raise KeyError("nothing is changed")

    with pytest.raises(KeyError):
        await database.write(busy)
    abandoned = await database.read(lambda connection: turns.abandoned(connection, 0))
    assert ([turn.id for turn in abandoned] == []) is is_renewed
    await database.close()
