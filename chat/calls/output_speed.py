"""How many tokens a second each model writes, learned from answers whose count arrived. Estimates what a model thought before a call was cut.

Thinking is billed as output (Claude API documentation, page "Thinking"), but what arrives is a summary of it or nothing, and its length stands
in the final count only. Of a call that is cut before that count just the time is known for which the model had been thinking.
"""

from dataclasses import dataclass, field
from typing import Final

LEAST_TOKENS: Final = 20  # of an answer that says something of the speed
FASTEST: Final = 1_000.0  # tokens a second: what seems faster was buffered on its way
MEMORY: Final = 0.9  # weight of what is known when another answer is learned from


@dataclass(slots=True)
class OutputSpeeds:
    """Tokens a second by model: of the last ten answers or so, in this process."""

    _totals: dict[str, tuple[float, float]] = field(default_factory=dict)  # by model asked: tokens, seconds

    def learn(self, model: str, tokens: int, seconds: float) -> None:
        """An answer of so many tokens took so long from its first byte to its end."""
        if tokens < LEAST_TOKENS or seconds <= 0:
            return
        before = self._totals.get(model, (0.0, 0.0))
        self._totals[model] = before[0] * MEMORY + tokens, before[1] * MEMORY + seconds

    def of(self, model: str) -> float:
        """Tokens a second; 0 while nothing is known."""
        tokens, seconds = self._totals.get(model, (0.0, 0.0))
        return min(FASTEST, tokens / seconds) if seconds else 0.0
