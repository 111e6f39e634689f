"""Idle gaps between the uses of a cache state, and what the page tells of the present one: whether its tab is visible, open or gone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["short", "long"]
SHORT_GAP: Final = 300_000  # milliseconds: gaps are of two kinds, shorter and longer than this
HOUR: Final = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """The time between two uses of a cache state, and the tokens that arrived on the thread meanwhile."""

    ms: int
    tokens: int


def kind_of(ms: int) -> Kind:
    return "short" if ms < SHORT_GAP else "long"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """How likely a sign of presence (a tab visible, open, gone) is, given the length of the present gap.

    P(sign | gap shorter than 5 minutes), P(sign | shorter than an hour), P(sign | longer). The weights of a gap forecast are multiplied
    by these (Bayes' rule).
    """

    short: float = 1.0
    hour: float = 1.0
    longer: float = 1.0

    def weight(self, ms: int) -> float:
        return self.short if ms < SHORT_GAP else self.hour if ms < HOUR else self.longer

    def diluted(self, share: float) -> "Evidence":
        """The same evidence when it concerns only that share of the cases."""
        mean = (self.short + self.hour + self.longer) / 3
        return Evidence(
            short=share * self.short + (1 - share) * mean,
            hour=share * self.hour + (1 - share) * mean,
            longer=share * self.longer + (1 - share) * mean,
        )


Presence = Literal["visible", "open", "gone"]

# Assumed, not measured: a person who comes back within minutes mostly still looks at the page.
SIGNS: Final[Mapping[Presence, Evidence]] = {
    "visible": Evidence(short=0.80, hour=0.35, longer=0.08),
    "open": Evidence(short=0.15, hour=0.40, longer=0.32),
    "gone": Evidence(short=0.05, hour=0.25, longer=0.60),
}
