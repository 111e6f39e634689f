"""What a model is assumed to charge per feature before it has reported anything, and how sure that is.

A `Belief` is a normal distribution over the price list: a mean and a spread per feature, and a few shared causes that move
many prices together (a vocabulary that is poor in one foreign script is usually poor in the others). The numbers are
general knowledge of public tokenizers, rounded; spreads are wide where tokenizers differ widely.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from context.tokens.features import NAMES, SCRIPTS

# Tokens per count: (mean, spread between tokenizers, noise: how far single texts stray from the price list, as a share).
PRICES: Final[dict[str, tuple[float, float, float]]] = {
    "word": (0.93, 0.06, 0.05),
    "glued_word": (0.85, 0.20, 0.10),
    "english_extra": (0.50, 0.25, 0.20),
    "world_extra": (0.10, 0.20, 0.20),
    "accented": (0.35, 0.30, 0.20),
    "vietnamese": (0.40, 0.50, 0.20),
    "combining": (1.20, 0.60, 0.20),
    "digit": (0.35, 0.40, 0.05),
    "digit_group": (0.70, 0.60, 0.05),
    "spaced_number": (0.50, 0.40, 0.10),
    "sign_run": (0.90, 0.15, 0.10),
    "sign_extra": (0.10, 0.12, 0.30),
    "line_break": (0.75, 0.30, 0.10),
    "line_extra": (0.25, 0.30, 0.20),
    "space_run": (0.80, 0.40, 0.20),
    "space_extra": (0.02, 0.05, 0.50),
    "symbol": (1.00, 0.50, 0.30),
    "emoji": (2.20, 0.80, 0.20),
    "joiner": (1.00, 0.50, 0.20),
    "rest": (2.00, 1.00, 0.30),
    "message": (3.00, 1.50, 0.10),
    "request": (6.00, 4.00, 0.10),
    "thai": (0.90, 0.60, 0.15),
    "lao": (1.30, 0.80, 0.15),
    "myanmar": (1.20, 0.70, 0.15),
    "khmer": (1.40, 0.80, 0.15),
    "kana": (0.80, 0.35, 0.15),
    "han": (1.00, 0.40, 0.12),
    "gurmukhi": (1.20, 0.70, 0.15),
    "odia": (1.30, 0.80, 0.15),
    "sinhala": (1.30, 0.80, 0.15),
    "hangul": (0.50, 0.40, 0.12),
}
# Scripts written in words: letters stand for the bytes, pieces for how common the words are.
LETTERS: Final = (0.45, 0.45, 0.12)
PIECES: Final = (0.60, 0.45, 0.12)

# Causes shared by many prices: the share of each price's spread that the cause explains, and its sign.
CAUSES: Final[tuple[dict[str, float], ...]] = (
    # a vocabulary poor in languages other than English
    {name: 0.6 for name, *_ in SCRIPTS}
    | {f"{name}_pieces": 0.3 for name, *_, pieces in SCRIPTS if pieces}
    | {"accented": 0.7, "world_extra": 0.5, "vietnamese": 0.6},
    # digits one by one, not in groups of three
    {"digit": 0.95, "digit_group": -0.9},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """Means, own variances and shared causes, in the order of `NAMES`; noise is each feature's share of stray tokens."""

    name: str
    mean: tuple[float, ...]
    variance: tuple[float, ...]
    causes: tuple[tuple[float, ...], ...]
    noise: tuple[float, ...]

    def covariance(self, i: int, j: int) -> float:
        """Of the prices of features `i` and `j`."""
        shared = sum(cause[i] * cause[j] for cause in self.causes)
        return shared + self.variance[i] if i == j else shared


# (scale of all prices against the table, its spread). Vendor's documentation, in `upstream-facts`: 3.4 characters a token
# up to Claude 4.6 and 2.5 from Opus 4.7 on, over all text; the table gives about 4.4 for English chat.
FAMILIES: Final[dict[str, tuple[float, float]]] = {
    "claude": (1.75, 0.25),
    "claude-4.6": (1.30, 0.20),
    "other": (1.00, 0.10),
}
_OLDER_CLAUDE: Final = re.compile(r"claude-(?:[123]|instant|opus-4-[0-6]\b|sonnet-4|haiku-4|opus-4-2)")


def family_of(model: str) -> str:
    """Which starting belief fits a model id; regions and vendors' prefixes do not matter."""
    if "claude" not in model:
        return "other"
    return "claude-4.6" if _OLDER_CLAUDE.search(model) else "claude"


@cache
def belief(family: str) -> Belief:
    """The starting belief of a family. KeyError for one that does not exist."""
    scale, doubt = FAMILIES[family]
    rows = [_row(name) for name in NAMES]
    explained = [sum(cause.get(name, 0.0) ** 2 for cause in CAUSES) for name in NAMES]
    return Belief(
        name=family,
        mean=tuple(scale * mean for mean, _, _ in rows),
        variance=tuple(
            (scale * spread) ** 2 * max(0.05, 1.0 - share)
            for (_, spread, _), share in zip(rows, explained, strict=True)
        ),
        causes=(
            *(
                tuple(
                    scale * spread * cause.get(name, 0.0)
                    for name, (_, spread, _) in zip(NAMES, rows, strict=True)
                )
                for cause in CAUSES
            ),
            tuple(doubt * mean for mean, _, _ in rows),
        ),
        noise=tuple(scale * mean * noise for mean, _, noise in rows),
    )


def _row(name: str) -> tuple[float, float, float]:
    if name in PRICES:
        return PRICES[name]
    return PIECES if name.endswith("_pieces") else LETTERS
