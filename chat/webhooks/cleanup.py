"""Tidy the outbox: give up what belongs to endpoints that are no longer configured, and remove what ended days ago."""

from functools import partial

import structlog

from chat.clock import Clock
from store import webhook_deliveries as store
from store.database import Database

log = structlog.get_logger()

DAY = 86_400_000  # milliseconds
KEPT = 3 * DAY
"""Milliseconds a delivery is kept after its end, so that it can be delivered again."""


async def tidy(database: Database, clock: Clock) -> None:
    """Give up what nobody has tried for a day after its time, remove old deliveries, and make up for a clock that was set back."""
    now = clock.now()
    await database.write(partial(store.shorten_pauses, now=now))
    unsent = await database.write(partial(store.give_up_untried, before=now - DAY, now=now))
    if unsent:
        log.warning("webhook.unsent", deliveries=unsent)
    await database.write(partial(store.remove_old, finished_before=now - KEPT))
