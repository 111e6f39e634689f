"""Writing: grouped, apart from each other, and durable before it is acknowledged."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DatabaseError, IntegrityError

from store import migrate, sqlite, threads, users
from store.database import Database, Work
from store.errors import StoreFull, StoreUnavailable
from tests.store.on_loop import EventLoop
from tests.store.users import names, new_user


@asynccontextmanager
async def traced(database: Database) -> AsyncIterator[list[str]]:
    """Every statement the writing SQLite connection carries out."""
    statements: list[str] = []

    def trace(connection: Connection, callback: Callable[[str], None] | None) -> None:
        driver: Any = connection.connection.driver_connection
        driver.set_trace_callback(callback)

    await database.write(partial(trace, callback=statements.append))
    statements.clear()  # the end of that write
    yield statements
    await database.write(partial(trace, callback=None))


async def test_writes_that_wait_together_share_one_commit(lite: Database) -> None:
    async with traced(lite) as statements:
        await asyncio.gather(*(lite.write(new_user(f"u{n}")) for n in range(100)))
    assert statements.count("COMMIT") <= 2, "the first may go alone"
    assert len(await names(lite)) == 100


async def test_rows_read_without_sqlalchemy_are_of_the_same_moment(lite: Database) -> None:
    loop = EventLoop()

    def read(connection: Connection) -> None:
        first = sqlite.rows(connection, "SELECT count(*) FROM users WHERE id = :id", {"id": "u1"})
        loop.run(lite.write(new_user("u1")))
        then = sqlite.rows(connection, "SELECT count(*) FROM users WHERE id = :id", {"id": "u1"})
        result = connection.execute(text("SELECT count(*) FROM users WHERE id = 'u1'"))
        assert [*first, *then, result.one()] == [(0,), (0,), (0,)]

    await lite.read(read)
    assert await names(lite) == {"u1"}


async def test_a_read_without_sqlalchemy_fails_as_any_other(lite: Database) -> None:
    statement, values = "SELECT * FROM nothing WHERE id = :id", {"id": "what was said"}
    with pytest.raises(StoreUnavailable):
        await lite.read(partial(sqlite.rows, statement=statement, values=values))


async def test_writes_one_after_the_other_commit_one_by_one(lite: Database) -> None:
    async with traced(lite) as statements:
        for n in range(5):
            await lite.write(new_user(f"u{n}"))
    assert statements.count("COMMIT") == 5


async def test_a_bad_write_harms_only_itself(database: Database) -> None:
    def breaks(connection: Connection) -> None:
        new_user("half")(connection)
        raise KeyError("my own mistake")

    outcomes = await asyncio.gather(
        database.write(new_user("one")),
        database.write(breaks),
        database.write(new_user("ada")),
        database.write(new_user("two")),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [type(None), KeyError, IntegrityError, type(None)]
    assert await names(database) == {"one", "two"}


async def test_an_error_does_not_repeat_what_was_to_be_stored(database: Database) -> None:
    def twice(connection: Connection) -> None:
        statement = text("INSERT INTO users (id, name, created_at) VALUES ('ada', :secret, 1)")
        connection.execute(statement, {"secret": "what people say"})

    with pytest.raises(IntegrityError) as failure:
        await database.write(twice)
    assert "what people say" not in str(failure.value)


async def test_what_write_returns_comes_back_to_its_own_caller(database: Database) -> None:
    def give(connection: Connection, number: int) -> int:
        return number

    numbers = await asyncio.gather(*(database.write(partial(give, number=n)) for n in range(20)))
    assert numbers == list(range(20))


async def test_an_acknowledged_write_is_seen_by_every_other_connection(database: Database) -> None:
    await database.write(new_user("one"))
    other = Database(database.url)
    assert await names(other) == {"one"}
    await other.close()


async def test_a_caller_who_leaves_does_not_undo_his_write(lite: Database) -> None:
    waiting = asyncio.create_task(lite.write(new_user("one")))
    await asyncio.sleep(0)
    waiting.cancel()
    await lite.write(new_user("two"))
    assert await names(lite) == {"one", "two"}


async def test_closing_finishes_the_writes_that_wait(lite: Database) -> None:
    waiting = [asyncio.create_task(lite.write(new_user(f"u{n}"))) for n in range(10)]
    await asyncio.sleep(0)
    await lite.close()
    await asyncio.gather(*waiting)
    again = Database(lite.url)
    assert len(await names(again)) == 10
    await again.close()


async def test_a_commit_is_on_the_platter(lite: Database) -> None:
    async def pragma(name: str) -> Any:
        return await lite.write(lambda connection: connection.scalar(text(f"PRAGMA {name}")))

    assert await pragma("journal_mode") == "wal"
    assert await pragma("synchronous") == 2, "FULL: NORMAL may lose acknowledged commits on power loss"
    assert await pragma("foreign_keys") == 1


async def test_readers_cannot_write(lite: Database) -> None:
    with pytest.raises((DatabaseError, StoreUnavailable)):
        await lite.read(
            lambda connection: connection.execute(
                text("INSERT INTO users (id, name, created_at) VALUES ('x', 'x', 1)")
            )
        )


async def test_reading_goes_on_while_a_write_takes_its_time(database: Database) -> None:
    loop, begun, go_on = EventLoop(), asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        begun.set()
        await go_on.wait()

    def slow(connection: Connection) -> None:
        new_user("slow")(connection)
        loop.run(wait())

    writing = asyncio.create_task(database.write(slow))
    await begun.wait()
    assert await names(database) == set()
    go_on.set()
    await writing
    assert await names(database) == {"slow"}


async def test_a_read_sees_one_moment_however_long_it_lasts(database: Database) -> None:
    loop = EventLoop()

    def read(connection: Connection) -> None:
        before = connection.scalar(text("SELECT count(*) FROM users"))
        loop.run(database.write(new_user("late")))
        assert connection.scalar(text("SELECT count(*) FROM users")) == before

    await database.read(read)


async def test_a_full_disk_is_said_reading_goes_on_and_writing_comes_back(lite: Database) -> None:
    async def pages(most: int | None) -> None:
        def write(connection: Connection) -> None:
            now = connection.scalar(text("PRAGMA page_count"))
            connection.execute(text(f"PRAGMA max_page_count = {most or now}"))

        await lite.write(write)

    def big(connection: Connection) -> None:
        threads.create(connection, "ada", "big", now=1, metadata={"filler": "x" * 200_000})

    await pages(None)
    outcomes = await asyncio.gather(
        lite.write(lambda connection: users.ensure(connection, "ada", "Ada", 1)),
        lite.write(big),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [type(None), StoreFull]
    assert await lite.read(lambda connection: threads.get(connection, "ada", "big")) is None
    await pages(1_000_000)
    await lite.write(big)
    assert await lite.read(lambda connection: threads.get(connection, "ada", "big")) is not None


async def test_a_database_that_is_not_there_is_a_store_error(tmp_path: Path) -> None:
    nowhere = Database("postgresql://nobody:secret@127.0.0.1:1/none")
    with pytest.raises(StoreUnavailable) as failure:
        await nowhere.write(new_user("x"))
    assert "secret" not in str(failure.value)
    await nowhere.close()


async def test_a_file_that_is_no_database_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "a-file").write_text("not a database, but a file with quite some text in it " * 50)
    database = Database(f"sqlite:///{tmp_path / 'a-file'}")
    for attempt in (database.read, database.write):
        with pytest.raises(StoreUnavailable, match="not a database"):
            await attempt(lambda connection: None)
    await database.close()


@pytest.mark.postgres
async def test_two_writes_that_wait_for_each_other_are_both_done(postgres_url: str) -> None:
    database = Database(postgres_url)
    await migrate.upgrade(database)
    for name in ("one", "two"):
        await database.write(new_user(name))
    loop, both = EventLoop(), asyncio.Barrier(2)

    def renames(*order: str) -> Work[None]:
        tries = []

        def write(connection: Connection) -> None:
            tries.append(order)
            for name in order:
                connection.execute(text("UPDATE users SET name = name || 'x' WHERE id = :id"), {"id": name})
                if len(tries) == 1 and name == order[0]:
                    loop.run(both.wait())

        return write

    async with asyncio.timeout(30):
        await asyncio.gather(database.write(renames("one", "two")), database.write(renames("two", "one")))

    query = text("SELECT name FROM users WHERE id IN ('one', 'two') ORDER BY name")
    renamed = await database.read(lambda connection: list(connection.scalars(query)))
    assert renamed == ["onexx", "twoxx"], "each exactly once"
    await database.close()


@pytest.mark.postgres
async def test_a_wrong_password_is_a_store_error_too(postgres_url: str) -> None:
    locked_out = Database(postgres_url.replace("palaver:", "palaver:planted"))
    with pytest.raises(StoreUnavailable) as failure:
        await migrate.current(locked_out)
    assert "planted" not in str(failure.value)
    await locked_out.close()


WRITER = """
import asyncio, sys
from sqlalchemy import text
from store.database import Database
async def main():
    database = Database(sys.argv[1])
    async def one(n):
        await database.write(lambda c: c.execute(text("INSERT INTO users (id, name, created_at) VALUES (:n, :n, 1)"), {"n": f"k{n}"}))
        print(n, flush=True)
    n = 0
    while True:
        await asyncio.gather(*(one(n + k) for k in range(7)))
        n += 7
asyncio.run(main())
"""


def test_what_was_acknowledged_survives_a_killed_process(lite_url: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, lite_url], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        acknowledged = {int(process.stdout.readline()) for _ in range(200)}
        process.kill()
        acknowledged |= {int(line) for line in process.stdout.read().splitlines()}
    connection = sqlite.driver().connect(lite_url.removeprefix("sqlite:///"))
    stored = {int(name[1:]) for (name,) in connection.execute("SELECT id FROM users WHERE id LIKE 'k%'")}
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    assert len(acknowledged) >= 200
    assert acknowledged <= stored
