"""For how long a cache state's prefix is cached: the class rule of context economics, section 5, in picodollars.

A prompt has two parts. The head (system prompt and summary) stays as it is for very long; the tail (the window) is compacted away, and on
a rarely used cache state most of it is new each time. So each has its own life, the head's never the shorter; each is a decision problem of
its own (`markov`, over `pauses`).
"""

from collections.abc import Mapping, Sequence
from typing import Final

from context.cache.cache_state import TTL_MS, CacheTtl, Ttls
from context.cache.cost_model import CostModel
from context.cache.gap_forecast import GapForecast
from context.cache.idle_gaps import Evidence, Kind
from context.cache.markov import Part, Worth, solve
from context.cache.pauses import CACHED, pauses

NAMES: Final[Mapping[CacheTtl, str]] = {"none": "uncached", "5m": "5 minutes", "1h": "an hour"}
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
    held: CacheTtl | None = None,
) -> tuple[Ttls, str]:
    """The lives under which this turn and those to come are expected to cost least, and why.

    `kind`: of the pause before this turn. `held` is the life of a head that still lives: it is not written anew just to change.
    """
    if uses == 0 and gaps_seen == 0 and global_gaps_seen == 0:
        first: CacheTtl = "1h" if cost_model.shared else held or "5m"
        return Ttls(head=first, tail="5m"), "nothing is known of pauses here yet, and a first prefix is small"
    index = 1 if kind == "long" else 0
    head_worth, tail_worth = worths(cost_model, ahead, signs)
    heads = head_worth.choice({ttl: head_cost(cost_model, ttl) for ttl in TTL_MS}, index)
    if held is not None:
        heads = {held: heads[held]}
    elif cost_model.shared:
        heads = {"1h": heads["1h"]}
    tails = tail_worth.choice({ttl: tail_cost(cost_model, ttl) for ttl in TTL_MS}, index)
    costs = {
        Ttls(head=head, tail=tail): heads.get(head, min(heads.values())) + tails[tail]
        for head in TTL_MS
        for tail in TTL_MS
        if (head in heads or (head == tail == "1h"))
        and TTL_MS[head] >= TTL_MS[tail]
        and (tail != "none" or head == "none" or cost_model.system + cost_model.summary >= cost_model.minimum)
    }
    best = min(costs, key=lambda ttls: costs[ttls])
    shown = ", ".join(
        f"{NAMES[ttls.tail]} (system and summary {NAMES[ttls.head]}) ${cost / 1e12:.6f}"
        for ttls, cost in sorted(costs.items(), key=lambda item: item[1])
    )
    return best, f"expected context cost from here on: {shown}"


def worths(cost_model: CostModel, ahead: GapForecast, signs: Sequence[Evidence] = ()) -> tuple[Worth, Worth]:
    """What the head and the tail are going to cost under the best lives and renewals."""
    grown = cost_model.grown()
    between = pauses(ahead, signs or (NO_SIGN,), grown)
    surplus = {ttl: grown.surplus(ttl) for ttl in TTL_MS}
    return solve(_head(grown, surplus["5m"]), between), solve(_tail(grown, surplus), between)


def head_cost(cost_model: CostModel, ttl: CacheTtl) -> float:
    """The price of the head when it is dead; the system block drops out if others keep it warm."""
    system = cost_model.prices.cache_read if cost_model.shared else cost_model.write(ttl)
    return system * cost_model.system + cost_model.write(ttl) * cost_model.summary


def tail_cost(cost_model: CostModel, ttl: CacheTtl) -> float:
    """The price of a window that is written anew after a compaction."""
    return cost_model.write(ttl) * (cost_model.floor + cost_model.turn)


def _head(cost_model: CostModel, surplus: float) -> Part:
    read, head = cost_model.prices.cache_read, cost_model.system + cost_model.summary
    new = cost_model.compactions_per_use(surplus) * cost_model.new_summary(surplus)
    warm: dict[CacheTtl, float] = {ttl: read * head + (cost_model.write(ttl) - read) * new for ttl in CACHED}
    return Part(
        warm=warm,
        dead={ttl: head_cost(cost_model, ttl) for ttl in TTL_MS},
        renewal=read * head,
        growth=dict.fromkeys(CACHED, 0.0),
    )


def _tail(cost_model: CostModel, surpluses: Mapping[CacheTtl, float]) -> Part:
    read, warm, dead = cost_model.prices.cache_read, dict[CacheTtl, float](), dict[CacheTtl, float]()
    growth, renewal = dict[CacheTtl, float](), 0.0
    for ttl in TTL_MS:
        surplus = surpluses[ttl]
        write, mean = cost_model.write(ttl), cost_model.floor + surplus / 2
        calls = cost_model.summary_call(surplus) * cost_model.turn / surplus
        if ttl == "none":
            dead[ttl] = calls + write * (mean + cost_model.turn)
            continue
        anew = cost_model.compactions_per_use(surplus)
        short = min(
            1.0, cost_model.uncached / surplus
        )  # how often the prefix is silently not cached: too short
        warm[ttl] = (
            calls
            + short * cost_model.prices.input * (mean + cost_model.turn)
            + (1 - short) * ((1 - anew) * read * mean + anew * tail_cost(cost_model, ttl))
        )
        growth[ttl] = (1 - short) * (1 - anew) * write
        dead[ttl] = calls + tail_cost(cost_model, ttl) + cost_model.cold_surplus(surplus / 2, ttl)
        renewal = read * mean
    return Part(
        warm=warm,
        dead=dead,
        renewal=renewal,
        growth=growth,
    )
