"""How much a stronger model is expected to add to an answer: length, and what was learned about texts of this form.

Length says more than anything learned, on every set of graded answers that was left out of training. So what was learned counts
only within the forms it was learned from (choice, code, mathematics, question); for any other text length counts, and how likely the
text needs the top tier, which orders all forms but the choice between given answers a little better, on sets left out too.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log, log2
from typing import Final

from context.routing.signals import Reading

# What a doubling of the length counts for, against quality gained (0..1) as learned: by rows, subjects and sets left out the
# mean is highest about here. Less helps the sets known and harms the unknown.
PER_DOUBLING: Final = 0.2

# What the log-odds of needing the top tier count for, and their bound.
PER_ODDS: Final = 0.08
_LEAST_CHANCE: Final = 1e-6

# A form's learned weights by signal; "" is what the form itself adds.
Learned = Mapping[str, Mapping[str, float]]


def form_of(reading: Reading) -> str:
    """The form of a text: how it is asked, not what about."""
    signals = reading.signals
    if signals.get("answer options", 0.0) >= 0.75:
        return "choice"
    if (
        "asks work of code or mathematics" in signals
        and "code" in signals
        and ("write" in signals or "demand" in signals)
    ):
        return "code"
    if "number" in signals or "formula" in signals:
        return "mathematics"
    if "question" in signals or "asks who" in signals:
        return "question"
    return "open"


def expected_gain(reading: Reading, learned: Learned, chance: float) -> float:
    """The quality a stronger model is expected to add, on a scale of its own. `chance`: that the text needs the top tier."""
    form = form_of(reading)
    weights = learned.get(form, {})
    known = sum(weights.get(name, 0.0) * value for name, value in reading.signals.items())
    odds = 0.0
    if form != "choice":
        odds = log(max(_LEAST_CHANCE, chance) / max(_LEAST_CHANCE, 1 - chance))
    return weights.get("", 0.0) + known + PER_DOUBLING * log2(1 + reading.size) + PER_ODDS * odds
