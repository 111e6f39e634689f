"""How much a stronger model is expected to add to an answer: length, and what was learned about texts of this form.

Length says more than anything learned, on every set of graded answers that was left out of training. So what was learned counts
only within the forms it was learned from (choice, code, mathematics, question), and for any other text only length counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log2
from typing import Final

from context.routing.signals import Reading

# What a doubling of the length counts for, against quality gained (0..1) as learned: by rows, subjects and sets left out the
# mean is highest about here. Less helps the sets known and harms the unknown.
PER_DOUBLING: Final = 0.2

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


def expected_gain(reading: Reading, learned: Learned) -> float:
    """The quality a stronger model is expected to add, on a scale of its own."""
    weights = learned.get(form_of(reading), {})
    known = sum(weights.get(name, 0.0) * value for name, value in reading.signals.items())
    return weights.get("", 0.0) + known + PER_DOUBLING * log2(1 + reading.size)
