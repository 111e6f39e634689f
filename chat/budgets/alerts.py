"""Send budget alerts to the operator: once for each budget, period and threshold, as a log event and to the webhooks that want it.

What is due is derived from the counters, and the transaction that decides on an alert puts it into the outbox of webhooks: a crash loses
nothing, and of several replicas one sends. An alert contains no text of any conversation.
"""

from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection

from chat.clock import Clock, rfc3339
from chat.periodic import periodically
from chat.usage.amounts import budget_amount
from chat.webhooks import outbox
from chat.webhooks.endpoint import Endpoint
from context.limits.budgets import Budget, Counter, counter_of, share_reached
from store import webhook_deliveries
from store.database import Database
from store.ledger import budgets as store
from store.ledger.budgets import CounterState

log = structlog.get_logger()

INTERVAL = 2.0  # seconds between two checks
CLEAN_UP = 3_600_000  # milliseconds between removals of old counters


class Alerts:
    """Checks the budget counters of this deployment again and again. `thresholds` in per cent of a limit."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        budgets: tuple[Budget, ...],
        thresholds: tuple[int, ...],
        endpoints: tuple[Endpoint, ...],
    ) -> None:
        self.database = database
        self.clock = clock
        self.budgets = budgets
        self.thresholds = thresholds
        self.endpoints = endpoints
        self._cleaned_up_at = 0

    def running(self) -> AbstractAsyncContextManager[None]:
        """Check again and again, for the length of the block."""
        return periodically("budget_alerts", INTERVAL, self.check)

    async def check(self) -> None:
        """Decide which alerts are due, and remove old counters."""
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
                await self._alert(counter, state, threshold)
        if now - self._cleaned_up_at >= CLEAN_UP:
            self._cleaned_up_at = now
            await self.database.write(partial(store.remove_old, now=now))

    async def _alert(self, counter: Counter, state: CounterState, threshold: int) -> None:
        data = _data(counter, state, threshold)
        deliveries = outbox.deliveries(self.endpoints, self.clock, "budget.share_reached", data)

        def write(connection: Connection) -> bool:
            if not store.mark_alerted(connection, counter.key, counter.period_start, threshold):
                return False
            webhook_deliveries.add(connection, deliveries)
            return True

        if await self.database.write(write):
            log.warning("budget.threshold_reached", **data)


def _data(counter: Counter, state: CounterState, threshold: int) -> dict[str, Any]:
    """The alert's data: amounts and names."""
    budget = counter.budget
    return {
        "scope": budget.scope,
        "subject": counter.subject or None,
        "unit": budget.unit,
        "period": budget.period,
        "share": threshold,
        "used": budget_amount(budget.unit, state.used),
        "limit": budget_amount(budget.unit, budget.limit),
        "refused": state.refused,
        "resets_at": rfc3339(counter.resets_at),
    }
