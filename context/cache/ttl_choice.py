"""For how long a lane's prefix is cached: the class rule of context economics, section 5, in picodollars.

A prompt has two parts. The head (system prompt and summary) stays as it is for very long; the tail (the window) is folded away, and on
a rarely used lane most of it is new each time. So each has its own life, the head's never the shorter; each is a decision problem of
its own (`markov`, over `pauses`).
"""

from collections.abc import Mapping, Sequence
from typing import Final

from context.cache.cache_state import LIVES, Life, Lives
from context.cache.cost_model import Economy
from context.cache.gap_forecast import Outlook
from context.cache.idle_gaps import Evidence, Kind
from context.cache.markov import Part, Worth, solve
from context.cache.pauses import CACHED, pauses

NAMES: Final[Mapping[Life, str]] = {"none": "uncached", "5m": "5 minutes", "1h": "an hour"}
NO_SIGN: Final = Evidence()


def best_lives(
    economy: Economy,
    ahead: Outlook,
    *,
    kind: Kind | None,
    uses: int,
    service_seen: int,
    gaps_seen: int,
    signs: Sequence[Evidence] = (),
    held: Life | None = None,
) -> tuple[Lives, str]:
    """The lives under which this turn and those to come are expected to cost least, and why.

    `kind`: of the pause before this turn. `held` is the life of a head that still lives: it is not written anew just to change.
    """
    if uses == 0 and gaps_seen == 0 and service_seen == 0:
        first: Life = "1h" if economy.shared else held or "5m"
        return Lives(
            head=first, tail="5m"
        ), "nothing is known of pauses here yet, and a first prefix is small"
    index = 1 if kind == "long" else 0
    head_worth, tail_worth = worths(economy, ahead, signs)
    heads = head_worth.choice({life: head_cost(economy, life) for life in LIVES}, index)
    if held is not None:
        heads = {held: heads[held]}
    elif economy.shared:
        heads = {"1h": heads["1h"]}
    tails = tail_worth.choice({life: tail_cost(economy, life) for life in LIVES}, index)
    costs = {
        Lives(head=head, tail=tail): heads.get(head, min(heads.values())) + tails[tail]
        for head in LIVES
        for tail in LIVES
        if (head in heads or (head == tail == "1h"))
        and LIVES[head] >= LIVES[tail]
        and (tail != "none" or head == "none" or economy.system + economy.ladder >= economy.minimum)
    }
    best = min(costs, key=lambda lives: costs[lives])
    shown = ", ".join(
        f"{NAMES[lives.tail]} (system and summary {NAMES[lives.head]}) ${cost / 1e12:.6f}"
        for lives, cost in sorted(costs.items(), key=lambda item: item[1])
    )
    return best, f"expected context cost from here on: {shown}"


def worths(economy: Economy, ahead: Outlook, signs: Sequence[Evidence] = ()) -> tuple[Worth, Worth]:
    """What the head and the tail are going to cost under the best lives and renewals."""
    grown = economy.grown()
    between = pauses(ahead, signs or (NO_SIGN,), grown)
    surplus = {life: grown.surplus(life) for life in LIVES}
    return solve(_head(grown, surplus["5m"]), between), solve(_tail(grown, surplus), between)


def head_cost(economy: Economy, life: Life) -> float:
    """The price of the head when it is dead; the system block drops out if others keep it warm."""
    system = economy.prices.cache_read if economy.shared else economy.write(life)
    return system * economy.system + economy.write(life) * economy.ladder


def tail_cost(economy: Economy, life: Life) -> float:
    """The price of a window that is written anew after a fold."""
    return economy.write(life) * (economy.floor + economy.turn)


def _head(economy: Economy, surplus: float) -> Part:
    read, head = economy.prices.cache_read, economy.system + economy.ladder
    new = economy.folds_per_use(surplus) * economy.new_summary(surplus)
    warm: dict[Life, float] = {life: read * head + (economy.write(life) - read) * new for life in CACHED}
    return Part(
        warm=warm,
        dead={life: head_cost(economy, life) for life in LIVES},
        renewal=read * head,
        growth=dict.fromkeys(CACHED, 0.0),
    )


def _tail(economy: Economy, surpluses: Mapping[Life, float]) -> Part:
    read, warm, dead = economy.prices.cache_read, dict[Life, float](), dict[Life, float]()
    growth, renewal = dict[Life, float](), 0.0
    for life in LIVES:
        surplus = surpluses[life]
        write, mean = economy.write(life), economy.floor + surplus / 2
        calls = economy.summary_call(surplus) * economy.turn / surplus
        if life == "none":
            dead[life] = calls + write * (mean + economy.turn)
            continue
        anew = economy.folds_per_use(surplus)
        short = min(1.0, economy.uncached / surplus)  # how often the prefix is silently not cached: too short
        warm[life] = (
            calls
            + short * economy.prices.input * (mean + economy.turn)
            + (1 - short) * ((1 - anew) * read * mean + anew * tail_cost(economy, life))
        )
        growth[life] = (1 - short) * (1 - anew) * write
        dead[life] = calls + tail_cost(economy, life) + economy.cold_surplus(surplus / 2, life)
        renewal = read * mean
    return Part(
        warm=warm,
        dead=dead,
        renewal=renewal,
        growth=growth,
    )
