"""Deliver what the outbox has: claim what is due, post it, and try again later what was not accepted, for three days.

A claim is a lease: a delivery whose process died is due again when it ends, so that each is delivered at least once. A receiver that
is slow keeps only its own deliveries waiting.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import structlog
from sqlalchemy import Connection

from chat.clock import Clock
from chat.periodic import periodically
from chat.webhooks.endpoint import Endpoint
from chat.webhooks.sender import TIMEOUT, Sender, sending
from store import messages
from store import webhook_deliveries as store
from store.database import Database
from store.webhook_deliveries import Delivery

log = structlog.get_logger()

INTERVAL = 1.0  # seconds between two looks at the outbox
CONCURRENT = 8  # requests to one endpoint at a time
LEASE = 90_000  # milliseconds of a claim: longer than a try and what is written after it
FIRST_WAIT, LONGEST_WAIT = 5_000, 3_600_000  # milliseconds until the next try; doubles with each one
ROUND = 30.0  # seconds after which a round begins no more tries


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatcher:
    """Delivers to these endpoints; `timeout` in seconds for each try."""

    database: Database
    clock: Clock
    endpoints: Sequence[Endpoint]
    timeout: float = TIMEOUT

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver again and again, for the length of the block, to each endpoint by itself."""
        async with AsyncExitStack() as stack:
            for endpoint in self.endpoints:
                deliver = partial(self.deliver, endpoint)
                await stack.enter_async_context(
                    periodically(f"webhook {endpoint.name}", INTERVAL, deliver, deadline=10 * ROUND)
                )
            yield

    async def deliver(self, endpoint: Endpoint) -> None:
        """Try what is due for an endpoint, oldest first."""
        began = self.clock.monotonic()
        while await self._deliver_some(endpoint) == CONCURRENT:
            if self.clock.monotonic() - began > ROUND:
                return

    async def _deliver_some(self, endpoint: Endpoint) -> int:
        """Claim and try as many deliveries as may be under way at once; returns how many."""
        now = self.clock.now()
        if not await self.database.read(partial(store.any_due, endpoint=endpoint.name, now=now)):
            return 0
        claimed: list[Delivery] = await self.database.write(
            partial(store.claim, endpoint=endpoint.name, now=now, lease=LEASE, limit=CONCURRENT)
        )
        bodies = [delivery.body for delivery in claimed]
        if endpoint.include_text and claimed:
            bodies = await self.database.read(partial(_with_texts, bodies=bodies))
        async with sending(endpoint, timeout=self.timeout) as sender:
            tries = [
                self._try(sender, delivery, body) for delivery, body in zip(claimed, bodies, strict=True)
            ]
            failures = await asyncio.gather(*tries, return_exceptions=True)
        for failure in failures:
            if failure is not None:
                raise failure  # the delivery is due again when its claim ends
        return len(claimed)

    async def _try(self, sender: Sender, delivery: Delivery, body: str) -> None:
        outcome = await sender.post(delivery.id, body, self.clock.now())
        now = self.clock.now()
        tried = partial(store.tried, delivery=delivery, result=outcome.result, now=now)
        if outcome.accepted:
            await self.database.write(partial(tried, status="delivered"))
            return
        fields = {
            "delivery": delivery.id,
            "endpoint": delivery.endpoint,
            "event_type": delivery.event,
            "result": outcome.result,
            "tries": delivery.tries,
        }
        if now < delivery.give_up_at:
            await self.database.write(partial(tried, status="waiting", wait=self._wait(delivery.tries)))
            log.info("webhook.delivery_failed", **fields)
        elif await self.database.write(partial(tried, status="given_up")):
            log.error("webhook.given_up", **fields)

    def _wait(self, tries: int) -> int:
        """Milliseconds until the next try after so many."""
        wait = min(LONGEST_WAIT, FIRST_WAIT << min(tries - 1, 20))
        return wait + round(self.clock.chance() * wait / 4)


def _with_texts(connection: Connection, bodies: Sequence[str]) -> list[str]:
    """Bodies with the text of the message each is about, unless it was deleted meanwhile: the outbox itself has no texts."""
    return [_with_text(connection, body) for body in bodies]


def _with_text(connection: Connection, body: str) -> str:
    payload = json.loads(body)
    data = payload["data"]
    if "message_id" not in data:
        return body
    stored = messages.get(connection, data["user"], data["message_id"])
    if stored is None:
        return body
    data["text"] = stored.message.text
    return json.dumps(payload, separators=(",", ":"))
