"""How connections to SQLite are set up, how many there are, and what runs on them."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from store import group_commit, sqlite, sqlite_database
from store.database import Database, ReportLimits
from store.errors import StoreUnavailable
from tests.store.on_loop import EventLoop
from tests.store.users import names, new_user
from tests.waiting import until

caller: ContextVar[str] = ContextVar("caller", default="nobody")

SHARED = {"busy_timeout": 5_000, "temp_store": 2, "foreign_keys": 1}
WRITING = SHARED | {
    "journal_mode": "wal", "synchronous": 2, "journal_size_limit": 67_108_864, "wal_autocheckpoint": 4_000, "secure_delete": 1, "cache_size": -8_000,
    "query_only": 0,
}  # fmt: skip
READING = SHARED | {"query_only": 1, "cache_size": -4_000}


def pragmas(connection: Connection, wanted: dict[str, Any]) -> dict[str, Any]:
    return {name: connection.scalar(text(f"PRAGMA {name}")) for name in wanted}


async def test_connections_are_set_up_for_what_they_do(lite: Database) -> None:
    assert await lite.write(lambda connection: pragmas(connection, WRITING)) == WRITING
    for way in (lite.read, lite.report):
        assert await way(lambda connection: pragmas(connection, READING)) == READING


async def test_the_folder_of_a_new_database_is_made(tmp_path: Path) -> None:
    for _ in range(2):
        database = Database(f"sqlite:///{tmp_path}/a/b/palaver.db")
        assert await database.write(lambda connection: connection.scalar(text("SELECT 1"))) == 1
        await database.close()


async def test_a_file_that_cannot_be_opened_takes_no_connection_away(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/a-folder/palaver.db", ReportLimits(connections=1, seconds=10))
    (tmp_path / "a-folder" / "palaver.db").mkdir()
    async with asyncio.timeout(30):
        for _ in range(sqlite_database.READERS + 1):
            for way in (database.read, database.report, database.write):
                with pytest.raises(StoreUnavailable):
                    await way(lambda connection: None)
    await database.close()


async def test_a_write_has_the_database_to_itself_before_it_has_read_anything(lite: Database) -> None:
    other = sqlite.driver().connect(
        lite.url.removeprefix("sqlite:///"), isolation_level=None, timeout=0, check_same_thread=False
    )

    def write(connection: Connection) -> None:
        with pytest.raises(sqlite.driver().OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")

    await lite.write(write)
    other.close()


async def test_so_many_reads_run_at_once_and_the_next_waits(lite: Database) -> None:
    loop, go_on = EventLoop(), asyncio.Event()
    running = 0

    def read(connection: Connection) -> None:
        nonlocal running
        running += 1
        loop.run(asyncio.wait_for(go_on.wait(), 30))

    reads = [asyncio.create_task(lite.read(read)) for _ in range(sqlite_database.READERS + 3)]
    await until(lambda: running == sqlite_database.READERS)
    assert not any(task.done() for task in reads)
    go_on.set()
    await asyncio.gather(*reads)
    assert running == sqlite_database.READERS + 3


async def test_a_read_uses_the_connection_that_was_used_last(lite: Database) -> None:
    def driver(connection: Connection) -> int:
        return id(connection.connection.driver_connection)

    barrier, loop = asyncio.Barrier(3), EventLoop()

    def together(connection: Connection) -> int:
        loop.run(barrier.wait())
        return driver(connection)

    first = set(await asyncio.gather(*(lite.read(together) for _ in range(3))))
    again = [await lite.read(driver) for _ in range(3)]
    assert len(first) == 3
    assert len(set(again)) == 1
    assert set(again) <= first


async def test_what_runs_on_a_connection_sees_what_its_caller_has_set(database: Database) -> None:
    def who(connection: Connection) -> str:
        return caller.get()

    async def as_caller(name: str, way: Callable[[Any], Any]) -> str:
        caller.set(name)
        answer: str = await way(who)
        return answer

    expected = [f"caller {number}" for number in range(9)]
    for way in (database.read, database.report, database.write, database.renew):
        answers = await asyncio.gather(*(as_caller(name, way) for name in expected))
        assert answers == expected


async def test_a_batch_has_so_many_writes_and_no_more(
    lite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "BATCH", 3)
    statements: list[str] = []

    def trace(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        driver.set_trace_callback(statements.append)

    await lite.write(trace)
    statements.clear()
    await asyncio.gather(*(lite.write(new_user(f"u{n}")) for n in range(7)))
    inserts = "".join(
        "," if line == "COMMIT" else "i" for line in statements if line.startswith(("COMMIT", "INSERT"))
    )
    assert inserts.strip(",") == "iii,iii,i"


def log_size(database: Database) -> int:
    """Bytes in the write-ahead log."""
    return Path(database.url.removeprefix("sqlite:///") + "-wal").stat().st_size


async def test_the_log_is_truncated_once_no_reader_holds_it(
    lite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_database, "LOG_PAUSE", 0.01)
    reader = sqlite.driver().connect(lite.url.removeprefix("sqlite:///"), isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM users").fetchall()
    await lite.write(new_user("one"))
    waiting = asyncio.create_task(lite.truncate_log())
    await asyncio.wait([waiting], timeout=0.3)
    assert not waiting.done()
    assert log_size(lite) > 0
    reader.execute("ROLLBACK")
    await waiting
    assert log_size(lite) == 0
    assert await lite.read(lambda connection: pragmas(connection, READING)) == READING, "as it was before"
    reader.close()


async def test_a_log_that_a_reader_holds_for_long_is_left(
    lite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_database, "LOG_PAUSE", 0.001)
    monkeypatch.setattr(sqlite_database, "LOG_TRIES", 2)
    reader = sqlite.driver().connect(lite.url.removeprefix("sqlite:///"), isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM users").fetchall()
    await lite.write(new_user("one"))
    async with asyncio.timeout(30):
        await lite.truncate_log()
    reader.close()


async def test_a_closed_database_can_be_used_again(lite: Database) -> None:
    for number in range(3):
        await lite.write(new_user(f"u{number}"))
        await lite.report(lambda connection: None)
        await lite.close()
    assert await names(lite) == {"u0", "u1", "u2"}


LEFT_OPEN = """
import asyncio, sys
from sqlalchemy import text
from store.database import Database
async def main():
    database = Database(sys.argv[1])
    for way in (database.read, database.report, database.write):
        await way(lambda connection: connection.execute(text("SELECT 1")))
asyncio.run(main())
"""


def test_a_connection_that_nobody_closes_does_not_keep_the_process_alive(lite_url: str) -> None:
    subprocess.run([sys.executable, "-c", LEFT_OPEN, lite_url], check=True, timeout=60, capture_output=True)
