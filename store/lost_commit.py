"""Run a transaction on Postgres, and look up whether a COMMIT took effect when the connection broke before its answer came.

Postgres keeps the status of recent transactions for exactly this question (PostgreSQL documentation, "System Information Functions",
`pg_xact_status`). So a write whose COMMIT succeeded is acknowledged, and one whose COMMIT did not is known to have changed nothing.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

import structlog
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

log = structlog.get_logger()

T = TypeVar("T")

OWN_ID = text("SELECT pg_current_xact_id_if_assigned()::text")
STATUS = text("SELECT pg_xact_status(CAST(CAST(:id AS text) AS xid8))")
LOOKUP_SECONDS = 5.0  # a database that is away for longer leaves the question open
PAUSE = 0.1  # seconds between two looks


async def transaction(engine: AsyncEngine, work: Callable[[Connection], T], *, look_up: bool = True) -> T:
    """Run `work` in a transaction and commit it. Raises what `work` raises, or DBAPIError when nothing is known to be stored.

    `look_up`: False saves a round trip where the caller recognizes by itself what is stored already.
    """
    async with engine.connect() as connection:
        begun = await connection.begin()
        try:
            result = await connection.run_sync(work)
            # None: it changed nothing.
            own_id: str | None = await connection.scalar(OWN_ID) if look_up else None
        except BaseException:
            await begun.rollback()
            raise
        try:
            await begun.commit()
        except (DBAPIError, OSError) as lost:
            broken = isinstance(lost, OSError) or lost.connection_invalidated
            if own_id is None or not broken or not await committed(engine, own_id):
                raise
            log.warning("database.commit_confirmed")
    return result


async def committed(engine: AsyncEngine, transaction_id: str) -> bool:
    """Whether a transaction took effect. False when it did not, and when the database does not say so in LOOKUP_SECONDS."""
    loop = asyncio.get_running_loop()
    until = loop.time() + LOOKUP_SECONDS
    while loop.time() < until:
        try:
            async with asyncio.timeout_at(until), engine.connect() as connection:
                status = await connection.scalar(STATUS, {"id": transaction_id})
            if status != "in progress":  # the server has not noticed yet that the connection is gone
                return bool(status == "committed")
        except (DBAPIError, OSError):
            pass  # still away
        await asyncio.sleep(PAUSE)
    return False
