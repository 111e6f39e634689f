"""Make deliveries of an event, to be added in the transaction that stores what it reports."""

import json
from collections.abc import Iterable, Mapping

from chat.clock import Clock, rfc3339
from chat.config.webhooks import EventName
from chat.webhooks.endpoint import Endpoint
from store.webhook_deliveries import NewDelivery

GIVEN_UP = 3 * 86_400_000
"""Milliseconds after an event until its deliveries are no longer tried."""


def deliveries(
    endpoints: Iterable[Endpoint], clock: Clock, event: EventName, data: Mapping[str, object]
) -> list[NewDelivery]:
    """One delivery to each endpoint that wants the event. `data`: what its payload reports, without text of any conversation."""
    wanted = [endpoint for endpoint in endpoints if event in endpoint.events]
    if not wanted:
        return []
    now = clock.now()
    payload = {"type": event, "timestamp": rfc3339(now), "data": dict(data)}
    body = json.dumps(payload, separators=(",", ":"))
    return [
        NewDelivery(
            id=clock.new_id("hook"),
            endpoint=endpoint.name,
            event=event,
            body=body,
            created_at=now,
            give_up_at=now + GIVEN_UP,
        )
        for endpoint in wanted
    ]


def thread_created(
    endpoints: Iterable[Endpoint], clock: Clock, owner_id: str, thread_id: str
) -> list[NewDelivery]:
    """The deliveries to be added with a new thread."""
    return deliveries(endpoints, clock, "thread.created", {"user": owner_id, "thread_id": thread_id})
