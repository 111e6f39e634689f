"""A locked SQLite file, a writer that dies, and rows that are stored already."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from store import sqlite
from store.database import Database, database_patience
from store.errors import StoreLocked
from store.group_commit import GroupCommit
from tests.store.users import names, new_user


@contextmanager
def locked(database: Database) -> Iterator[None]:
    """Another program holds the write lock."""
    other = sqlite.driver().connect(Path(database.url.removeprefix("sqlite:///")), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@contextmanager
def watched_transactions(after_each: Callable[[int], None]) -> Iterator[None]:
    """Call `after_each` with the number of transactions that have ended, whatever their outcome."""
    count = 0
    original = GroupCommit._transaction

    async def watched(self: GroupCommit, batch: list[Any]) -> list[Any]:
        nonlocal count
        try:
            return await original(self, batch)
        finally:
            count += 1
            after_each(count)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GroupCommit, "_transaction", watched)
        yield


async def test_a_batch_that_meets_a_lock_fails_as_one(lite: Database) -> None:
    tried: list[int] = []
    with watched_transactions(tried.append):
        with locked(lite):
            outcomes = await asyncio.gather(
                *(lite.write(new_user(f"u{n}")) for n in range(100)), return_exceptions=True
            )
        assert {type(outcome) for outcome in outcomes} == {StoreLocked}
        assert tried == [1], "each transaction waits for the whole busy timeout"
    await lite.write(new_user("after"))
    assert await names(lite) == {"after"}


async def test_writes_that_are_repeated_one_by_one_fail_together_when_they_meet_a_lock(
    lite: Database,
) -> None:
    def is_refused(connection: Connection) -> None:
        connection.execute(text("SELECT * FROM no_such_table"))

    tried: list[int] = []
    with ExitStack() as lock:

        def lock_after_the_batch(count: int) -> None:
            tried.append(count)
            if count == 1:
                lock.enter_context(locked(lite))

        with watched_transactions(lock_after_the_batch):
            outcomes = await asyncio.gather(
                *(lite.write(new_user(f"u{n}")) for n in range(50)),
                lite.write(is_refused),
                return_exceptions=True,
            )
    assert {type(outcome) for outcome in outcomes} == {StoreLocked}
    assert tried == [1, 2], "the first that met the lock fails for all that are left"


async def test_a_patient_write_waits_for_the_lock_to_go(lite: Database) -> None:
    with locked(lite):
        with database_patience(60):
            waiting = asyncio.create_task(lite.write(new_user("patient")))
        hasty = await asyncio.gather(lite.write(new_user("hasty")), return_exceptions=True)
        assert isinstance(hasty[0], StoreLocked)
    await waiting
    assert await names(lite) == {"patient"}


async def test_the_writer_survives_a_cancellation_that_a_write_let_escape(lite: Database) -> None:
    def escapes(connection: Connection) -> None:
        raise asyncio.CancelledError

    outcomes = await asyncio.gather(lite.write(new_user("one")), lite.write(escapes), return_exceptions=True)
    assert len(outcomes) == 2
    async with asyncio.timeout(10):
        await lite.write(new_user("two"))
    assert "two" in await names(lite)
