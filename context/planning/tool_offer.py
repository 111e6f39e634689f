"""Whether the definition of the search tool earns what it costs in every prompt of a thread.

Theory of operation. The definition stands in the cached prefix: it is read at every turn, written when the cache was dead, and written once more for every
prefix. What it brings: on a turn that needs something old (`CacheState.need`, how often that has been so here), recall by itself
misses it now and then, and the model can look for it. Both are counted in input tokens per turn. Decided when a new summary rewrites the
prefix anyway, and unchanged until the next one.
"""

from collections.abc import Sequence
from typing import Final

from context.cache.cache_state import TTL_MS, CacheState
from context.models.pricing import PriceTable
from context.recall.purchase import TRUST, RecallMode

MISSED: Final = 0.12  # of what old questions need, what recall alone does not bring (tests/bench/as_shipped)
TURNS_PER_PREFIX: Final = 20  # turns between two compactions, about
ALIVE: Final = 0.7  # of the turns find their prefix cached, where nothing is known; counts as so many gaps:
ALIVE_GAPS: Final = 5


def offered(
    available: Sequence[str],
    cache_state: CacheState,
    summary_id: str | None,
    *,
    tokens: int,
    prices: PriceTable,
    mode: RecallMode,
) -> tuple[str, ...]:
    """The tools to offer to a cache state's model under a summary. `tokens`: of their definitions."""
    if summary_id is None or not available:
        return ()
    if cache_state.summary_id == summary_id:
        return tuple(name for name in available if name in cache_state.tools)
    return tuple(available) if earns(cache_state, tokens=tokens, prices=prices, mode=mode) else ()


def earns(cache_state: CacheState, *, tokens: int, prices: PriceTable, mode: RecallMode) -> bool:
    """Whether the definitions bring more than they cost, per turn."""
    return cache_state.need * MISSED * TRUST[mode] > tokens * price_of_prefix(cache_state, prices)


def price_of_prefix(cache_state: CacheState, prices: PriceTable) -> float:
    """What a token of the prefix costs per turn, as a share of the input price."""
    ttl, rates = cache_state.ttls.head, prices.at(0)
    if ttl == "none" or rates.input <= 0:
        return 1.0
    gaps = [gap.ms for gap in cache_state.gaps]
    alive = (sum(gap <= TTL_MS[ttl] for gap in gaps) + ALIVE * ALIVE_GAPS) / (len(gaps) + ALIVE_GAPS)
    read, write = rates.cache_read / rates.input, rates.write(ttl) / rates.input
    return alive * read + (1 - alive) * write + write / TURNS_PER_PREFIX
