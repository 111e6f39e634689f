"""Reports and search keep no turn waiting, and a statement that is given up ends."""

import asyncio
from collections.abc import AsyncIterator
from threading import Event

import pytest
from sqlalchemy import Connection, text

from store import sqlite
from store.database import Database, ReportLimits
from store.errors import StoreBusy, StoreTimeout, StoreUnavailable
from tests.store.on_loop import EventLoop
from tests.store.slow import Slow
from tests.store.users import names, new_user
from tests.waiting import LIMIT, until


@pytest.fixture
async def hasty(url: str) -> AsyncIterator[Database]:
    """One connection for reports, which is open already, for half a second."""
    opened = Database(url, ReportLimits(connections=1))
    await opened.report(lambda connection: None)
    opened.report_limits = ReportLimits(connections=1, seconds=0.5)
    yield opened
    await opened.close()


async def report(database: Database, slow: Slow) -> None:
    await database.report(slow.run)


async def test_reports_keep_neither_reads_nor_writes_waiting(database: Database) -> None:
    slow = Slow(database)
    reports = [asyncio.create_task(report(database, slow)) for _ in range(6)]
    await until(lambda: slow.started == database.report_limits.connections)
    for _ in range(3):
        async with asyncio.timeout(10):
            assert await database.read(lambda connection: connection.scalar(text("SELECT 1"))) == 1
    async with asyncio.timeout(10):
        await database.write(new_user("meanwhile"))
    assert not any(task.done() for task in reports), "they run or wait all the time"
    for task in reports:
        task.cancel()
    await asyncio.gather(*reports, return_exceptions=True)
    await until(slow.all_ended)


async def test_a_report_that_takes_too_long_is_interrupted(hasty: Database) -> None:
    slow = Slow(hasty)
    for _ in range(2):
        with pytest.raises(StoreTimeout):
            await report(hasty, slow)
        await until(slow.all_ended)
    assert await hasty.report(lambda connection: connection.scalar(text("SELECT 1"))) == 1


async def test_a_report_sees_one_moment_however_long_it_lasts(database: Database) -> None:
    loop = EventLoop()

    def count(connection: Connection) -> None:
        before = connection.scalar(text("SELECT count(*) FROM users"))
        loop.run(database.write(new_user("late")))
        assert connection.scalar(text("SELECT count(*) FROM users")) == before

    await database.report(count)
    assert await names(database) == {"late"}


async def test_a_report_that_nobody_waits_for_is_interrupted(database: Database) -> None:
    slow = Slow(database)
    task = asyncio.create_task(report(database, slow))
    await until(lambda: slow.started == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(slow.all_ended)


async def test_a_read_of_a_turn_that_nobody_waits_for_is_interrupted_too(database: Database) -> None:
    slow = Slow(database)

    tasks = [asyncio.create_task(database.read(slow.run)) for _ in range(4)]
    await until(lambda: slow.started == 4)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await until(slow.all_ended)
    async with asyncio.timeout(10):
        assert await database.read(lambda connection: connection.scalar(text("SELECT 1"))) == 1


async def test_a_read_that_is_given_up_while_it_computes_keeps_no_other_waiting(lite: Database) -> None:
    begun, go_on = Event(), Event()

    def compute(connection: Connection) -> None:
        begun.set()
        go_on.wait(LIMIT)  # no statement runs that could be interrupted

    task = asyncio.create_task(lite.read(compute))
    await until(begun.is_set)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with asyncio.timeout(10):
        for _ in range(3):
            assert await lite.read(lambda connection: connection.scalar(text("SELECT 1"))) == 1
    go_on.set()


async def test_a_read_whose_rollback_is_interrupted_leaves_no_transaction_open(
    lite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise sqlite.driver().OperationalError("interrupted")

    def breaks(connection: Connection) -> None:
        connection.scalar(text("SELECT count(*) FROM users"))
        monkeypatch.setattr(connection.dialect, "do_rollback", interrupted)
        raise KeyError

    with pytest.raises((KeyError, StoreUnavailable)):
        await lite.read(breaks)
    monkeypatch.undo()
    await lite.write(new_user("one"))
    assert await names(lite) == {"one"}, "the same connection sees what is new"


async def test_a_report_that_finds_no_connection_in_time_says_so(hasty: Database) -> None:
    slow, short = Slow(hasty), hasty.report_limits
    hasty.report_limits = ReportLimits(connections=1)
    first = asyncio.create_task(report(hasty, slow))
    await until(lambda: slow.started == 1)
    hasty.report_limits = short
    for _ in range(2):
        with pytest.raises(StoreBusy):
            await report(hasty, slow)
    assert not first.done()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await until(slow.all_ended)
