"""What recalled messages are worth on a turn, and which of them are worth their price.

Theory of operation. A recalled token is uncached input: it costs as much as ten to twenty cached ones. A message is bought when
the chance that it is needed, times what an answer without it costs, is above the price of its tokens. An answer that lacks what was said is
asked for again: some turns of the thread, and the person's time and trust, which is put as a number of tokens at the price of the
model that answers, for whoever chose a dear model wants a good answer. All is counted in input tokens at the price of this
turn, so that a model that costs nothing is treated as one that costs little: its tokens take time.
"""

from bisect import bisect_left
from dataclasses import dataclass
from math import exp, inf, log
from typing import Final, Literal, get_args

from context.models.pricing import PriceTable

RecallMode = Literal["off", "thrifty", "balanced", "generous"]
MODES: Final[tuple[RecallMode, ...]] = get_args(RecallMode)

# What an answer without the evidence costs: turns of the thread, and input tokens of the model's lowest price.
TURNS: Final = 1.5
TRUST: Final[dict[RecallMode, int]] = {
    "off": 0,
    "thrifty": 45_000,
    "balanced": 350_000,
    "generous": 1_000_000,
}
# The trust is worth at most so many turns of the thread: what a thread pays for recall stays in proportion to what it pays for answers.
MOST_TURNS: Final[dict[RecallMode, int]] = {"off": 0, "thrifty": 40, "balanced": 120, "generous": 600}

# The chance that a message is what a question needs, by its score beside the best one. From questions about conversations whose evidence is known;
# two sources give the same curve (README.md). Between the points, the logarithm is interpolated.
_SHARES: Final = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_CHANCES: Final = (
    5e-05, 0.0003, 0.0006, 0.0018, 0.0045, 0.008, 0.0125, 0.028, 0.046, 0.07, 0.1, 0.25,
)  # fmt: skip
SHORTEST: Final = 8  # tokens of a message with its date and speaker
INSTRUCTION_CHANCE: Final = 0.01  # that a standing instruction is what the question needs, whatever its score


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what terms a turn buys. cap: tokens at most; worth: what all that is needed is worth, in tokens of this turn's price."""

    cap: int
    worth: float = inf

    def pays(self, chance: float, tokens: int) -> bool:
        """Whether a message with that chance of being needed is worth so many tokens."""
        return self.worth * chance > tokens

    @property
    def least_share(self) -> float:
        """A share of the best score below which not even the shortest message pays."""
        index = next((index for index, each in enumerate(_CHANCES) if self.pays(each, SHORTEST)), None)
        return 1.0 if index is None else _SHARES[max(0, index - 1)]


def chance(share: float) -> float:
    """The chance that a message with that share of the best score is needed, when any is."""
    share = min(1.0, max(0.0, share))
    index = min(len(_SHARES) - 1, max(1, bisect_left(_SHARES, share)))
    low, high = _SHARES[index - 1], _SHARES[index]
    part = (share - low) / (high - low)
    return exp((1 - part) * log(_CHANCES[index - 1]) + part * log(_CHANCES[index]))


def answer_value(mode: RecallMode, prices: PriceTable, *, prompt: int, turn: int) -> float:
    """What an answer without its evidence costs, in tokens of this turn's input price.

    `prompt`: tokens of the prompt without recall, which decide the price; `turn`: what the turn costs without recall, in picodollars.
    """
    if mode == "off":
        return 0.0
    now, lowest = prices.at(prompt).input, prices.at(0).input
    if now <= 0:
        return float(TRUST[mode])
    return (TURNS * turn + min(TRUST[mode] * lowest, MOST_TURNS[mode] * turn)) / now
