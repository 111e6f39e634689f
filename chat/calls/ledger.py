"""Write ledger rows: what upstream calls used and cost, in the same transaction as the budget counters they settle."""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import partial

import structlog
from sqlalchemy import Connection

from chat.calls.record import CallRecord, tokens_of
from chat.stream.events import TokenUsage
from context.limits.budgets import BudgetAccount, BudgetAmounts, every_key, unit_of, used
from context.models.pricing import PRICE_TABLE, Usage, pico, price
from store.database import Database
from store.ledger import budgets, open_calls
from store.ledger import entries as usage
from store.ledger.budgets import Change
from store.ledger.entries import Entry
from store.ledger.open_calls import OpenCall
from store.savepoint import attempt

log = structlog.get_logger()


def entry(record: CallRecord, *, local: bool) -> Entry:
    """The ledger row of a call that has ended. The local model is free; a model without a price is unpriced."""
    call_context = record.call_context
    sent = record.sent_at if record.sent_at is not None else record.ended_at
    return Entry(
        id=record.id,
        owner_id=call_context.owner_id,
        thread_id=call_context.thread_id,
        turn_id=call_context.turn_id,
        token=call_context.token,
        feature=call_context.feature,
        purpose=call_context.purpose,
        tier=record.tier,
        requested_model=record.model,
        response_model=record.call.model or None,
        usage=record.usage,
        cost=record.cost(local=local),
        price_table=None if local else PRICE_TABLE,
        estimated=record.estimated,
        outcome=record.outcome,
        status=record.status,
        attempt=record.attempt,
        upstream_id=record.call.upstream_id,
        queue_ms=_milliseconds(record.requested_at, sent) or 0,
        first_byte_ms=_milliseconds(sent, record.first_byte_at),
        first_token_ms=_milliseconds(sent, record.first_token_at),
        total_ms=_milliseconds(sent, record.ended_at) or 0,
        created_at=record.created_at,
    )


def keep(connection: Connection, rows: Iterable[Entry], *, settle_later: bool = True) -> None:
    """Write ledger rows, close the open calls, and settle the budgets, in the transaction of whatever the calls were for.

    `settle_later`: rows are kept although the budgets cannot be settled; the calls stay open then, and are settled with these
    rows when they count as abandoned.
    """
    entries = list(rows)
    if not entries:
        return
    calls = {call.id: call for call in open_calls.remove(connection, [row.id for row in entries])}
    known = [row.id for row in entries if row.id not in calls or row.estimated]
    stored = {row.id: row for row in usage.some(connection, known)} if known else {}
    changes: list[Change] = []
    for row in entries:
        earlier = stored.get(row.id)
        if earlier is not None and row.estimated and not earlier.estimated:
            # The process that made the call has written the exact row already: it was only slow, or could not settle the budgets.
            changes += _settled(calls[row.id], earlier) if row.id in calls else []
            continue
        usage.add(connection, row)
        changes += _settled(calls[row.id], row) if row.id in calls else _corrected(earlier, row)
    if not settle_later:
        budgets.settle(connection, changes)
        return
    failure = attempt(connection, partial(budgets.settle, changes=changes)) if changes else None
    if failure is not None:
        log.error("budget.settlement_delayed", calls=list(calls), exc_info=failure)
        for call in calls.values():
            open_calls.add(connection, call)


def _settled(call: OpenCall, row: Entry) -> list[Change]:
    """Release what a call reserved and count what it used, in the very counters it reserved from."""
    amounts = _amounts(row)
    return [
        Change(
            key=reservation["key"],
            period_start=reservation["period_start"],
            used=amounts.of(unit_of(reservation["key"])) or 0,
            reserved=-reservation["amount"],
        )
        for reservation in call.reserved
    ]


def _corrected(earlier: Entry | None, row: Entry) -> list[Change]:
    """A row is written again: add the difference to every counter that has counted it."""
    before, after = BudgetAmounts() if earlier is None else _amounts(earlier), _amounts(row)
    if before == after:
        return []
    account = BudgetAccount(
        owner_id=row.owner_id,
        thread_id=row.thread_id,
        token=row.token,
        tier=row.tier,
        model=row.requested_model,
    )
    keys = every_key(account, row.created_at if earlier is None else earlier.created_at)
    return [
        Change(key=key, period_start=start, used=(after.of(unit) or 0) - (before.of(unit) or 0))
        for key, start, unit in keys
        if unit != "requests" or not key.startswith("tier:")  # a tier counts turns, with their first call
    ]


def _amounts(row: Entry) -> BudgetAmounts:
    """What a call counts in budgets; an interrupted one counts as made."""
    made = row.upstream_id is not None or row.estimated
    return used(row.usage, None if row.cost is None else pico(row.cost), requests=int(made))


def lost(call: OpenCall, *, received: int, local: bool) -> Entry:
    """The estimated ledger row of a call whose process died: its prompt as expected, and the `received` characters of output."""
    used = Usage(input=call.prompt, output=tokens_of(received))
    return Entry(
        id=call.id,
        owner_id=call.owner_id,
        thread_id=call.thread_id,
        turn_id=call.turn_id,
        token=call.token,
        feature=call.feature,
        purpose=call.purpose,
        tier=call.tier,
        requested_model=call.model,
        response_model=None,
        usage=used,
        cost=Decimal(0) if local else price(call.model, used),
        price_table=None if local else PRICE_TABLE,
        estimated=True,
        outcome="interrupted",
        attempt=call.attempt,
        upstream_id=None,
        total_ms=0,
        created_at=call.created_at,
    )


async def close_abandoned(
    database: Database,
    before: int | None,
    *,
    holder: str | None = None,
    now: int | None = None,
    local: bool,
) -> None:
    """Write estimated rows for calls whose process is gone: opened before a time (None: all), or (`now`) with an expired lease.

    `holder`: the process whose clock `before` is of.
    """
    find = partial(open_calls.abandoned, before=before, holder=holder, now=now, limit=200)
    await _close(database, find, local=local)


async def close_own(database: Database, holder: str, *, local: bool) -> None:
    """Write estimated rows for the calls a stopping process leaves open: its background calls."""
    await _close(database, partial(open_calls.of_holder, holder=holder, limit=200), local=local)


async def _close(database: Database, find: Callable[[Connection], list[OpenCall]], *, local: bool) -> None:
    while True:
        calls = await database.read(find)
        if not calls:
            return
        rows = [lost(call, received=0, local=local) for call in calls]
        await database.write(partial(keep, rows=rows, settle_later=False))
        log.warning("ledger.abandoned_calls_recorded", calls=len(rows))


def total(rows: Sequence[Entry]) -> tuple[TokenUsage, Decimal | None]:
    """Total tokens and cost of some calls; the cost is None when one of them is unpriced."""
    used = [row.usage for row in rows]
    prompt = sum(usage.prompt for usage in used)
    output = sum(usage.output for usage in used)
    costs = [row.cost for row in rows if row.usage.total]
    cost = (
        None
        if any(cost is None for cost in costs)
        else sum((cost for cost in costs if cost is not None), Decimal(0))
    )
    tokens = TokenUsage(
        input_tokens=prompt,
        output_tokens=output,
        total_tokens=prompt + output,
        reasoning_tokens=sum(usage.reasoning for usage in used) or None,
        cached_input_tokens=sum(usage.cache_read for usage in used) or None,
        cache_write_input_tokens=sum(usage.cache_write_5m + usage.cache_write_1h for usage in used) or None,
    )
    return tokens, cost


def _milliseconds(since: float | None, until: float | None) -> int | None:
    return None if since is None or until is None else round((until - since) * 1000)
