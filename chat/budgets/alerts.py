"""Telling the operator how budgets stand: once for each budget, period and share, in the log and by webhook.

What is due is derived from the counters, and what is decided stands in an outbox until the webhook has taken it: a crash forgets
nothing, and of several replicas one tells. The webhook is signed as in Standard Webhooks (standardwebhooks.com): HMAC-SHA256 over
`id.timestamp.body`. No text of any conversation is in it.
"""

import asyncio
import base64
import hmac
import json
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

import httpx2
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.clock import Clock, rfc3339
from chat.periodic import periodically
from context.limits.budgets import Budget, Counter, Unit, counter_of, share_reached
from context.models.pricing import usd
from store.database import Database
from store.ledger import alerts
from store.ledger import budgets as store
from store.ledger.alerts import Alert
from store.ledger.budgets import CounterState

log = structlog.get_logger()

PAUSE = 2.0  # seconds between two looks
TIDY = 3_600_000  # milliseconds between removals of old counters
BATCH = 20  # alerts sent in one look
FIRST_WAIT, LONGEST_WAIT = 5_000, 3_600_000  # milliseconds after a failed try; doubles with each further one
GIVEN_UP = 3 * 86_400_000  # milliseconds after which nobody waits for an alert any more
PATIENCE = 10.0  # seconds the webhook has for one answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where alerts go, and the secret they are signed with."""

    url: str
    secret: str

    def headers(self, id: str, timestamp: int, body: bytes) -> dict[str, str]:
        """The headers of one try. `timestamp` in seconds."""
        key = self.secret.encode()
        if self.secret.startswith("whsec_"):  # how other senders of Standard Webhooks write theirs
            key = base64.b64decode(self.secret.removeprefix("whsec_"))
        signed = hmac.new(key, f"{id}.{timestamp}.".encode() + body, sha256).digest()
        return {
            "content-type": "application/json",
            "user-agent": "palaver",
            "webhook-id": id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
        }


class Alerts:
    """Looks after the counters of one deployment. `shares` in per cent of a limit."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        budgets: tuple[Budget, ...],
        shares: tuple[int, ...],
        webhook: Webhook | None,
    ) -> None:
        self.database = database
        self.clock = clock
        self.budgets = budgets
        self.shares = shares
        self.webhook = webhook
        self._tidied_at = 0

    def watching(self) -> AbstractAsyncContextManager[None]:
        """Look again and again, for the length of the block."""
        return periodically("alerts", PAUSE, self.look)

    async def look(self) -> None:
        """Decide what is to be told, send what waits, and forget counters of long ago."""
        now = self.clock.now()
        async with self.database.reading() as connection:
            stands = await store.stands(connection, now, self.budgets, self.shares)
        for stand in stands:
            counter = counter_of(self.budgets, stand.key, stand.period_start)
            if counter is None:
                continue  # no budget of today's
            share = share_reached(counter.budget, stand.used, refused=stand.refused, shares=self.shares)
            if share > stand.alerted:
                await self._tell(counter, stand, share, now)
        if self.webhook is not None:
            async with self.database.reading() as connection:
                waiting = await alerts.due(connection, now, limit=BATCH)
            if waiting:
                # A redirect would carry the signed body to a place nobody configured.
                async with httpx2.AsyncClient(follow_redirects=False, timeout=PATIENCE) as http:
                    await asyncio.gather(*(self._send(http, alert, self.webhook, now) for alert in waiting))
        if now - self._tidied_at >= TIDY:
            self._tidied_at = now
            await self.database.write(partial(store.forget, now=now))

    async def _tell(self, counter: Counter, stand: CounterState, share: int, now: int) -> None:
        id, body = self.clock.new_id("alert"), _body(counter, stand, share, now)

        async def write(connection: AsyncConnection) -> bool:
            if not await store.tell(connection, counter.key, counter.period_start, share):
                return False
            if self.webhook is not None:
                await alerts.add(connection, id, json.dumps(body, separators=(",", ":")), now)
            return True

        if await self.database.write(write):
            log.warning("a budget has reached a share of its limit", **body["data"])

    async def _send(self, http: httpx2.AsyncClient, alert: Alert, webhook: Webhook, now: int) -> None:
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(alert.tries, 20))
        wait += round(self.clock.chance() * wait / 4)
        if not await self.database.write(partial(alerts.claim, alert=alert, next_at=now + wait)):
            return
        body = alert.body.encode()
        try:
            answer = await http.post(
                webhook.url, content=body, headers=webhook.headers(alert.id, now // 1000, body)
            )
            taken, said = answer.is_success, str(answer.status_code)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as problem:
            taken, said = False, type(problem).__name__
        given_up = not taken and now - alert.created_at > GIVEN_UP
        if given_up:
            log.error("an alert is given up", alert=alert.id, tries=alert.tries + 1, said=said)
        elif not taken:
            log.warning("an alert was not taken; it will be tried again", alert=alert.id, said=said)
        if taken or given_up:
            await self.database.write(partial(alerts.remove, id=alert.id))


def _body(counter: Counter, stand: CounterState, share: int, now: int) -> dict[str, Any]:
    """What is sent: figures and names, nothing anybody said."""
    budget = counter.budget
    return {
        "type": "budget.share_reached",
        "timestamp": rfc3339(now),
        "data": {
            "scope": budget.scope,
            "subject": counter.subject or None,
            "unit": budget.unit,
            "period": budget.period,
            "share": share,
            "used": _amount(budget.unit, stand.used),
            "limit": _amount(budget.unit, budget.limit),
            "refused": stand.refused,
            "resets_at": rfc3339(counter.resets_at),
        },
    }


def _amount(unit: Unit, value: int) -> str:
    return format(usd(value), "f") if unit == "usd" else str(value)
