"""Index messages that search and recall lack, once after a start: an answer is kept although its index entry failed."""

from functools import partial

import structlog

from chat.runtime.runtime import Runtime
from store.search import catch_up, messages

log = structlog.get_logger()


async def index_missing(runtime: Runtime) -> None:
    """Index every message that an index lacks."""
    database = runtime.database
    async with database.reading() as connection:
        last = await catch_up.last_pk(connection)
    for after in range(0, last, catch_up.STRETCH):
        async with database.reading() as connection:
            missing = await catch_up.unindexed(connection, after)
        for pk, parts in missing:
            await database.write(partial(messages.index_stored, pk=pk, parts=parts))
        if missing:
            log.info("search_index.completed", messages=len(missing))
