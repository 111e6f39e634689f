"""Choose for how long a cache state's prefix is cached: not at all, 5 minutes or an hour. Prices in picodollars.

A prompt has two parts. The head (system prompt and summary) stays as it is for very long; the window is compacted away, and in a
rarely used cache state most of it is new each time. So each has its own TTL, the head's never the shorter; each is a decision problem of
its own (`markov`, over `pauses`).
"""

from collections.abc import Mapping, Sequence
from typing import Final

from context.cache.cache_state import TTL_MS, CacheTtl, Ttls
from context.cache.cost_model import CostModel
from context.cache.gap_forecast import GapForecast
from context.cache.idle_gaps import Evidence, Kind
from context.cache.markov import FutureCosts, PartCosts, solve
from context.cache.pauses import CACHED, pauses

NAMES: Final[Mapping[CacheTtl, str]] = {"none": "not cached", "5m": "5 minutes", "1h": "1 hour"}
NO_SIGN: Final = Evidence()


def choose_ttls(
    cost_model: CostModel,
    ahead: GapForecast,
    *,
    kind: Kind | None,
    uses: int,
    global_gaps_seen: int,
    gaps_seen: int,
    signs: Sequence[Evidence] = (),
    head_alive: CacheTtl | None = None,
) -> tuple[Ttls, str]:
    """The TTLs under which this turn and those to come are expected to cost least, and the reason in words.

    `kind`: of the gap before this turn. `head_alive`: the TTL of a head that is still cached; it is not written anew just to change.
    """
    if uses == 0 and gaps_seen == 0 and global_gaps_seen == 0:
        first: CacheTtl = "1h" if cost_model.shared else head_alive or "5m"
        reason = "no idle gaps are known here yet, and a first prefix is small: cache TTL 5 minutes"
        return Ttls(head=first, window="5m"), reason
    costs = _costs(cost_model, ahead, 1 if kind == "long" else 0, signs, head_alive)
    best = min(costs, key=lambda ttls: costs[ttls])
    options = ", ".join(
        f"{NAMES[ttls.window]} (system prompt and summary {NAMES[ttls.head]}) ${cost / 1e12:.6f}"
        for ttls, cost in sorted(costs.items(), key=lambda item: item[1])
    )
    return best, f"estimated context cost from here on, by cache TTL: {options}"


def _costs(
    cost_model: CostModel,
    ahead: GapForecast,
    kind: int,
    signs: Sequence[Evidence],
    head_alive: CacheTtl | None,
) -> dict[Ttls, float]:
    """The expected cost from now on of each pair of TTLs that is allowed."""
    head, window = future_costs(cost_model, ahead, signs)
    heads = head.choice({ttl: head_cost(cost_model, ttl) for ttl in TTL_MS}, kind)
    if head_alive is not None:
        heads = {head_alive: heads[head_alive]}
    elif cost_model.shared:
        heads = {"1h": heads["1h"]}
    windows = window.choice({ttl: window_cost(cost_model, ttl) for ttl in TTL_MS}, kind)
    cacheable = cost_model.system + cost_model.summary >= cost_model.minimum
    return {
        Ttls(head=head_ttl, window=window_ttl): heads.get(head_ttl, min(heads.values())) + windows[window_ttl]
        for head_ttl in TTL_MS
        for window_ttl in TTL_MS
        if (head_ttl in heads or (head_ttl == window_ttl == "1h"))
        and TTL_MS[head_ttl] >= TTL_MS[window_ttl]
        and (window_ttl != "none" or head_ttl == "none" or cacheable)
    }


def future_costs(
    cost_model: CostModel, ahead: GapForecast, signs: Sequence[Evidence] = ()
) -> tuple[FutureCosts, FutureCosts]:
    """What the head and the window are going to cost under the best TTLs and renewals."""
    grown = cost_model.grown()
    between = pauses(ahead, signs or (NO_SIGN,), grown)
    surplus = {ttl: grown.surplus(ttl) for ttl in TTL_MS}
    return solve(_head(grown, surplus["5m"]), between), solve(_window(grown, surplus), between)


def head_cost(cost_model: CostModel, ttl: CacheTtl) -> float:
    """The price of the head when it is dead; the system block drops out if others keep it warm."""
    system = cost_model.prices.cache_read if cost_model.shared else cost_model.write(ttl)
    return system * cost_model.system + cost_model.write(ttl) * cost_model.summary


def window_cost(cost_model: CostModel, ttl: CacheTtl) -> float:
    """The price of a window that is written anew after a compaction."""
    return cost_model.write(ttl) * cost_model.floor


def _head(cost_model: CostModel, surplus: float) -> PartCosts:
    read, head = cost_model.prices.cache_read, cost_model.system + cost_model.summary
    new = cost_model.compactions_per_use(surplus) * cost_model.new_summary(surplus)
    warm: dict[CacheTtl, float] = {ttl: read * head + (cost_model.write(ttl) - read) * new for ttl in CACHED}
    return PartCosts(
        warm=warm,
        dead={ttl: head_cost(cost_model, ttl) for ttl in TTL_MS},
        renewal=read * head,
        growth=dict.fromkeys(CACHED, 0.0),
    )


def _window(cost_model: CostModel, surpluses: Mapping[CacheTtl, float]) -> PartCosts:
    read, warm, dead = cost_model.prices.cache_read, dict[CacheTtl, float](), dict[CacheTtl, float]()
    growth, renewal = dict[CacheTtl, float](), 0.0
    for ttl in TTL_MS:
        surplus = surpluses[ttl]
        write = cost_model.write(ttl)
        mean = cost_model.floor + max(0.0, surplus - cost_model.turn) / 2
        calls = cost_model.summary_call(surplus) * cost_model.turn / surplus
        if ttl == "none":
            dead[ttl] = calls + write * mean
            continue
        anew = cost_model.compactions_per_use(surplus)
        # How often the prefix is silently not cached because it is too short.
        short = min(1.0, cost_model.uncached / surplus)
        warm[ttl] = (
            calls
            + short * cost_model.prices.input * mean
            + (1 - short) * ((1 - anew) * read * mean + anew * window_cost(cost_model, ttl))
        )
        growth[ttl] = (1 - short) * (1 - anew) * write
        dead[ttl] = calls + window_cost(cost_model, ttl) + cost_model.cold_surplus(surplus / 2, ttl)
        renewal = read * mean
    return PartCosts(warm=warm, dead=dead, renewal=renewal, growth=growth)
