"""Palaver's token estimates, for the scorer `token_estimates.py` of the evaluation kit.

    python <kit>/token_estimates.py --data <data>/tokens/texts.jsonl.gz --detail --callable tests/bench/token_estimates/adapter.py:Estimator

Run it from the repository root. The tokenizer is loaded when this file is, as the server loads it before a text comes; `speed.py`
measures that apart. Nothing else is prepared: every word of the scorer's texts is met for the first time. The tokenizers' names
are not looked at: all start from the belief about unknown models.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from context.tokens.calibration import Calibration
from context.tokens.features import total
from context.tokens.prior import TokenPrior

PRIOR = TokenPrior.load()


class Estimator:
    """One calibration per model, as the store keeps them."""

    def __init__(self) -> None:
        self.prior = PRIOR
        self.start = Calibration.initial("an unknown model")
        self.learned: dict[str, Calibration] = {}

    def estimate(self, text: str, model: str) -> float:
        return self.learned.get(model, self.start).estimate(self.prior.features(text))

    def observe(self, texts: list[str], model: str, tokens: int) -> None:
        features = total(self.prior.features(text) for text in texts)
        self.learned[model] = self.learned.get(model, self.start).observe(features, tokens)
