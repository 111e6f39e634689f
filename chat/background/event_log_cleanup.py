"""Delete the event logs of turns that ended long ago; the turns and their messages stay."""

from functools import partial

from sqlalchemy import Connection

from chat.runtime.runtime import Runtime
from store import events, turns

BATCH = 200  # turns whose logs one transaction deletes
HOUR = 3_600_000  # milliseconds


async def delete_old_event_logs(runtime: Runtime, *, hours: int) -> None:
    """Delete the logs of turns that ended more than `hours` ago."""
    before = runtime.clock.now() - hours * HOUR
    while True:
        turn_ids = await runtime.database.read(
            partial(turns.with_old_logs, finished_before=before, limit=BATCH)
        )
        if not turn_ids:
            return
        await runtime.database.write(partial(_delete, turn_ids=list(turn_ids)))


def _delete(connection: Connection, *, turn_ids: list[str]) -> None:
    events.remove(connection, turn_ids)
    turns.forget_logs(connection, turn_ids)
