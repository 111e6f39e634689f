"""A database connection for reports and search, for as long as their client waits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request

from chat.errors import BadRequest
from store.database import Database


@asynccontextmanager
async def report_reader(database: Database, request: Request) -> AsyncIterator[AsyncConnection]:
    """`Database.reporting`; its statement is interrupted when the client is gone. Raises BadRequest then: nobody reads that answer."""
    try:
        async with asyncio.timeout(None) as presence:
            watcher = asyncio.create_task(_end_when_gone(request, presence), name="client")
            try:
                async with database.reporting() as connection:
                    yield connection
            finally:
                watcher.cancel()
    except TimeoutError:
        if not presence.expired():
            raise
        raise BadRequest("the client has gone") from None


async def _end_when_gone(request: Request, presence: asyncio.Timeout) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    presence.reschedule(asyncio.get_running_loop().time())
