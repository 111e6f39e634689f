"""What webhooks report of a turn's end."""

from decimal import Decimal

import msgspec

from chat.runtime.runtime import Runtime
from chat.stream.events import TokenUsage
from chat.turns.outcome import Cancelled, Completed, Failed, Outcome
from chat.webhooks import outbox
from store.turns import Turn
from store.webhook_deliveries import NewDelivery


def reported_end(
    runtime: Runtime,
    turn: Turn,
    outcome: Outcome,
    *,
    model: str | None,
    tokens: TokenUsage | None,
    cost: Decimal | None,
) -> list[NewDelivery]:
    """The deliveries to be added with a turn's end: ids, status, usage and cost, and no text."""
    data = {
        "user": turn.owner_id,
        "thread_id": turn.thread_id,
        "turn_id": turn.id,
        "user_message_id": turn.user_message_id,
        "message_id": turn.message_id,
        "feature": turn.feature,
        "model": model,
        "usage": None if tokens is None else msgspec.to_builtins(tokens),
        "cost_usd": None if cost is None else format(cost, "f"),
    }
    endpoints = runtime.deployment.webhooks
    match outcome:
        case Completed():
            data["finish_reason"] = outcome.finish_reason
            return outbox.deliveries(endpoints, runtime.clock, "turn.completed", data)
        case Failed():
            data["error"] = {"code": outcome.error.code, "retryable": outcome.error.retryable}
            return outbox.deliveries(endpoints, runtime.clock, "turn.failed", data)
        case Cancelled():
            data["reason"] = outcome.reason
            return outbox.deliveries(endpoints, runtime.clock, "turn.cancelled", data)
