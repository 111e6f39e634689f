"""Compare what replies cost with each thread's best single tier that would have been good enough, from the ledger."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from context.audit.single_tier import RoutingComparison, TierCall, TierPrices, compare
from context.models.catalog import TIERS, Tier, lookup
from context.models.pricing import pico, price_table
from store.ledger import entries
from store.ledger.aggregates import Selection, conditions
from store.ledger.entries import Entry

MOST_CALLS = 20_000  # replies and keep-alives that are read, the oldest first: about a second's work
BATCH = 2_000

Key = tuple[str, str]  # owner and thread


def routing_comparison(
    connection: Connection, selection: Selection, models: Mapping[Tier, str], *, most: int = MOST_CALLS
) -> tuple[RoutingComparison, bool]:
    """The comparison over the calls of a selection, and whether there are more calls than were read. `models` by tier."""
    calls: dict[Key, list[TierCall]] = defaultdict(list)
    besides: dict[Key, int] = defaultdict(int)
    after: Entry | None = None
    prices: dict[Tier, TierPrices] = {}
    read = 0
    while read < most:
        limit = min(BATCH, most - read)
        rows = entries.page(connection, conditions(selection), after=after, limit=limit)
        for row in rows:
            if row.thread_id is None or row.cost is None:
                continue
            key, cost = (row.owner_id, row.thread_id), pico(row.cost)
            if row.purpose == "keepalive":
                besides[key] += cost
            elif row.purpose == "reply" and row.usage.output:
                prices = prices or prices_of(models, row.created_at)
                tier = next((tier for tier in TIERS if tier == row.tier), None)
                if tier is not None:
                    calls[key].append(_call(row, tier, cost))
        read += len(rows)
        if len(rows) < limit:
            return _together(calls, besides, prices), False
        after = rows[-1]
    return _together(calls, besides, prices), True


def _together(
    calls: Mapping[Key, Sequence[TierCall]], besides: Mapping[Key, int], prices: Mapping[Tier, TierPrices]
) -> RoutingComparison:
    total = RoutingComparison()
    for key, own in calls.items():
        thread = compare(own, prices, besides=besides.get(key, 0))
        total = total if thread is None else total.plus(thread)
    return total


def routing_of(rows: Sequence[Entry], models: Mapping[Tier, str]) -> RoutingComparison | None:
    """The comparison of one thread, from its ledger entries, oldest first; None where it cannot be compared."""
    replies = [row for row in rows if row.purpose == "reply" and row.usage.output and row.cost is not None]
    calls = [
        _call(row, tier, pico(row.cost))
        for row in replies
        for tier in TIERS
        if tier == row.tier and row.cost is not None
    ]
    besides = sum(pico(row.cost) for row in rows if row.purpose == "keepalive" and row.cost is not None)
    return compare(calls, prices_of(models, replies[0].created_at), besides=besides) if replies else None


def prices_of(models: Mapping[Tier, str], now: int) -> dict[Tier, TierPrices]:
    """The prices of each tier's model on a day; tiers without a price are left out."""
    tables = {tier: price_table(model, now=now) for tier, model in models.items()}
    return {
        tier: TierPrices(table=table, minimum=lookup(models[tier]).min_cacheable)
        for tier, table in tables.items()
        if table is not None
    }


def _call(row: Entry, tier: Tier, cost: int) -> TierCall:
    return TierCall(tier=tier, at=row.created_at, prompt=row.usage.prompt, output=row.usage.output, cost=cost)
