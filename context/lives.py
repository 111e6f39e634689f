"""For how long a lane's prefix is cached: the class rule of context economics, section 5, in picodollars.

A prompt has two parts. The head (system prompt and summary) stays as it is for very long; the tail (the window) is folded away, and on
a rarely used lane most of it is new each time. So each has its own life, the head's never the shorter.

Each is a small Markov decision problem, solved by policy iteration. After a use the part is cached for a life or not; the next pause, of a
kind that depends on the kind before, is bridged by so many renewals or not; at the next use the part is read, or it is dead and a life is
chosen anew. "Never comes back" ends it, so that a dear first write counts for as many uses as are to be expected.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import mul
from typing import Final

from context.economy import Economy
from context.gaps import HOUR, LINE, Evidence, Kind, Outlook
from context.lanes import LIVES, Life, Lives
from context.policy import Policy

RENEWALS: Final = (0, 1, 2, 3, 5, 8, 12, 18, 30)  # how many keep-alives are tried for
CACHED: Final[tuple[Life, ...]] = ("5m", "1h")
NAMES: Final[Mapping[Life, str]] = {"none": "uncached", "5m": "5 minutes", "1h": "an hour"}
ORDER: Final[Mapping[Life, int]] = {life: index for index, life in enumerate(LIVES)}
NO_SIGN: Final = Evidence()
ROUNDS: Final = 6  # of policy iteration: it settles in three or four


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a use costs with one part of the prompt, by life: found `warm`, or `dead` and written anew. Picodollars.

    renewal: a keep-alive's price; growth: of a token that arrived since the last use.
    """

    warm: Mapping[Life, float]
    dead: Mapping[Life, float]
    renewal: float
    growth: Mapping[Life, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """The expected price of everything from now on: after a use, by life and by the kind of the pause before it; and for a use that finds
    the part warm or dead after a pause of that kind.
    """

    after: Mapping[tuple[Life, int], float]
    part: Part

    def arriving_warm(self, life: Life, kind: int) -> float:
        return self.part.warm[life] + self.after[life, kind]

    def arriving_dead(self, kind: int) -> float:
        return min(price + self.after[life, kind] for life, price in self.part.dead.items())

    def choice(self, prices: Mapping[Life, float], kind: int) -> dict[Life, float]:
        """Each life's price from now on, if it costs that much now."""
        return {life: price + self.after[life, kind] for life, price in prices.items()}


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
    pauses = _pauses(ahead, signs or (NO_SIGN,), grown)
    surplus = {life: grown.surplus(life) for life in LIVES}
    return _solve(_head(grown, surplus["5m"]), pauses), _solve(_tail(grown, surplus), pauses)


def rest_of(policy: Policy, life: Life) -> int:
    """T: for how long an entry is relied on, in milliseconds."""
    return policy.life_5m if life == "5m" else policy.life_1h


def most_renewals(policy: Policy, life: Life) -> int:
    """Keep-alives in a row at the most."""
    if not policy.keepalives or life == "none":
        return 0
    return policy.keepalives_5m if life == "5m" else policy.keepalives_1h


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


# A pause after a use, bridged by at most so many renewals: how many are sent, the tokens that arrive while the part lives, and the chances
# that it ends warm after a short pause, warm after a long one, dead after a short one, dead after a long one.
_Pause = tuple[float, float, float, float, float, float]
_Pauses = Mapping[tuple[Life, int], Sequence[Sequence[_Pause]]]


def _solve(part: Part, pauses: _Pauses) -> Worth:
    """Policy iteration: value what is decided, decide anew by those values, until nothing changes."""
    states: list[tuple[Life, int]] = [(life, kind) for life in LIVES for kind in (0, 1)]
    worth = Worth(after=dict.fromkeys(states, 0.0), part=part)
    decided: list[object] = []
    for _ in range(ROUNDS):
        fresh = [_cheapest(part, worth, kind) for kind in (0, 1)]
        dead = [part.dead[life] + worth.after[life, kind] for kind, life in enumerate(fresh)]
        rows, prices, chosen = list[list[float]](), list[float](), list[object](fresh)
        for life, kind in states:
            renewal, growth = part.renewal, part.growth.get(life, 0.0)
            warm = part.warm.get(life, 0.0)
            row, price = [0.0] * len(states), 0.0
            ends = (warm + worth.after[life, 0], warm + worth.after[life, 1], *dead)
            for options in pauses[life, kind]:  # by sign
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
                at = 2 * ORDER[life]
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


def _cheapest(part: Part, worth: Worth, kind: int) -> Life:
    """The life that is chosen where the part is found dead."""
    best: Life = "none"
    for life in CACHED:
        if part.dead[life] + worth.after[life, kind] < part.dead[best] + worth.after[best, kind]:
            best = life
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


def _pauses(ahead: Outlook, signs: Sequence[Evidence], economy: Economy) -> _Pauses:
    """What can become of a pause, by life and by the kind of the pause before it; apart for each sign, by renewals tried for."""
    policy, most = economy.policy, economy.floor + economy.turn
    points = sorted(ahead.points)
    lengths = [point[0] for point in points]
    # Who finds more than a fresh start holds starts afresh.
    arrived = [min(point[1], most) for point in points]
    needs = {life: [ms // rest_of(policy, life) for ms in lengths] for life in CACHED}
    line, hour = bisect_left(lengths, LINE), bisect_left(lengths, HOUR)
    found: dict[tuple[Life, int], list[list[_Pause]]] = {}
    for kind in (0, 1):
        weights = [point[2 + kind] for point in points]
        sums = [0.0, *accumulate(weights)]
        tokens = [0.0, *accumulate(map(mul, weights, arrived))]
        share = 1 / (sums[-1] + ahead.never)
        needed = {life: [0.0, *accumulate(map(mul, weights, needs[life]))] for life in CACHED}
        for life in LIVES:
            found[life, kind] = []
            for sign in signs:
                factors = (sign.short * share, sign.hour * share, sign.longer * share)

                def upto(
                    running: Sequence[float],
                    index: int,
                    factors: tuple[float, float, float] = factors,
                ) -> float:
                    one, two = running[min(index, line)], running[min(index, hour)]
                    return factors[0] * one + factors[1] * (two - one) + factors[2] * (running[index] - two)

                whole, short = upto(sums, len(points)), upto(sums, line)
                if life == "none":
                    found[life, kind].append([(0.0, 0.0, 0.0, 0.0, short, whole - short)])
                    continue
                never, rest, options = ahead.never * factors[2], rest_of(policy, life), list[_Pause]()
                for j in RENEWALS:
                    if j > most_renewals(policy, life):
                        break
                    index = bisect_left(lengths, rest * (j + 1) if j else LIVES[life])
                    alive, brief = upto(sums, index), upto(sums, min(index, line))
                    sent = upto(needed[life], index) + j * (whole - alive + never) if j else 0.0
                    options.append(
                        (
                            sent,
                            upto(tokens, index),
                            brief,
                            alive - brief,
                            short - brief,
                            whole - short - (alive - brief),
                        )
                    )
                found[life, kind].append(options)
    return found
