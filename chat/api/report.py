"""Run a report or search for as long as its client waits."""

import asyncio
from typing import TypeVar

from starlette.requests import Request

from chat.errors import BadRequest
from store.database import Database, Work

T = TypeVar("T")


async def report(database: Database, request: Request, work: Work[T]) -> T:
    """`Database.report`, given up and interrupted when the client is gone. Raises BadRequest then: nobody reads that answer."""
    try:
        async with asyncio.timeout(None) as presence:
            watcher = asyncio.create_task(_end_when_gone(request, presence), name="client")
            try:
                return await database.report(work)
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
