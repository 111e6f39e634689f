"""What reported usage has taught about one model's tokenizer: the estimate, its uncertainty, and the safe-side bound.

Theory of operation: the tokens of a request are, nearly, `prices . features`. The prices start as a `Belief` and every
report (features of all that was sent, tokens billed) narrows them: Bayesian linear regression. What is kept is the sum of
the evidence, so reports may come in any order and from any replica. Only
the features that ever occurred are in it: a thread in English keeps a handful of numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from math import ceil, sqrt
from operator import itemgetter, mul
from statistics import NormalDist
from typing import Any, Final

from context.tokens.beliefs import Belief, belief, family_of
from context.tokens.features import INDEX, NAMES, Features

FORMAT: Final = 1
CONFIDENCE: Final = 0.999
_RUNS: Final = itemgetter(*(INDEX[name] for name in ("word", "glued_word", "digit_group", "sign_run")))
TRUST: Final = 8.0  # reports' worth of faith in the assumed scatter before the measured one takes over

Pair = tuple[int, int]


@dataclass(frozen=True, kw_only=True)  # without slots: `_posterior` is cached
class Calibration:
    """The sum of all reports for one model. Immutable; `observe` returns the next."""

    family: str
    reports: int = 0
    squares: float = 0.0  # sum of (tokens above belief / scatter)²
    moments: Mapping[int, float] = field(
        default_factory=dict
    )  # feature -> sum of feature * excess / scatter²
    information: Mapping[Pair, float] = field(
        default_factory=dict
    )  # i <= j -> sum of feature * feature / scatter²

    @staticmethod
    def initial(model: str) -> Calibration:
        """Before any report; the model id chooses the starting belief."""
        return _without_reports(family_of(model))

    @staticmethod
    def exact() -> Calibration:
        """Before any report, for a model whose own tokenizer counts: only what surrounds the texts is learned."""
        return _without_reports("exact")

    @cached_property
    def _posterior(self) -> Posterior:
        """What the reports say of the prices: computed when the first estimate asks for it, not where reports are only added up."""
        return _learn(self)

    def estimate(self, features: Features) -> float:
        """Expected tokens: what to price with. Zero only for nothing."""
        return max(self._posterior.mean(features), float(_least(features)))

    def deviation(self, features: Features) -> float:
        """Standard deviation of the tokens around `estimate`."""
        return self._posterior.deviation(features)

    def bound(self, features: Features, confidence: float = CONFIDENCE) -> int:
        """Tokens not exceeded with this probability: what to fit with. Never below the estimate."""
        above = NormalDist().inv_cdf(confidence) * self.deviation(features)
        return ceil(self.estimate(features) + max(0.0, above))

    def observe(self, features: Features, tokens: int) -> Calibration:
        """After texts with these features were billed `tokens`. A report of nothing, or about nothing, teaches nothing.

        Report each text once: of a request that extends the last one, what is new and the difference of the two bills.
        The same long prefix reported every turn would count as new evidence every time.
        """
        if tokens <= 0 or not any(features):
            return self
        prior = belief(self.family)
        scatter = _scatter(prior, features)
        excess = tokens - sum(map(mul, prior.mean, features))
        counts = [(i, count) for i, count in enumerate(features) if count]
        moments = dict(self.moments)
        information = dict(self.information)
        for i, count in counts:
            moments[i] = moments.get(i, 0.0) + count * excess / scatter
            for j, other in counts:
                if i <= j:
                    information[i, j] = information.get((i, j), 0.0) + count * other / scatter
        return Calibration(
            family=self.family,
            reports=self.reports + 1,
            squares=self.squares + excess * excess / scatter,
            moments=moments,
            information=information,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values by feature name; `from_json` gives an equal calibration back."""
        return {
            "format": FORMAT,
            "family": self.family,
            "reports": self.reports,
            "squares": self.squares,
            "moments": {NAMES[i]: value for i, value in self.moments.items()},
            "information": {f"{NAMES[i]} {NAMES[j]}": value for (i, j), value in self.information.items()},
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Calibration:
        """Raises KeyError or ValueError for anything `to_json` of this format has not made: start anew then."""
        if data["format"] != FORMAT:
            raise ValueError(f"calibration format {data['format']!r} is not {FORMAT}")
        pairs = ((pair.split(" "), float(value)) for pair, value in data["information"].items())
        return Calibration(
            family=belief(data["family"]).name,
            reports=int(data["reports"]),
            squares=float(data["squares"]),
            moments={INDEX[name]: float(value) for name, value in data["moments"].items()},
            information={(INDEX[first], INDEX[second]): value for (first, second), value in pairs},
        )


@cache
def _without_reports(family: str) -> Calibration:
    """The calibration of a family before any report."""
    return Calibration(family=family)


@dataclass(frozen=True, slots=True, kw_only=True)
class Posterior:
    """The belief after the evidence: prices, and what the evidence takes from the belief's variance."""

    prior: Belief
    prices: tuple[float, ...]
    touched: tuple[int, ...]
    gain: tuple[tuple[float, ...], ...]  # over `touched`: covariance = prior - prior @ gain @ prior
    inflation: (
        float  # measured scatter over assumed; never below one, for single texts scatter more than requests
    )

    def mean(self, features: Features) -> float:
        tokens: float = sum(map(mul, self.prices, features))
        return tokens

    def deviation(self, features: Features) -> float:
        occurring = [i for i, count in enumerate(features) if count]
        counts = [features[i] for i in occurring]

        def along(row: Sequence[float]) -> float:
            """The product of a row with the features: most of these are zero."""
            product: float = sum(map(mul, map(row.__getitem__, occurring), counts))
            return product

        prior = self.prior
        unsure = sum(prior.variance[i] * count * count for i, count in zip(occurring, counts, strict=True))
        unsure += sum(along(cause) ** 2 for cause in prior.causes)
        reach = [along(prior.covariance[t]) for t in self.touched]
        known = sum(a * sum(map(mul, row, reach)) for a, row in zip(reach, self.gain, strict=True))
        return sqrt(max(0.0, unsure - known) + self.inflation * _scatter(prior, features))


def _learn(seen: Calibration) -> Posterior:
    prior = belief(seen.family)
    touched = tuple(sorted(seen.moments))
    size = len(touched)
    evidence = [[seen.information.get((min(i, j), max(i, j)), 0.0) for j in touched] for i in touched]
    moments = [seen.moments[i] for i in touched]
    of_touched = [[row[t] for t in touched] for row in prior.covariance]  # each feature with the touched ones
    covariance = [of_touched[t] for t in touched]  # symmetric: rows are columns
    # (1 + evidence @ covariance) @ [gain, shift] = [evidence, moments]
    left = [
        [sum(map(mul, row, column)) + (1.0 if i == j else 0.0) for j, column in enumerate(covariance)]
        for i, row in enumerate(evidence)
    ]
    solved = _solve(left, [[*evidence[i], moments[i]] for i in range(size)])
    shift = [row[-1] for row in solved]
    prices = tuple(mean + sum(map(mul, row, shift)) for mean, row in zip(prior.mean, of_touched, strict=True))
    moved = [prices[t] - prior.mean[t] for t in touched]
    explained = sum(m * move for m, move in zip(moments, moved, strict=True))
    strays = max(0.0, seen.squares - explained)
    return Posterior(
        prior=prior,
        prices=prices,
        touched=touched,
        gain=tuple(tuple(row[:-1]) for row in solved),
        inflation=max(1.0, (TRUST + strays) / (TRUST + seen.reports)),
    )


def _scatter(prior: Belief, features: Features) -> float:
    """Assumed variance of the tokens of a text around its price list, in the belief's own prices."""
    tokens: float = sum(map(mul, prior.mean, features))
    strays: float = sum(
        (noise * count) ** 2 for noise, count in zip(prior.noise, features, strict=True) if count
    )
    return strays + prior.grain**2 * tokens + (prior.drift * tokens) ** 2


def _least(features: Features) -> float:
    """A floor under every estimate, for prices that too few reports have pushed below zero: one token in five words."""
    runs: int = sum(_RUNS(features))
    return 0.2 * runs


def _solve(left: list[list[float]], right: list[list[float]]) -> list[list[float]]:
    """`left @ x = right` by elimination with row exchange; both are overwritten."""
    size = len(left)
    for k in range(size):
        best = max(range(k, size), key=lambda row: abs(left[row][k]))
        left[k], left[best] = left[best], left[k]
        right[k], right[best] = right[best], right[k]
        pivot_left, pivot_right = left[k], right[k]
        for row in range(k + 1, size):
            share = left[row][k] / pivot_left[k]
            if share:
                left[row] = [a - share * b for a, b in zip(left[row], pivot_left, strict=True)]
                right[row] = [a - share * b for a, b in zip(right[row], pivot_right, strict=True)]
    for k in range(size - 1, -1, -1):
        row_left, row_right = left[k], right[k]
        for j in range(k + 1, size):
            if row_left[j]:
                row_right = [a - row_left[j] * b for a, b in zip(row_right, right[j], strict=True)]
        right[k] = [a / row_left[k] for a in row_right]
    return right
