"""A locked SQLite file, a writer that dies, and rows that are stored already."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from store import sqlite
from store.database import Database, database_patience
from store.errors import StoreLocked
from tests.store.users import names, new_user


@asynccontextmanager
async def locked(database: Database) -> AsyncIterator[None]:
    """Another program holds the write lock."""
    other = sqlite.driver().connect(Path(database.url.removeprefix("sqlite:///")), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


async def test_a_batch_that_meets_a_lock_fails_as_one(lite: Database) -> None:
    async with locked(lite):
        began = time.monotonic()
        outcomes = await asyncio.gather(
            *(lite.write(new_user(f"u{n}")) for n in range(100)), return_exceptions=True
        )
        assert {type(outcome) for outcome in outcomes} == {StoreLocked}
        assert time.monotonic() - began < 20, "twice the busy timeout: the first went alone"
    await lite.write(new_user("after"))
    assert await names(lite) == {"after"}


async def test_a_patient_write_waits_for_the_lock_to_go(lite: Database) -> None:
    async with locked(lite):
        with database_patience(60):
            waiting = asyncio.create_task(lite.write(new_user("patient")))
        hasty = await asyncio.gather(lite.write(new_user("hasty")), return_exceptions=True)
        assert isinstance(hasty[0], StoreLocked)
    await waiting
    assert await names(lite) == {"patient"}


async def test_the_writer_survives_a_cancellation_that_a_write_let_escape(lite: Database) -> None:
    async def escapes(connection: AsyncConnection) -> None:
        raise asyncio.CancelledError

    outcomes = await asyncio.gather(lite.write(new_user("one")), lite.write(escapes), return_exceptions=True)
    assert len(outcomes) == 2
    async with asyncio.timeout(10):
        await lite.write(new_user("two"))
    assert "two" in await names(lite)
