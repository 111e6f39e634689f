"""The trained weights of the router: two logistic heads over signals and English words. Trained by tests/bench/routing/train.py."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from math import exp
from typing import Any

# Words count in full where this share of a text's words and pairs is known, and less where fewer are: among strangers the signals decide.
FAMILIAR = 0.625


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Two heads over the same signals, in log-odds, and the gain by the form of the text (see `gain`).

    `signals` name -> (more than simple, complex); `words` word or pair -> the same; `bias` one per head.
    """

    version: str
    bias: tuple[float, float]
    signals: Mapping[str, tuple[float, float]]
    words: Mapping[str, tuple[float, float]]
    gain: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the heads say: two probabilities, and each signal's share in log-odds (words in one sum)."""

    more_than_simple: float
    complex: float
    shares: tuple[tuple[str, float, float], ...]


def judge(weights: Weights, signals: Iterable[tuple[str, float]], words: tuple[str, ...]) -> Verdict:
    """The heads' verdict. `words` is empty for a text that is not English."""
    more, hard = weights.bias
    shares: list[tuple[str, float, float]] = []
    for name, value in signals:
        weight = weights.signals.get(name)
        if weight is not None:
            more += weight[0] * value
            hard += weight[1] * value
            shares.append((name, value, (weight[0] + weight[1]) * value))
    known, first, second, own = 0, 0.0, 0.0, terms(words)
    for word in own:
        pair = weights.words.get(word)
        if pair is not None:
            known += 1
            first += pair[0]
            second += pair[1]
    if known:
        familiar = min(1.0, known / len(own) / FAMILIAR)
        first, second = first * familiar, second * familiar
        shares.append(("English words and pairs known", float(known), first + second))
    return Verdict(
        more_than_simple=_chance(more + first),
        complex=_chance(hard + second),
        shares=tuple(shares),
    )


def terms(words: tuple[str, ...]) -> list[str]:
    """The distinct words and neighbouring pairs, in a fixed order (sums of floats depend on it)."""
    return list(
        dict.fromkeys((*words, *(f"{first} {second}" for first, second in itertools.pairwise(words))))
    )


@cache
def shipped() -> Weights:
    """The weights that come with the package."""
    packed = resources.files("context.routing").joinpath("weights.json.gz").read_bytes()
    return from_json(json.loads(gzip.decompress(packed)))


def from_json(value: Mapping[str, Any]) -> Weights:
    """Weights as the training script writes them."""
    more, hard = value["bias"]
    return Weights(
        version=value["version"],
        bias=(more, hard),
        signals={name: (more, hard) for name, (more, hard) in value["signals"].items()},
        words={word: (more, hard) for word, (more, hard) in value["words"].items()},
        gain=value["gain"],
    )


def _chance(log_odds: float) -> float:
    return 1.0 / (1.0 + exp(-max(-30.0, min(30.0, log_odds))))
