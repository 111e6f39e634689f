"""What can become of a pause: that it is bridged by so many renewals, and how long it turns out to be."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate
from operator import mul
from typing import Final

from context.cache.cache_state import TTL_MS, CacheTtl
from context.cache.cost_model import CostModel
from context.cache.gap_forecast import GapForecast
from context.cache.idle_gaps import HOUR, LINE, Evidence
from context.policy import Policy

RENEWALS: Final = (0, 1, 2, 3, 5, 8, 12, 18, 30, 45, 60, 72)  # how many keep-alives are tried for
CACHED: Final[tuple[CacheTtl, ...]] = ("5m", "1h")

# A pause after a use, bridged by at most so many renewals: how many are sent, the tokens that arrive while the part lives, and the chances
# that it ends warm after a short pause, warm after a long one, dead after a short one, dead after a long one.
Pause = tuple[float, float, float, float, float, float]
Pauses = Mapping[tuple[CacheTtl, int], Sequence[Sequence[Pause]]]


def pauses(ahead: GapForecast, signs: Sequence[Evidence], cost_model: CostModel) -> Pauses:
    """What can become of a pause, by life and by the kind of the pause before it; apart for each sign, by renewals tried for."""
    policy, most = cost_model.policy, cost_model.floor + cost_model.turn
    points = sorted(ahead.points)
    lengths = [point[0] for point in points]
    # Who finds more than a fresh start holds starts afresh.
    arrived = [min(point[1], most) for point in points]
    needs = {ttl: [ms // rest_of(policy, ttl) for ms in lengths] for ttl in CACHED}
    line, hour = bisect_left(lengths, LINE), bisect_left(lengths, HOUR)
    found: dict[tuple[CacheTtl, int], list[list[Pause]]] = {}
    for kind in (0, 1):
        weights = [point[2 + kind] for point in points]
        sums = [0.0, *accumulate(weights)]
        tokens = [0.0, *accumulate(map(mul, weights, arrived))]
        share = 1 / (sums[-1] + ahead.never)
        needed = {ttl: [0.0, *accumulate(map(mul, weights, needs[ttl]))] for ttl in CACHED}
        for ttl in TTL_MS:
            found[ttl, kind] = []
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
                if ttl == "none":
                    found[ttl, kind].append([(0.0, 0.0, 0.0, 0.0, short, whole - short)])
                    continue
                never, rest, options = ahead.never * factors[2], rest_of(policy, ttl), list[Pause]()
                for j in RENEWALS:
                    if j > most_renewals(policy, ttl):
                        break
                    index = bisect_left(lengths, rest * (j + 1) if j else TTL_MS[ttl])
                    alive, brief = upto(sums, index), upto(sums, min(index, line))
                    sent = upto(needed[ttl], index) + j * (whole - alive + never) if j else 0.0
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
                found[ttl, kind].append(options)
    return found


def rest_of(policy: Policy, ttl: CacheTtl) -> int:
    """T: for how long an entry is relied on, in milliseconds."""
    return policy.ttl_5m_ms if ttl == "5m" else policy.ttl_1h_ms


def most_renewals(policy: Policy, ttl: CacheTtl) -> int:
    """Keep-alives in a row at the most."""
    if not policy.keepalives or ttl == "none":
        return 0
    return policy.keepalives_5m if ttl == "5m" else policy.keepalives_1h
