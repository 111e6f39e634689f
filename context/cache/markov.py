"""One part of a prompt as a Markov decision problem of six states: the TTL it is cached under, and the kind of the last idle gap.

After a use the part is cached for a TTL or not; the next gap, of a kind that depends on the kind before, is bridged by so many
keep-alives or not; at the next use the part is read, or it is dead and a TTL is chosen anew. "Never comes back" ends it, so that a dear
first write counts for as many uses as are to be expected. Solved exactly, by policy iteration. All in picodollars.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from context.cache.cache_state import TTL_MS, CacheTtl
from context.cache.pauses import CACHED, Pause, Pauses

State = tuple[CacheTtl, int]  # the TTL, and the kind of the last gap: 0 short, 1 long
STATES: Final[Sequence[State]] = [(ttl, kind) for ttl in TTL_MS for kind in (0, 1)]
ROUNDS: Final = 6  # of policy iteration: it settles in three or four


@dataclass(frozen=True, slots=True, kw_only=True)
class PartCosts:
    """What a use costs with one part of the prompt, by TTL: found `warm`, or `dead` and written anew. Picodollars.

    renewal: a keep-alive's price; growth: of a token that arrived since the last use.
    """

    warm: Mapping[CacheTtl, float]
    dead: Mapping[CacheTtl, float]
    renewal: float
    growth: Mapping[CacheTtl, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class FutureCosts:
    """The expected cost of one part from now on: `after` a use, by state; and for a use that finds the part warm or dead after a gap of
    that kind.
    """

    after: Mapping[State, float]
    part: PartCosts

    def arriving_warm(self, ttl: CacheTtl, kind: int) -> float:
        return self.part.warm[ttl] + self.after[ttl, kind]

    def arriving_dead(self, kind: int) -> float:
        return min(price + self.after[ttl, kind] for ttl, price in self.part.dead.items())

    def choice(self, prices: Mapping[CacheTtl, float], kind: int) -> dict[CacheTtl, float]:
        """Each TTL's cost from now on, if it costs that much now."""
        return {ttl: price + self.after[ttl, kind] for ttl, price in prices.items()}


def solve(part: PartCosts, pauses: Pauses) -> FutureCosts:
    """Policy iteration: value what is decided, decide anew by those values, until nothing changes."""
    future = FutureCosts(after=dict.fromkeys(STATES, 0.0), part=part)
    decided: object = None
    for _ in range(ROUNDS):
        fresh = (_cheapest(part, future, 0), _cheapest(part, future, 1))
        chosen = {state: _cheapest_options(part, future, state, fresh, pauses[state]) for state in STATES}
        if (fresh, chosen) == decided:
            break
        decided = (fresh, chosen)
        rows, prices = list[list[float]](), list[float]()
        for state in STATES:
            row, price = _transition(part, state[0], fresh, chosen[state])
            rows.append(row)
            prices.append(price)
        future = FutureCosts(after=dict(zip(STATES, _fixed_point(rows, prices), strict=True)), part=part)
    return future


def _cheapest_options(
    part: PartCosts,
    future: FutureCosts,
    state: State,
    fresh: tuple[CacheTtl, CacheTtl],
    by_sign: Sequence[Sequence[Pause]],
) -> list[Pause]:
    """The option that costs least, for each sign of presence. `fresh`: the TTL chosen where the part is found dead, by kind of gap."""
    ttl, renewal = state[0], part.renewal
    growth, warm = part.growth.get(ttl, 0.0), part.warm.get(ttl, 0.0)
    warm_short, warm_long = warm + future.after[ttl, 0], warm + future.after[ttl, 1]
    dead_short = part.dead[fresh[0]] + future.after[fresh[0], 0]
    dead_long = part.dead[fresh[1]] + future.after[fresh[1], 1]

    chosen: list[Pause] = []
    for options in by_sign:  # the innermost loop of a plan: no call for each option
        if len(options) == 1:
            chosen.append(options[0])
            continue
        costs = [
            renewal * sent
            + growth * arrived
            + ends_warm_short * warm_short
            + ends_warm_long * warm_long
            + ends_dead_short * dead_short
            + ends_dead_long * dead_long
            for sent, arrived, ends_warm_short, ends_warm_long, ends_dead_short, ends_dead_long in options
        ]
        chosen.append(options[costs.index(min(costs))])
    return chosen


def _transition(
    part: PartCosts, ttl: CacheTtl, fresh: tuple[CacheTtl, CacheTtl], options: Sequence[Pause]
) -> tuple[list[float], float]:
    """A row of the transition matrix, over `STATES`, and the price of the step."""
    row, price = [0.0] * len(STATES), 0.0
    warm, growth = part.warm.get(ttl, 0.0), part.growth.get(ttl, 0.0)
    warm_at, dead_at = STATES.index((ttl, 0)), [STATES.index((fresh[kind], kind)) for kind in (0, 1)]
    for pause in options:
        price += part.renewal * pause.renewals + growth * pause.arrived
        price += (pause.warm_short + pause.warm_long) * warm
        price += pause.dead_short * part.dead[fresh[0]] + pause.dead_long * part.dead[fresh[1]]
        row[warm_at] += pause.warm_short
        row[warm_at + 1] += pause.warm_long
        row[dead_at[0]] += pause.dead_short
        row[dead_at[1]] += pause.dead_long
    return row, price


def _cheapest(part: PartCosts, future: FutureCosts, kind: int) -> CacheTtl:
    """The TTL that is chosen where the part is found dead."""
    best: CacheTtl = "none"
    for ttl in CACHED:
        if part.dead[ttl] + future.after[ttl, kind] < part.dead[best] + future.after[best, kind]:
            best = ttl
    return best


def _fixed_point(rows: Sequence[Sequence[float]], prices: Sequence[float]) -> list[float]:
    """Solve v = prices + rows v by Gauss-Jordan elimination; each row sums to less than one."""
    count = len(rows)
    table = [
        [(1.0 if i == j else 0.0) - rows[i][j] for j in range(count)] + [prices[i]] for i in range(count)
    ]
    for i in range(count):
        pivot = table[i][i]
        table[i] = [value / pivot for value in table[i]]
        for k in range(count):
            if k != i and table[k][i]:
                factor = table[k][i]
                table[k] = [value - factor * above for value, above in zip(table[k], table[i], strict=True)]
    return [row[-1] for row in table]
