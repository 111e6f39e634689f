"""Write a row now and then, so that `/readyz` knows whether the database takes writes although nobody talks."""

from functools import partial

from chat.runtime.runtime import Runtime
from store import learned_stats

NAME = "write_probe"


async def probe(runtime: Runtime) -> None:
    """Write one small row. Its failure stays in `Database.write_failure`. Raises StoreError."""
    value = {"at": runtime.clock.now()}
    await runtime.database.write(partial(learned_stats.put, name=NAME, value=value))
