"""One part of a prompt as a Markov decision problem of six states: the life it has, and the kind of the last pause.

After a use the part is cached for a life or not; the next pause, of a kind that depends on the kind before, is bridged by so many renewals
or not; at the next use the part is read, or it is dead and a life is chosen anew. "Never comes back" ends it, so that a dear first write
counts for as many uses as are to be expected. Solved exactly, by policy iteration. All in picodollars.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from context.cache.cache_state import TTL_MS, CacheTtl
from context.cache.pauses import CACHED, Pauses

ORDER: Final[Mapping[CacheTtl, int]] = {ttl: index for index, ttl in enumerate(TTL_MS)}
ROUNDS: Final = 6  # of policy iteration: it settles in three or four


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a use costs with one part of the prompt, by life: found `warm`, or `dead` and written anew. Picodollars.

    renewal: a keep-alive's price; growth: of a token that arrived since the last use.
    """

    warm: Mapping[CacheTtl, float]
    dead: Mapping[CacheTtl, float]
    renewal: float
    growth: Mapping[CacheTtl, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """The expected price of everything from now on: after a use, by life and by the kind of the pause before it; and for a use that finds
    the part warm or dead after a pause of that kind.
    """

    after: Mapping[tuple[CacheTtl, int], float]
    part: Part

    def arriving_warm(self, ttl: CacheTtl, kind: int) -> float:
        return self.part.warm[ttl] + self.after[ttl, kind]

    def arriving_dead(self, kind: int) -> float:
        return min(price + self.after[ttl, kind] for ttl, price in self.part.dead.items())

    def choice(self, prices: Mapping[CacheTtl, float], kind: int) -> dict[CacheTtl, float]:
        """Each life's price from now on, if it costs that much now."""
        return {ttl: price + self.after[ttl, kind] for ttl, price in prices.items()}


def solve(part: Part, pauses: Pauses) -> Worth:
    """Policy iteration: value what is decided, decide anew by those values, until nothing changes."""
    states: list[tuple[CacheTtl, int]] = [(ttl, kind) for ttl in TTL_MS for kind in (0, 1)]
    worth = Worth(after=dict.fromkeys(states, 0.0), part=part)
    decided: list[object] = []
    for _ in range(ROUNDS):
        fresh = [_cheapest(part, worth, kind) for kind in (0, 1)]
        dead = [part.dead[ttl] + worth.after[ttl, kind] for kind, ttl in enumerate(fresh)]
        rows, prices, chosen = list[list[float]](), list[float](), list[object](fresh)
        for ttl, kind in states:
            renewal, growth = part.renewal, part.growth.get(ttl, 0.0)
            warm = part.warm.get(ttl, 0.0)
            row, price = [0.0] * len(states), 0.0
            ends = (warm + worth.after[ttl, 0], warm + worth.after[ttl, 1], *dead)
            for options in pauses[ttl, kind]:  # by sign
                best = options[0]
                if len(options) > 1:
                    totals = [
                        renewal * one[0]
                        + growth * one[1]
                        + one[2] * ends[0]
                        + one[3] * ends[1]
                        + one[4] * ends[2]
                        + one[5] * ends[3]
                        for one in options
                    ]
                    index = totals.index(min(totals))
                    best = options[index]
                    chosen.append(index)
                price += renewal * best[0] + growth * best[1] + (best[2] + best[3]) * warm
                price += best[4] * part.dead[fresh[0]] + best[5] * part.dead[fresh[1]]
                at = 2 * ORDER[ttl]
                row[at] += best[2]
                row[at + 1] += best[3]
                row[2 * ORDER[fresh[0]]] += best[4]
                row[2 * ORDER[fresh[1]] + 1] += best[5]
            rows.append(row)
            prices.append(price)
        if chosen == decided:
            break
        decided = chosen
        worth = Worth(after=dict(zip(states, _fixed_point(rows, prices), strict=True)), part=part)
    return worth


def _cheapest(part: Part, worth: Worth, kind: int) -> CacheTtl:
    """The life that is chosen where the part is found dead."""
    best: CacheTtl = "none"
    for ttl in CACHED:
        if part.dead[ttl] + worth.after[ttl, kind] < part.dead[best] + worth.after[best, kind]:
            best = ttl
    return best


def _fixed_point(rows: Sequence[Sequence[float]], prices: Sequence[float]) -> list[float]:
    """v = prices + rows v, by elimination; the rows sum to less than one."""
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
                table[k] = [one - factor * other for one, other in zip(table[k], table[i], strict=True)]
    return [row[-1] for row in table]
