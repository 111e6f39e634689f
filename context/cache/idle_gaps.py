"""The pauses between turns as they were, and what the interface can tell of the present one (context economics, sections 5 and 7)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["short", "long"]
LINE: Final = 300_000  # milliseconds: shorter is one kind of gap, longer the other
HOUR: Final = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A pause between two uses of a cache state, and the tokens that arrived on the thread meanwhile."""

    ms: int
    tokens: int


def kind_of(ms: int) -> Kind:
    return "short" if ms < LINE else "long"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """How much the present signs (a tab visible, open, gone) speak for each length of the present pause.

    Factors P(sign | pause shorter than 5 minutes), P(sign | shorter than an hour), P(sign | longer): section 7.
    """

    short: float = 1.0
    hour: float = 1.0
    longer: float = 1.0

    def weight(self, ms: int) -> float:
        return self.short if ms < LINE else self.hour if ms < HOUR else self.longer

    def diluted(self, share: float) -> "Evidence":
        """The same evidence when it concerns only that share of the cases."""
        mean = (self.short + self.hour + self.longer) / 3
        return Evidence(
            short=share * self.short + (1 - share) * mean,
            hour=share * self.hour + (1 - share) * mean,
            longer=share * self.longer + (1 - share) * mean,
        )


Presence = Literal["visible", "open", "gone"]

# Chances of each sign given the pause: a person who comes back within minutes mostly still looks at the page.
SIGNS: Final[Mapping[Presence, Evidence]] = {
    "visible": Evidence(short=0.80, hour=0.35, longer=0.08),
    "open": Evidence(short=0.15, hour=0.40, longer=0.32),
    "gone": Evidence(short=0.05, hour=0.25, longer=0.60),
}
