"""What can become of a pause: that it is bridged by so many renewals, and how long it turns out to be."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate
from operator import mul
from typing import Final

from context.cache.cache_state import LIVES, Life
from context.cache.cost_model import Economy
from context.cache.gap_forecast import Outlook
from context.cache.idle_gaps import HOUR, LINE, Evidence
from context.policy import Policy

RENEWALS: Final = (0, 1, 2, 3, 5, 8, 12, 18, 30, 45, 60, 72)  # how many keep-alives are tried for
CACHED: Final[tuple[Life, ...]] = ("5m", "1h")

# A pause after a use, bridged by at most so many renewals: how many are sent, the tokens that arrive while the part lives, and the chances
# that it ends warm after a short pause, warm after a long one, dead after a short one, dead after a long one.
Pause = tuple[float, float, float, float, float, float]
Pauses = Mapping[tuple[Life, int], Sequence[Sequence[Pause]]]


def pauses(ahead: Outlook, signs: Sequence[Evidence], economy: Economy) -> Pauses:
    """What can become of a pause, by life and by the kind of the pause before it; apart for each sign, by renewals tried for."""
    policy, most = economy.policy, economy.floor + economy.turn
    points = sorted(ahead.points)
    lengths = [point[0] for point in points]
    # Who finds more than a fresh start holds starts afresh.
    arrived = [min(point[1], most) for point in points]
    needs = {life: [ms // rest_of(policy, life) for ms in lengths] for life in CACHED}
    line, hour = bisect_left(lengths, LINE), bisect_left(lengths, HOUR)
    found: dict[tuple[Life, int], list[list[Pause]]] = {}
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
                never, rest, options = ahead.never * factors[2], rest_of(policy, life), list[Pause]()
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


def rest_of(policy: Policy, life: Life) -> int:
    """T: for how long an entry is relied on, in milliseconds."""
    return policy.life_5m if life == "5m" else policy.life_1h


def most_renewals(policy: Policy, life: Life) -> int:
    """Keep-alives in a row at the most."""
    if not policy.keepalives or life == "none":
        return 0
    return policy.keepalives_5m if life == "5m" else policy.keepalives_1h
