"""What the errors of the drivers mean to callers, and what an error inside a transaction spoils."""

from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from store.database import Database
from store.driver_errors import lost_to_concurrent, translated
from store.errors import StoreError, StoreFull, StoreLocked, StoreTimeout, StoreUnavailable
from store.savepoint import attempt
from tests.store.users import names, new_user


class DriverError(Exception):
    """An error as drivers raise them, with or without an SQLSTATE."""

    def __init__(self, words: str = "", sqlstate: str | None = None) -> None:
        super().__init__(words)
        self.sqlstate = sqlstate


def wrapped(
    words: str = "", sqlstate: str | None = None, *, kind: type[DBAPIError] = DBAPIError, **more: Any
) -> DBAPIError:
    return kind("SELECT 1", None, DriverError(words, sqlstate), **more)


MEANINGS: list[tuple[BaseException, type[StoreError], str]] = [
    (wrapped("database or disk is full"), StoreFull, "the disk is full"),
    (wrapped("could not extend file: No space left on device", "53100"), StoreFull, "the disk is full"),
    (wrapped("database is locked", kind=OperationalError), StoreLocked, "another program"),
    (wrapped("database table is locked", kind=OperationalError), StoreLocked, "another program"),
    (wrapped("file is not a database"), StoreUnavailable, "not a database"),
    (wrapped(sqlstate="57014"), StoreTimeout, "took too long"),
    (wrapped(sqlstate="28P01"), StoreUnavailable, "refuses the login"),
    (wrapped(sqlstate="3D000"), StoreUnavailable, "refuses the login"),
    (wrapped(sqlstate="53300"), StoreUnavailable, "does not answer"),
    (wrapped(sqlstate="57P01"), StoreUnavailable, "does not answer"),
    (wrapped(sqlstate="40P01"), StoreUnavailable, "same rows"),
    (wrapped(sqlstate="40001"), StoreUnavailable, "same rows"),
    (wrapped(kind=OperationalError), StoreUnavailable, "does not answer"),
    (wrapped(kind=InterfaceError), StoreUnavailable, "does not answer"),
    (wrapped(connection_invalidated=True), StoreUnavailable, "does not answer"),
    (PoolTimeout(), StoreUnavailable, "in time"),
    (ConnectionRefusedError(), StoreUnavailable, "cannot be reached"),
]


@pytest.mark.parametrize(("error", "kind", "words"), MEANINGS)
def test_an_error_of_a_driver_becomes_what_it_means(
    error: BaseException, kind: type[StoreError], words: str
) -> None:
    with pytest.raises(StoreError, match=words) as failure, translated():
        raise error
    assert type(failure.value) is kind
    assert failure.value.__cause__ is error


@pytest.mark.parametrize(
    "error",
    [
        wrapped("the disk is full, says a constraint", kind=IntegrityError),
        wrapped(kind=ProgrammingError),
        wrapped(sqlstate="22003", kind=DataError),
        StoreLocked("mine"),
        KeyError("mine"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_is_no_failure_of_the_database_passes_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as failure, translated():
        raise error
    assert failure.value is error


def test_a_transaction_that_lost_to_another_is_known_by_its_sqlstate() -> None:
    states = ("40P01", "40001", "40002", None)
    assert [lost_to_concurrent(wrapped(sqlstate=state)) for state in states] == [True, True, False, False]


async def test_a_failure_undoes_the_optional_work_alone(database: Database) -> None:
    def optional(connection: Connection, name: str) -> None:
        new_user(name)(connection)
        new_user("ada")(connection)

    def write(connection: Connection) -> list[type | None]:
        new_user("before")(connection)
        works = (new_user("well"), partial(optional, name="undone"), new_user("after"))
        return [type(failure) if (failure := attempt(connection, work)) else None for work in works]

    assert await database.write(write) == [None, IntegrityError, None]
    assert await names(database) == {"before", "well", "after"}


@pytest.mark.parametrize(
    "failure",
    [
        wrapped(connection_invalidated=True),
        wrapped(sqlstate="40P01"),
        wrapped("database or disk is full"),
        StoreLocked("mine"),
    ],
    ids=["lost connection", "deadlock", "full disk", "of the store"],
)
async def test_a_failure_of_the_transaction_is_no_failure_of_the_work(
    database: Database, failure: Exception
) -> None:
    def fails(connection: Connection) -> None:
        new_user("undone")(connection)
        raise failure

    def write(connection: Connection) -> None:
        with pytest.raises(type(failure)) as raised:
            attempt(connection, fails)
        assert raised.value is failure
        connection.execute(text("SELECT 1"))
        new_user("well")(connection)

    await database.write(write)
    assert await names(database) == {"well"}
