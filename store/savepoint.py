"""Optional work inside a transaction: a failure undoes that work alone, and the rest is committed."""

from collections.abc import Awaitable, Callable

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from store.driver_errors import lost_to_concurrent, out_of_space
from store.errors import StoreError


async def attempt(
    connection: AsyncConnection, work: Callable[[AsyncConnection], Awaitable[object]]
) -> Exception | None:
    """Run `work` in a savepoint. Returns what it raised, with its changes undone; None when it succeeded.

    Raises what spoils the whole transaction, which is then repeated: a lost connection, a full disk, a deadlock.
    """
    savepoint = await connection.begin_nested()
    try:
        await work(connection)
    except Exception as failure:
        await savepoint.rollback()  # raises when the database has rolled back everything
        if _spoils(failure):
            raise
        return failure
    await savepoint.commit()
    return None


def _spoils(failure: Exception) -> bool:
    """Whether a failure is one of the transaction, not of the work."""
    if isinstance(failure, DBAPIError):
        return failure.connection_invalidated or lost_to_concurrent(failure) or out_of_space(failure)
    return isinstance(failure, StoreError)
