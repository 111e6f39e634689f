"""What upstream calls used and cost, as ledger rows and as clients see it."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import partial

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.calls import CallRecord, tokens_of
from chat.events import TokenUsage
from context.pricing import PRICE_TABLE, Usage, price
from store import calls, usage
from store.calls import OpenCall
from store.database import Database
from store.usage import Entry

log = structlog.get_logger()


def entry(record: CallRecord, *, local: bool) -> Entry:
    """The ledger row of a call that is over. The local model is free; an unknown model is unpriced."""
    errand, used = record.errand, record.usage
    answered = record.call.model or None
    sent = record.sent_at if record.sent_at is not None else record.ended
    return Entry(
        id=record.id,
        owner_id=errand.owner_id,
        thread_id=errand.thread_id,
        turn_id=errand.turn_id,
        token=errand.token,
        feature=errand.feature,
        purpose=errand.purpose,
        tier=record.tier,
        model_asked=record.model,
        model_answered=answered,
        usage=used,
        cost=Decimal(0) if local else price(answered or record.model, used),
        price_table=None if local else PRICE_TABLE,
        estimated=record.estimated,
        outcome=record.outcome,
        status=record.status,
        attempt=record.attempt,
        upstream_id=record.call.upstream_id,
        queue_ms=_milliseconds(record.asked_at, sent) or 0,
        first_byte_ms=_milliseconds(sent, record.first_byte_at),
        first_token_ms=_milliseconds(sent, record.first_word_at),
        total_ms=_milliseconds(sent, record.ended) or 0,
        created_at=record.created_at,
    )


async def keep(connection: AsyncConnection, rows: Iterable[Entry]) -> None:
    """Write ledger rows, in the transaction of whatever the calls were for. They are on their way no more."""
    kept = list(rows)
    for row in kept:
        await usage.add(connection, row)
    await calls.remove(connection, [row.id for row in kept])


def lost(call: OpenCall, *, heard: int, local: bool) -> Entry:
    """The ledger row of a call whose process died: what was sent in, the `heard` characters out, marked as estimated."""
    used = Usage(input=call.prompt, output=tokens_of(heard))
    return Entry(
        id=call.id,
        owner_id=call.owner_id,
        thread_id=call.thread_id,
        turn_id=call.turn_id,
        token=call.token,
        feature=call.feature,
        purpose=call.purpose,
        tier=call.tier,
        model_asked=call.model,
        model_answered=None,
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


async def close_left_behind(database: Database, before: int, *, local: bool) -> None:
    """Write estimated rows for calls noted before a time whose process is gone."""
    while True:
        async with database.reading() as connection:
            found = await calls.left_behind(connection, before, limit=200)
        if not found:
            return
        rows = [lost(call, heard=0, local=local) for call in found]
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
