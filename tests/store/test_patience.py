"""A database that does not answer: how long reads and writes wait for it, and what the newest write says of it."""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest
from sqlalchemy import Connection

from store import database as module
from store import migrate
from store.database import Database, database_patience
from store.errors import StoreFull, StoreUnavailable


class Away:
    """A database that does not answer the first `tries` times. `count`: times it was tried."""

    def __init__(self, tries: int, failure: Callable[[], Exception] = ConnectionRefusedError) -> None:
        self._tries, self._failure = tries, failure
        self.count = 0

    async def read(self, work: Callable[[Any], Any]) -> Any:
        self.count += 1
        if self.count <= self._tries:
            raise self._failure()
        return work(None)

    write = read


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.004)


def away(database: Database, monkeypatch: pytest.MonkeyPatch, *arguments: Any) -> Away:
    stand_in = Away(*arguments)
    for name in ("read", "write"):
        monkeypatch.setattr(database._database, name, getattr(stand_in, name))
    return stand_in


def answer(connection: Connection) -> int:
    return 42


def fails(connection: Connection) -> None:
    raise KeyError("mine")


@pytest.mark.parametrize("way", ["read", "write"])
@pytest.mark.usefixtures("short_pauses")
async def test_who_is_patient_gets_the_answer_that_comes_late(
    lite: Database, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    flaky = away(lite, monkeypatch, 9)
    with database_patience(60):
        assert await getattr(lite, way)(answer) == 42
    assert flaky.count == 10


async def test_who_has_no_patience_hears_at_once_that_nothing_answers(
    lite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    flaky = away(lite, monkeypatch, 9)
    with database_patience(60):
        pass
    with pytest.raises(StoreUnavailable):
        await lite.read(answer)
    assert flaky.count == 1


@pytest.mark.usefixtures("short_pauses")
async def test_patience_ends(lite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    flaky = away(lite, monkeypatch, 10**9)
    with database_patience(0.1), pytest.raises(StoreUnavailable):
        async with asyncio.timeout(20):
            await lite.read(answer)
    assert flaky.count > 1


@pytest.mark.usefixtures("short_pauses")
async def test_nobody_waits_for_what_waiting_does_not_mend(
    lite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for failure in (lambda: StoreFull("full"), KeyError):
        flaky = away(lite, monkeypatch, 9, failure)
        with database_patience(60), pytest.raises((StoreFull, KeyError)):
            await lite.write(answer)
        assert flaky.count == 1


async def test_the_newest_write_says_whether_the_database_takes_writes(
    lite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lite.write_failure is None
    with monkeypatch.context() as broken:
        away(lite, broken, 9)
        for way in (lite.write, lite.read):
            with pytest.raises(StoreUnavailable) as failure:
                await way(answer)
            if way == lite.write:
                assert lite.write_failure is failure.value
    with pytest.raises(KeyError):
        await lite.write(fails)
    assert isinstance(lite.write_failure, StoreUnavailable), "that write says nothing of the database"
    await lite.write(answer)
    assert lite.write_failure is None


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (asyncpg.InvalidPasswordError("who"), "refuses the login"),
        (asyncpg.InvalidCatalogNameError("what"), "has no such database"),
        (asyncpg.InterfaceError("how"), r"cannot be used \(InterfaceError\)"),
    ],
)
def test_what_the_driver_of_postgres_raises_while_it_connects_is_translated(
    error: Exception, words: str
) -> None:
    with pytest.raises(StoreUnavailable, match=words) as failure, migrate.connecting():
        raise error
    assert failure.value.__cause__ is error


def test_what_others_raise_while_a_database_is_connected_passes() -> None:
    error = KeyError("mine")
    with pytest.raises(KeyError) as failure, migrate.connecting():
        raise error
    assert failure.value is error
