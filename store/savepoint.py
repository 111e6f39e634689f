"""Savepoints: work inside a transaction whose failure undoes that work alone, and the rest is committed.

Not SQLAlchemy's, which has a new name for each: it would compile each anew, and Postgres prepare it. One name suffices: of several
savepoints with a name the newest counts, on both databases.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from store.driver_errors import lost_to_concurrent, out_of_space
from store.errors import StoreError

_BEGIN, _END, _UNDO = "SAVEPOINT work", "RELEASE SAVEPOINT work", "ROLLBACK TO SAVEPOINT work"


@contextmanager
def savepoint(connection: Connection) -> Iterator[None]:
    """Undo what is done within, and that alone, when it raises. Raises DBAPIError when the database has rolled back everything."""
    connection.exec_driver_sql(_BEGIN)
    try:
        yield
    except Exception:
        _undo(connection)
        raise
    connection.exec_driver_sql(_END)


def attempt(connection: Connection, work: Callable[[Connection], object]) -> Exception | None:
    """Run `work` in a savepoint. Returns what it raised, with its changes undone; None when it succeeded.

    Raises what spoils the whole transaction, which is then repeated: a lost connection, a full disk, a deadlock.
    """
    connection.exec_driver_sql(_BEGIN)
    try:
        work(connection)
    except Exception as failure:
        _undo(connection)  # raises when the database has rolled back everything
        if connection.invalidated or _spoils(failure):
            raise
        return failure
    connection.exec_driver_sql(_END)
    return None


def attempt_each(
    connection: Connection, works: Mapping[str, Callable[[Connection], object]]
) -> dict[str, Exception]:
    """Run each work so that the failure of one undoes that alone. Returns what was raised, by name. Raises as `attempt`.

    All are run in one savepoint; only when that fails, each anew in its own.
    """

    def all_together(connection: Connection) -> None:
        for work in works.values():
            work(connection)

    if attempt(connection, all_together) is None:
        return {}
    failures = {name: attempt(connection, work) for name, work in works.items()}
    return {name: failure for name, failure in failures.items() if failure is not None}


def _undo(connection: Connection) -> None:
    if not connection.invalidated:
        connection.exec_driver_sql(_UNDO)
        connection.exec_driver_sql(_END)


def _spoils(failure: Exception) -> bool:
    """Whether a failure is one of the transaction, not of the work."""
    if isinstance(failure, DBAPIError):
        return failure.connection_invalidated or lost_to_concurrent(failure) or out_of_space(failure)
    return isinstance(failure, StoreError)
