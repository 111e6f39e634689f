"""What can become of an idle gap: how long it turns out to be, and that so many keep-alives bridge it or not."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import mul
from typing import Final, NamedTuple

from context.cache.cache_state import TTL_MS, CacheTtl
from context.cache.cost_model import CostModel
from context.cache.gap_forecast import GapForecast
from context.cache.idle_gaps import HOUR, SHORT_GAP, Evidence
from context.policy import Policy

RENEWALS: Final = (0, 1, 2, 3, 5, 8, 12, 18, 30, 45, 60, 72)  # how many keep-alives are tried for
CACHED: Final[tuple[CacheTtl, ...]] = ("5m", "1h")


class Pause(NamedTuple):
    """A gap after a use, bridged by at most so many renewals: how many are sent and the tokens that arrive while the entry is alive, as
    means, and the chances that the gap was short or long and the entry is found alive (warm) or dead.
    """

    renewals: float
    arrived: float
    warm_short: float
    warm_long: float
    dead_short: float
    dead_long: float


# By TTL and by the kind of the gap before (0 short, 1 long): for each sign of presence, the options by renewals tried for.
Pauses = Mapping[tuple[CacheTtl, int], Sequence[Sequence[Pause]]]


def pauses(ahead: GapForecast, signs: Sequence[Evidence], cost_model: CostModel) -> Pauses:
    """What can become of the next gap, by TTL, kind of the gap before it, sign of presence and renewals tried for."""
    policy, most = cost_model.policy, cost_model.floor + cost_model.turn
    points = sorted(ahead.points)
    lengths = [point[0] for point in points]
    # Who finds more than a fresh start holds starts afresh.
    arrived = [min(point[1], most) for point in points]
    needs = {ttl: [ms // usable_ttl(policy, ttl) for ms in lengths] for ttl in CACHED}
    made: dict[tuple[CacheTtl, int], list[list[Pause]]] = {}
    for kind in (0, 1):
        weights = [point[2 + kind] for point in points]
        sums = _Sums(
            lengths=lengths,
            short=bisect_left(lengths, SHORT_GAP),
            hour=bisect_left(lengths, HOUR),
            weights=_running(weights),
            tokens=_running(map(mul, weights, arrived)),
            needed={ttl: _running(map(mul, weights, needs[ttl])) for ttl in CACHED},
            never=ahead.never,
        )
        for ttl in TTL_MS:
            made[ttl, kind] = [sums.options(ttl, sign, policy) for sign in signs]
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sums:
    """Running sums over the points of a forecast by length: of weights, tokens, and renewals needed; `short`, `hour`: where those gaps end."""

    lengths: Sequence[int]
    short: int
    hour: int
    weights: Sequence[float]
    tokens: Sequence[float]
    needed: Mapping[CacheTtl, Sequence[float]]
    never: float

    def options(self, ttl: CacheTtl, sign: Evidence, policy: Policy) -> list[Pause]:
        """The gap under a TTL and a sign of presence, for each number of renewals that is tried for."""
        upto = self._weighed(sign)
        everything, short = upto(self.weights, len(self.lengths)), upto(self.weights, self.short)
        if ttl == "none":
            return [Pause(0.0, 0.0, 0.0, 0.0, short, everything - short)]
        never, usable = self.never * (sign.longer * self._share), usable_ttl(policy, ttl)
        options: list[Pause] = []
        for renewals in RENEWALS:
            if renewals > most_renewals(policy, ttl):
                break
            end = bisect_left(self.lengths, usable * (renewals + 1) if renewals else TTL_MS[ttl])
            alive, alive_short = upto(self.weights, end), upto(self.weights, min(end, self.short))
            sent = upto(self.needed[ttl], end) + renewals * (everything - alive + never) if renewals else 0.0
            options.append(
                Pause(
                    sent,
                    upto(self.tokens, end),
                    alive_short,
                    alive - alive_short,
                    short - alive_short,
                    everything - short - (alive - alive_short),
                )
            )
        return options

    @property
    def _share(self) -> float:
        return 1 / (self.weights[-1] + self.never)

    def _weighed(self, sign: Evidence) -> Callable[[Sequence[float], int], float]:
        """A function of running sums and an index: the sum up to it with the weights that the sign gives to each length."""
        share = self._share
        short_factor, hour_factor, longer_factor = sign.short * share, sign.hour * share, sign.longer * share

        def upto(running: Sequence[float], index: int) -> float:
            short, hour = running[min(index, self.short)], running[min(index, self.hour)]
            return (
                short_factor * short + hour_factor * (hour - short) + longer_factor * (running[index] - hour)
            )

        return upto


def _running(values: Iterable[float]) -> list[float]:
    return [0.0, *accumulate(values)]


def usable_ttl(policy: Policy, ttl: CacheTtl) -> int:
    """T: for how long an entry is relied on, in milliseconds."""
    return policy.ttl_5m_ms if ttl == "5m" else policy.ttl_1h_ms


def most_renewals(policy: Policy, ttl: CacheTtl) -> int:
    """The most keep-alives in a row."""
    if not policy.keepalives or ttl == "none":
        return 0
    return policy.max_keepalives_5m if ttl == "5m" else policy.max_keepalives_1h
