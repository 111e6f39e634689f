"""Optional work inside a transaction: a failure undoes that work alone, and the rest is committed."""

from collections.abc import Callable

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from store.driver_errors import lost_to_concurrent, out_of_space
from store.errors import StoreError


def attempt(connection: Connection, work: Callable[[Connection], object]) -> Exception | None:
    """Run `work` in a savepoint. Returns what it raised, with its changes undone; None when it succeeded.

    Raises what spoils the whole transaction, which is then repeated: a lost connection, a full disk, a deadlock.
    """
    savepoint = connection.begin_nested()
    try:
        work(connection)
    except Exception as failure:
        savepoint.rollback()  # raises when the database has rolled back everything
        if _spoils(failure):
            raise
        return failure
    savepoint.commit()
    return None


def _spoils(failure: Exception) -> bool:
    """Whether a failure is one of the transaction, not of the work."""
    if isinstance(failure, DBAPIError):
        return failure.connection_invalidated or lost_to_concurrent(failure) or out_of_space(failure)
    return isinstance(failure, StoreError)
