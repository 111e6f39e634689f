"""What upstream calls used and cost, as ledger rows and as clients see it."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from decimal import Decimal
from functools import partial

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.calls.record import CallRecord, tokens_of
from chat.stream.events import TokenUsage
from context.limits.budgets import Amounts, Spender, every_key, unit_of, used
from context.models.pricing import PRICE_TABLE, Usage, pico, price
from store.database import Database
from store.ledger import budgets, open_calls
from store.ledger import entries as usage
from store.ledger.budgets import Change
from store.ledger.entries import Entry
from store.ledger.open_calls import OpenCall

log = structlog.get_logger()


def entry(record: CallRecord, *, local: bool) -> Entry:
    """The ledger row of a call that is over. The local model is free; an unknown model is unpriced."""
    call_context = record.call_context
    sent = record.sent_at if record.sent_at is not None else record.ended
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
        first_token_ms=_milliseconds(sent, record.first_word_at),
        total_ms=_milliseconds(sent, record.ended) or 0,
        created_at=record.created_at,
    )


async def keep(connection: AsyncConnection, rows: Iterable[Entry]) -> None:
    """Write ledger rows, in the transaction of whatever the calls were for. They are on their way no more.

    Budgets learn what was used in the same transaction.
    """
    made = list(rows)
    if not made:
        return
    noted = {call.id: call for call in await open_calls.remove(connection, [row.id for row in made])}
    again = [row.id for row in made if row.id not in noted]
    before = {row.id: row for row in await usage.some(connection, again)} if again else {}
    changes: list[Change] = []
    for row in made:
        known = before.get(row.id)
        if known is not None and row.estimated and not known.estimated:
            continue  # the process that made the call was only slow, and has told what it knows
        await usage.add(connection, row)
        changes += _settled(noted[row.id], row) if row.id in noted else _corrected(known, row)
    await budgets.settle(connection, changes)


def _settled(call: OpenCall, row: Entry) -> list[Change]:
    """What a call set aside is given back, and what it used is counted, with the very counters it was noted with."""
    took = _took(row)
    return [
        Change(
            key=one["key"],
            period_start=one["period_start"],
            used=took.of(unit_of(one["key"])) or 0,
            reserved=-one["amount"],
        )
        for one in call.reserved
    ]


def _corrected(known: Entry | None, row: Entry) -> list[Change]:
    """A row is written once more: whatever counters have counted it learn the difference."""
    was, took = Amounts() if known is None else _took(known), _took(row)
    if was == took:
        return []
    spender = Spender(
        owner_id=row.owner_id,
        thread_id=row.thread_id,
        token=row.token,
        tier=row.tier,
        model=row.requested_model,
    )
    keys = every_key(spender, row.created_at if known is None else known.created_at)
    return [
        Change(key=key, period_start=start, used=(took.of(unit) or 0) - (was.of(unit) or 0))
        for key, start, unit in keys
        if unit != "requests" or not key.startswith("tier:")  # a tier counts turns, with their first call
    ]


def _took(row: Entry) -> Amounts:
    """What a call counts in budgets; one that was lost counts as made."""
    made = row.upstream_id is not None or row.estimated
    return used(row.usage, None if row.cost is None else pico(row.cost), requests=int(made))


def lost(call: OpenCall, *, received: int, local: bool) -> Entry:
    """The ledger row of a call whose process died: what was sent in, the `received` characters out, marked as estimated."""
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


async def close_left_behind(database: Database, before: int, *, now: int | None = None, local: bool) -> None:
    """Write estimated rows for calls whose process is gone: noted before a time, or (`now`) with a lease that ran out."""
    await _close(database, partial(open_calls.left_behind, before=before, now=now, limit=200), local=local)


async def close_own(database: Database, holder: str, *, local: bool) -> None:
    """Write estimated rows for what a process that stops has left open: its side calls were given up."""
    await _close(database, partial(open_calls.of_holder, holder=holder, limit=200), local=local)


async def _close(
    database: Database, find: Callable[[AsyncConnection], Awaitable[list[OpenCall]]], *, local: bool
) -> None:
    while True:
        async with database.reading() as connection:
            found = await find(connection)
        if not found:
            return
        rows = [lost(call, received=0, local=local) for call in found]
        await database.write(partial(keep, rows=rows))
        log.warning("recorded calls of a process that is gone", calls=len(rows))


def total(rows: Sequence[Entry]) -> tuple[TokenUsage, Decimal | None]:
    """Tokens and cost of some calls together; the cost is None as soon as one of them is unpriced."""
    used = [row.usage for row in rows]
    prompt = sum(usage.prompt for usage in used)
    output = sum(usage.output for usage in used)
    costs = [row.cost for row in rows if row.usage.total]
    cost = (
        None
        if any(one is None for one in costs)
        else sum((one for one in costs if one is not None), Decimal(0))
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
