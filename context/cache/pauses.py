"""What can become of an idle gap: how long it turns out to be, and that so many keep-alives bridge it or not."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
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


class Portions(NamedTuple):
    """A sum over the gaps up to some length, apart for those below 5 minutes, those from there to an hour, and longer ones."""

    short: float
    hour: float
    longer: float


class Reach(NamedTuple):
    """How far so many renewals carry: the number of points of the forecast that are no longer than that."""

    renewals: int
    end: int


def pauses(ahead: GapForecast, signs: Sequence[Evidence], cost_model: CostModel) -> Pauses:
    """What can become of the next gap, by TTL, kind of the gap before it, sign of presence and renewals tried for."""
    policy, most = cost_model.policy, cost_model.floor + cost_model.turn
    points = sorted(ahead.points)
    lengths = [point[0] for point in points]
    # Who finds more than a fresh start holds starts afresh.
    arrived = [min(point[1], most) for point in points]
    needs = {ttl: [ms // usable_ttl(policy, ttl) for ms in lengths] for ttl in CACHED}
    reaches = {ttl: _reaches(lengths, ttl, policy) for ttl in CACHED}
    made: dict[tuple[CacheTtl, int], list[list[Pause]]] = {}
    for kind in (0, 1):
        weights = [point[2 + kind] for point in points]
        sums = _Sums(
            short=bisect_left(lengths, SHORT_GAP),
            hour=bisect_left(lengths, HOUR),
            weights=_running(weights),
            tokens=_running(map(mul, weights, arrived)),
            never=ahead.never,
        )
        made["none", kind] = [[sums.uncached(sign)] for sign in signs]
        for ttl in CACHED:
            made[ttl, kind] = sums.options(reaches[ttl], _running(map(mul, weights, needs[ttl])), signs)
    return made


def _reaches(lengths: Sequence[int], ttl: CacheTtl, policy: Policy) -> list[Reach]:
    """The renewals that are tried for, and how far each carries."""
    usable, most = usable_ttl(policy, ttl), most_renewals(policy, ttl)
    return [
        Reach(renewals, bisect_left(lengths, usable * (renewals + 1) if renewals else TTL_MS[ttl]))
        for renewals in RENEWALS
        if renewals <= most
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sums:
    """Running sums over the points of a forecast by length: of weights and tokens; `short`, `hour`: where those gaps end."""

    short: int
    hour: int
    weights: Sequence[float]
    tokens: Sequence[float]
    never: float

    def uncached(self, sign: Evidence) -> Pause:
        """The gap of what is not cached, under a sign of presence."""
        short, everything = self._whole(sign)
        return Pause(0.0, 0.0, 0.0, 0.0, short, everything - short)

    def options(
        self, reaches: Sequence[Reach], needed: Sequence[float], signs: Sequence[Evidence]
    ) -> list[list[Pause]]:
        """The gap under a TTL, for each sign of presence and each number of renewals. `needed`: running sums of the renewals needed."""
        rows = [
            (
                renewals,
                self._portions(self.weights, end),
                self._portions(self.tokens, end),
                self._portions(needed, end),
                self.weights[min(end, self.short)],
            )
            for renewals, end in reaches
        ]
        made: list[list[Pause]] = []
        share = self._share
        for sign in signs:
            by_short, by_hour, by_longer = sign.short * share, sign.hour * share, sign.longer * share
            short, everything = self._whole(sign)
            never = self.never * by_longer
            options: list[Pause] = []
            for renewals, weights, tokens, sent, weights_short in rows:
                alive = by_short * weights.short + by_hour * weights.hour + by_longer * weights.longer
                alive_short = by_short * weights_short
                renewed = 0.0
                if renewals:
                    renewed = by_short * sent.short + by_hour * sent.hour + by_longer * sent.longer
                    renewed += renewals * (everything - alive + never)
                options.append(
                    Pause(
                        renewed,
                        by_short * tokens.short + by_hour * tokens.hour + by_longer * tokens.longer,
                        alive_short,
                        alive - alive_short,
                        short - alive_short,
                        everything - short - (alive - alive_short),
                    )
                )
            made.append(options)
        return made

    def _whole(self, sign: Evidence) -> tuple[float, float]:
        """The chances under a sign that the gap is short, and that there is a gap at all."""
        share, portions = self._share, self._portions(self.weights, len(self.weights) - 1)
        short = sign.short * share * portions.short
        everything = short + sign.hour * share * portions.hour + sign.longer * share * portions.longer
        return short, everything

    def _portions(self, running: Sequence[float], end: int) -> Portions:
        short, hour = running[min(end, self.short)], running[min(end, self.hour)]
        return Portions(short, hour - short, running[end] - hour)

    @property
    def _share(self) -> float:
        return 1 / (self.weights[-1] + self.never)


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
