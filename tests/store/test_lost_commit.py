"""A COMMIT whose acknowledgement is lost: the write knows whether it took effect."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from store import lost_commit
from store.database import Database, database_patience
from store.errors import StoreUnavailable
from tests.lost_commits import Losses, proxied
from tests.store.on_loop import EventLoop
from tests.store.users import names, new_user

pytestmark = pytest.mark.postgres


@asynccontextmanager
async def far(url: str) -> AsyncIterator[tuple[Database, Losses]]:
    """A database behind the proxy."""
    async with proxied(url) as (way, losses):
        database = Database(way)
        yield database, losses
        await database.close()


async def test_a_write_whose_acknowledgement_is_lost_has_succeeded(postgres_url: str) -> None:
    async with far(postgres_url) as (database, losses):
        await database.write(new_user("before"))
        losses.arm("INSERT")
        await database.write(new_user("one"))
        assert losses.lost == 1
        assert database.write_failure is None
        await database.write(new_user("two"))
        assert await names(database) == {"before", "one", "two"}


async def test_what_a_write_returned_is_returned_though_the_acknowledgement_is_lost(
    postgres_url: str,
) -> None:
    def claims(connection: Connection) -> bool:
        changed = connection.execute(text("UPDATE users SET name = 'x' WHERE name = 'one'"))
        return changed.rowcount == 1

    async with far(postgres_url) as (database, losses):
        await database.write(new_user("one"))
        losses.arm("UPDATE")
        assert await database.write(claims), "a repetition would have found nothing to claim"
        assert losses.lost == 1


async def test_a_write_that_never_reached_its_commit_is_no_success(postgres_url: str) -> None:
    async with far(postgres_url) as (database, _):
        loop = EventLoop()

        async def terminate(backend: int) -> None:
            other = Database(postgres_url)
            await other.write(
                lambda there: there.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": backend})
            )
            await other.close()

        def breaks(connection: Connection) -> None:
            new_user("half")(connection)
            loop.run(terminate(connection.execute(text("SELECT pg_backend_pid()")).scalar_one()))

        with pytest.raises(StoreUnavailable):
            await database.write(breaks)
        assert await names(database) == set()
        with database_patience(10):
            await database.write(new_user("later"))
        assert await names(database) == {"later"}


@pytest.mark.parametrize("commits", [True, False])
async def test_a_transaction_that_still_runs_is_waited_for(postgres_url: str, commits: bool) -> None:
    engine = create_async_engine("postgresql+asyncpg://", connect_args={"dsn": postgres_url})
    async with engine.connect() as connection:
        begun = await connection.begin()
        await connection.run_sync(new_user("one"))
        own_id = await connection.scalar(lost_commit.OWN_ID)
        looking = asyncio.create_task(lost_commit.committed(engine, own_id))
        await asyncio.wait([looking], timeout=3 * lost_commit.PAUSE)
        assert not looking.done()
        await (begun.commit() if commits else begun.rollback())
    assert await looking is commits
    await engine.dispose()
