"""Send budget alerts to the operator: once for each budget, period and threshold, as a log event and by webhook.

What is due is derived from the counters, and a decided alert stays in an outbox until the webhook has accepted it: a crash loses
nothing, and of several replicas one sends. The webhook is signed as in Standard Webhooks (standardwebhooks.com): HMAC-SHA256 over
`id.timestamp.body`. It contains no text of any conversation.
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
from sqlalchemy import Connection

from chat.clock import Clock, rfc3339
from chat.periodic import periodically
from chat.usage.amounts import budget_amount
from context.limits.budgets import Budget, Counter, counter_of, share_reached
from store.database import Database
from store.ledger import alerts
from store.ledger import budgets as store
from store.ledger.alerts import Alert
from store.ledger.budgets import CounterState

log = structlog.get_logger()

INTERVAL = 2.0  # seconds between two checks
CLEAN_UP = 3_600_000  # milliseconds between removals of old counters
BATCH = 20  # alerts sent in one check
FIRST_WAIT, LONGEST_WAIT = 5_000, 3_600_000  # milliseconds until the next try; doubles with each one
GIVEN_UP = 3 * 86_400_000  # milliseconds after which an alert is no longer sent
TIMEOUT = 10.0  # seconds the webhook has to answer


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
    """Checks the budget counters of this deployment again and again. `thresholds` in per cent of a limit."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        budgets: tuple[Budget, ...],
        thresholds: tuple[int, ...],
        webhook: Webhook | None,
    ) -> None:
        self.database = database
        self.clock = clock
        self.budgets = budgets
        self.thresholds = thresholds
        self.webhook = webhook
        self._cleaned_up_at = 0

    def running(self) -> AbstractAsyncContextManager[None]:
        """Check again and again, for the length of the block."""
        return periodically("budget_alerts", INTERVAL, self.check)

    async def check(self) -> None:
        """Decide which alerts are due, send those that wait, and remove old counters."""
        now = self.clock.now()
        states = await self.database.read(
            lambda connection: store.may_need_alert(connection, now, self.budgets, self.thresholds)
        )
        for state in states:
            counter = counter_of(self.budgets, state.key, state.period_start)
            if counter is None:
                continue  # of a budget that is no longer configured
            threshold = share_reached(
                counter.budget, state.used, refused=state.refused, shares=self.thresholds
            )
            if threshold > state.alerted:
                await self._alert(counter, state, threshold, now)
        if self.webhook is not None:
            waiting = await self.database.read(partial(alerts.due, now=now, limit=BATCH))
            if waiting:
                # A redirect would send the signed body to an address nobody configured.
                async with httpx2.AsyncClient(follow_redirects=False, timeout=TIMEOUT) as http:
                    await asyncio.gather(*(self._send(http, alert, self.webhook, now) for alert in waiting))
        if now - self._cleaned_up_at >= CLEAN_UP:
            self._cleaned_up_at = now
            await self.database.write(partial(store.remove_old, now=now))

    async def _alert(self, counter: Counter, state: CounterState, threshold: int, now: int) -> None:
        id, body = self.clock.new_id("alert"), _body(counter, state, threshold, now)

        def write(connection: Connection) -> bool:
            if not store.mark_alerted(connection, counter.key, counter.period_start, threshold):
                return False
            if self.webhook is not None:
                alerts.add(connection, id, json.dumps(body, separators=(",", ":")), now)
            return True

        if await self.database.write(write):
            log.warning("budget.threshold_reached", **body["data"])

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
            accepted, reason = answer.is_success, str(answer.status_code)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as problem:
            accepted, reason = False, type(problem).__name__
        given_up = not accepted and now - alert.created_at > GIVEN_UP
        if given_up:
            log.error("budget_alert.given_up", alert=alert.id, tries=alert.tries + 1, reason=reason)
        elif not accepted:
            log.warning("budget_alert.delivery_failed", alert=alert.id, reason=reason)
        if accepted or given_up:
            await self.database.write(partial(alerts.remove, id=alert.id))


def _body(counter: Counter, state: CounterState, threshold: int, now: int) -> dict[str, Any]:
    """The alert as JSON: amounts and names, no text of any conversation."""
    budget = counter.budget
    return {
        "type": "budget.share_reached",
        "timestamp": rfc3339(now),
        "data": {
            "scope": budget.scope,
            "subject": counter.subject or None,
            "unit": budget.unit,
            "period": budget.period,
            "share": threshold,
            "used": budget_amount(budget.unit, state.used),
            "limit": budget_amount(budget.unit, budget.limit),
            "refused": state.refused,
            "resets_at": rfc3339(counter.resets_at),
        },
    }
