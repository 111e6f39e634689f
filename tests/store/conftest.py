"""An open, migrated database of each kind, with two users in it."""

import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from store import migrate, users
from store.database import Database
from tests.migrated import migrated_file
from tests.postgres import Server


@pytest.fixture
def lite_url(tmp_path: Path) -> str:
    """A migrated SQLite database with nothing in it."""
    shutil.copy(migrated_file(), tmp_path / "palaver.db")
    return f"sqlite:///{tmp_path / 'palaver.db'}"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest) -> str:
    """A migrated, empty database of each kind."""
    database_url: str = request.getfixturevalue("lite_url" if request.param == "sqlite" else "postgres_url")
    return database_url


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """A database of each kind, with the users `ada` and `bob`."""
    opened = await _with_users(url)
    yield opened
    await opened.close()


@pytest.fixture
async def own_database(url: str, request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    """The same, for a test that changes the schema: on Postgres a database that nobody shares."""
    async with AsyncExitStack() as stack:
        if not url.startswith("sqlite"):
            server: Server = request.getfixturevalue("postgres")
            url = await stack.enter_async_context(server.database())
            empty = Database(url)
            await migrate.upgrade(empty)
            await empty.close()
        opened = await _with_users(url)
        yield opened
        await opened.close()


@pytest.fixture
async def lite(lite_url: str) -> AsyncIterator[Database]:
    """The same on SQLite, for what only SQLite needs us to do."""
    opened = await _with_users(lite_url)
    yield opened
    await opened.close()


async def _with_users(url: str) -> Database:
    opened = Database(url)
    for name in ("ada", "bob"):
        await opened.write(lambda connection, name=name: users.ensure(connection, name, name.title(), 1))  # type: ignore[misc]
    return opened
