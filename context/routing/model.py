"""The trained weights: how much each signal and each English word speaks for thinking. Trained by tests/bench/routing/train.py."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Three heads over the same signals.

    `signals` name -> (more than simple, complex, gain); `words` word or pair -> (more than simple, complex); `bias` one per head.
    The first two are log-odds; the gain is the quality a stronger model is expected to add, on a scale of its own.
    """

    version: str
    bias: tuple[float, float, float]
    signals: Mapping[str, tuple[float, float, float]]
    words: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the heads say: two chances, a gain, and each signal's share in log-odds (words in one sum)."""

    more_than_simple: float
    complex: float
    gain: float
    shares: tuple[tuple[str, float, float], ...]


def judge(weights: Weights, signals: Iterable[tuple[str, float]], words: tuple[str, ...]) -> Verdict:
    """The heads' verdict. `words` is empty for a text that is not English."""
    more, hard, gain = weights.bias
    shares: list[tuple[str, float, float]] = []
    for name, value in signals:
        found = weights.signals.get(name)
        if found is not None:
            more += found[0] * value
            hard += found[1] * value
            gain += found[2] * value
            shares.append((name, value, (found[0] + found[1]) * value))
    known, first, second = 0, 0.0, 0.0
    for word in terms(words):
        pair = weights.words.get(word)
        if pair is not None:
            known += 1
            first += pair[0]
            second += pair[1]
    if known:
        shares.append(("English words and pairs known", float(known), first + second))
    return Verdict(
        more_than_simple=_chance(more + first),
        complex=_chance(hard + second),
        gain=gain,
        shares=tuple(shares),
    )


def terms(words: tuple[str, ...]) -> list[str]:
    """The distinct words and neighbouring pairs, in a fixed order (sums of floats depend on it)."""
    return list(dict.fromkeys((*words, *(f"{one} {other}" for one, other in itertools.pairwise(words)))))


@cache
def shipped() -> Weights:
    """The weights that come with the package."""
    packed = resources.files("context.routing").joinpath("weights.json.gz").read_bytes()
    return from_json(json.loads(gzip.decompress(packed)))


def from_json(found: Mapping[str, Any]) -> Weights:
    """Weights as the training script writes them."""
    one, two, three = found["bias"]
    return Weights(
        version=found["version"],
        bias=(one, two, three),
        signals={name: (a, b, c) for name, (a, b, c) in found["signals"].items()},
        words={word: (a, b) for word, (a, b) in found["words"].items()},
    )


def _chance(log_odds: float) -> float:
    return 1.0 / (1.0 + exp(-max(-30.0, min(30.0, log_odds))))
