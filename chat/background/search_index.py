"""Complete the indexes of search and recall once after a start.

What an earlier version indexed under other rules is indexed anew; then what is missing is added, because an answer is kept although
its index entry failed.
"""

import asyncio
from functools import partial

import structlog

from chat.runtime.runtime import Runtime
from context.recall import stems
from store.search import catch_up, messages, rebuild

PAUSE = 0.05  # seconds between batches of a rebuild, which take about twice as long: turns come first

log = structlog.get_logger()


async def index_missing(runtime: Runtime) -> None:
    """Index anew what is old, then every message that an index lacks."""
    await asyncio.to_thread(stems.load)  # here, so that no turn does it on the event loop
    await rebuild_old(runtime)
    database = runtime.database
    last = await database.read(catch_up.last_pk)
    for after in range(0, last, catch_up.STRETCH):
        missing = await database.read(partial(catch_up.unindexed, after=after))
        for pk, parts in missing:
            await database.write(partial(messages.index_stored, pk=pk, parts=parts))
        if missing:
            log.info("search_index.completed", messages=len(missing))


async def rebuild_old(runtime: Runtime) -> None:
    """Index anew what was indexed under other rules, the newest messages first. What is done stays done when the server stops."""
    database, done = runtime.database, 0
    while True:
        batch = await database.read(rebuild.next_batch)
        if batch is None:
            break
        if done:
            await asyncio.sleep(PAUSE)
        made = [
            await asyncio.to_thread(rebuild.entries, database.dialect, message) for message in batch.messages
        ]
        if await database.write(partial(rebuild.write, batch=batch, made=made)):
            done += len(batch.messages)
    if done:
        log.info("search_index.rebuilt", messages=done)
