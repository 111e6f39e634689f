"""What threads would have cost on one tier alone: what routing saved against the best single tier that would have been good enough.

A thread's single tier must be good enough for the turn that needed most, so it is the highest one that answered there, or one above it
if that costs less. Prompts are as long as they were billed; of the cache TTLs (none, 5 minutes, an hour) the one counts that would have
been cheapest for the whole thread. A prompt that became shorter was compacted, and is written anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from context.cache.cache_state import TTL_MS, CacheTtl
from context.models.catalog import TIERS, Tier
from context.models.pricing import PriceTable, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class TierCall:
    """A reply of a thread: the tier that answered, when (ms), its tokens, and what it cost in picodollars."""

    tier: Tier
    at: int
    prompt: int
    output: int
    cost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TierPrices:
    """What a tier's model costs, and the shortest prefix it caches (0: it has no cache)."""

    table: PriceTable
    minimum: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingComparison:
    """Threads together, in picodollars. paid: as billed; single: each on its best single tier that would have been good enough.

    needed_more: turns that the highest tier of their thread answered, where lower ones answered others; surplus: what threads cost more than
    on the tier below it, which is the price of those turns.
    """

    threads: int = 0
    turns: int = 0
    paid: int = 0
    single: int = 0
    needed_more: int = 0
    surplus: int = 0

    def plus(self, other: RoutingComparison) -> RoutingComparison:
        return RoutingComparison(
            threads=self.threads + other.threads,
            turns=self.turns + other.turns,
            paid=self.paid + other.paid,
            single=self.single + other.single,
            needed_more=self.needed_more + other.needed_more,
            surplus=self.surplus + other.surplus,
        )


def compare(
    calls: Sequence[TierCall], prices: Mapping[Tier, TierPrices], *, besides: int = 0
) -> RoutingComparison | None:
    """One thread, its replies oldest first; `besides`: what its keep-alives cost. None where a tier that answered has no price."""
    if not calls or any(call.tier not in prices for call in calls):
        return None
    needed = max(TIERS.index(call.tier) for call in calls)
    enough = [prices[tier] for tier in TIERS[needed:] if tier in prices]
    paid = sum(call.cost for call in calls) + besides
    highest = sum(TIERS.index(call.tier) == needed for call in calls)
    below = [prices[tier] for tier in TIERS[:needed] if tier in prices]
    mixed = highest < len(calls) and bool(below)
    return RoutingComparison(
        threads=1,
        turns=len(calls),
        paid=paid,
        single=min(on_one_tier(calls, tier) for tier in enough),
        needed_more=highest if mixed else 0,
        surplus=max(0, paid - on_one_tier(calls, below[-1])) if mixed else 0,
    )


def on_one_tier(calls: Sequence[TierCall], prices: TierPrices) -> int:
    """What the replies of a thread would have cost on one model, in picodollars."""
    ttls: tuple[CacheTtl, ...] = ("none", "5m", "1h") if prices.minimum else ("none",)
    return min(_with_ttl(calls, prices, ttl) for ttl in ttls)


def _with_ttl(calls: Sequence[TierCall], prices: TierPrices, ttl: CacheTtl) -> int:
    total, cached, touched = 0, 0, 0
    for call in calls:
        if ttl == "none" or call.prompt < prices.minimum:
            usage = Usage(input=call.prompt, output=call.output)
        else:
            alive = cached and call.at - touched <= TTL_MS[ttl] and call.prompt >= cached
            read = cached if alive else 0
            written = call.prompt - read
            usage = Usage(
                cache_read=read,
                cache_write_5m=written if ttl == "5m" else 0,
                cache_write_1h=written if ttl == "1h" else 0,
                output=call.output,
            )
            cached, touched = call.prompt, call.at
        total += prices.table.cost(usage)
    return total
