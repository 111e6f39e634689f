"""Sum what a budget's counter would have counted before it existed: a budget that is added in mid-month counts the whole month."""

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, String, bindparam, func, or_, select

from context.limits.budgets import Budget, Counter, Scope, Unit, by_answer, by_turn
from store.tables import ledger_entries, turns

_SUMS: dict[Unit, Any] = {
    "usd": func.sum(ledger_entries.c.cost_pico),
    "tokens": func.sum(
        ledger_entries.c.input
        + ledger_entries.c.cache_read
        + ledger_entries.c.cache_write_5m
        + ledger_entries.c.cache_write_1h
        + ledger_entries.c.output
    ),
    "requests": func.count(),
}


def used_so_far(connection: Connection, counter: Counter) -> int:
    """What was used in a counter's period, as the ledger knows it.

    Requests of a tier are the turns it answered, of a model its calls, of every other scope its turns.
    """
    owner, _, thread = counter.subject.partition("/")
    values = {
        "start": counter.period_start,
        "end": counter.resets_at,
        "subject": counter.subject,
        "owner": owner,
        "thread": thread,
    }
    return int(connection.scalar(_used(counter.budget), values) or 0)


@cache
def _used(budget: Budget) -> Select[Any]:
    if by_turn(budget):
        return _of_subject(select(func.count()), turns.c, budget.scope)
    if by_answer(budget):
        query = select(func.count(ledger_entries.c.turn_id.distinct())).where(
            ledger_entries.c.purpose == "reply"
        )
    else:
        query = select(_SUMS[budget.unit])
    if budget.unit == "requests":
        query = query.where(or_(ledger_entries.c.upstream_id.is_not(None), ledger_entries.c.estimated))
    return _of_subject(query, ledger_entries.c, budget.scope)


def _of_subject(query: Select[Any], columns: Any, scope: Scope) -> Select[Any]:
    """The query within a counter's period, for what the counter is of."""
    query = query.where(columns.created_at >= bindparam("start"), columns.created_at < bindparam("end"))
    subject: ColumnElement[str] = bindparam("subject", type_=String)
    match scope:
        case "deployment":
            return query
        case "user":
            return query.where(columns.owner_id == subject)
        case "thread":
            return query.where(
                columns.owner_id == bindparam("owner"), columns.thread_id == bindparam("thread")
            )
        case "tier":
            return query.where(columns.tier == subject)
        case "token":
            return query.where(columns.token == subject)
        case "model":
            return query.where(columns.requested_model == subject)
