"""The thread a request names, or 404."""

from sqlalchemy.ext.asyncio import AsyncConnection

from chat.errors import NotFound
from store import threads
from store.threads import Thread


def found(thread: Thread | None, param: str = "thread") -> Thread:
    """The thread, if it is there. Raises NotFound naming `param`."""
    if thread is None:
        raise NotFound("no such thread", param=param)
    return thread


async def the_thread(
    connection: AsyncConnection, owner_id: str, thread_id: str, param: str = "thread"
) -> Thread:
    """A user's thread. Raises NotFound naming `param`."""
    return found(await threads.get(connection, owner_id, thread_id), param)
