"""Savepoints undo what failed within them and nothing else, also within one another: all have the same name."""

import pytest
from sqlalchemy import Connection

from store.database import Database
from store.errors import StoreError
from store.savepoint import attempt, attempt_each
from tests.store.users import names, new_user


def _failing(connection: Connection) -> None:
    new_user("undone")(connection)
    raise ValueError("it was not to be")


async def test_a_failure_undoes_its_own_work_alone(database: Database) -> None:
    def write(connection: Connection) -> None:
        new_user("before")(connection)
        assert isinstance(attempt(connection, _failing), ValueError)
        assert attempt(connection, new_user("after")) is None

    await database.write(write)
    assert await names(database) == {"before", "after"}


async def test_within_another_a_failure_undoes_the_inner_work(database: Database) -> None:
    def outer(connection: Connection) -> None:
        new_user("outer")(connection)
        assert isinstance(attempt(connection, _failing), ValueError)
        assert attempt(connection, new_user("inner")) is None

    def write(connection: Connection) -> None:
        assert attempt(connection, outer) is None

    await database.write(write)
    assert await names(database) == {"outer", "inner"}


async def test_a_failure_undoes_what_succeeded_or_failed_within(database: Database) -> None:
    def outer(connection: Connection) -> None:
        assert attempt(connection, new_user("inner")) is None
        assert isinstance(attempt(connection, _failing), ValueError)
        raise LookupError("nor was this")

    def write(connection: Connection) -> None:
        new_user("before")(connection)
        assert isinstance(attempt(connection, outer), LookupError)

    await database.write(write)
    assert await names(database) == {"before"}


async def test_a_failure_of_the_transaction_is_raised(database: Database) -> None:
    def spoiled(_: Connection) -> None:
        raise StoreError("the disk is full")

    def write(connection: Connection) -> None:
        new_user("undone")(connection)
        attempt(connection, spoiled)

    with pytest.raises(StoreError):
        await database.write(write)
    assert await names(database) == set()


async def test_of_several_works_those_that_fail_are_undone_and_named(database: Database) -> None:
    works = {"first": new_user("first"), "second": _failing, "third": new_user("third")}

    def write(connection: Connection) -> None:
        assert attempt_each(connection, {"alone": new_user("alone")}) == {}
        [(name, failure)] = attempt_each(connection, works).items()
        assert (name, type(failure)) == ("second", ValueError)

    await database.write(write)
    assert await names(database) == {"alone", "first", "third"}
