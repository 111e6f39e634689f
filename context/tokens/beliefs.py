"""What a model is assumed to charge per feature before it has reported anything, and how sure that is.

A `Belief` is a normal distribution over the price list: a mean and a spread per feature, and a few shared causes that move
many prices together (a vocabulary that is poor in one foreign script is usually poor in the others). The numbers are
general knowledge of public tokenizers, rounded; spreads are wide where tokenizers differ widely.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Final

from context.tokens.features import NAMES, SCRIPTS

# Tokens per count: (mean, spread between tokenizers, noise: how far single texts stray from the price list, as a share).
PRICES: Final[dict[str, tuple[float, float, float]]] = {
    "word": (0.93, 0.06, 0.025),
    "glued_word": (0.85, 0.20, 0.05),
    "rare_piece": (0.55, 0.25, 0.1),
    "rare_word": (0.10, 0.20, 0.1),
    "accent": (0.35, 0.30, 0.1),
    "combining": (1.20, 0.60, 0.1),
    "digit": (0.35, 0.40, 0.025),
    "digit_group": (0.70, 0.60, 0.025),
    "spaced_number": (0.50, 0.40, 0.05),
    "sign_run": (0.90, 0.15, 0.05),
    "sign_extra": (0.10, 0.12, 0.15),
    "line_break": (0.75, 0.30, 0.05),
    "line_extra": (0.25, 0.30, 0.1),
    "space_run": (0.80, 0.40, 0.1),
    "space_extra": (0.02, 0.05, 0.25),
    "symbol": (1.00, 0.50, 0.15),
    "emoji": (2.20, 0.80, 0.1),
    "joiner": (1.00, 0.50, 0.1),
    "rest": (2.00, 1.00, 0.15),
    "message": (3.00, 1.50, 0.05),
    "request": (6.00, 4.00, 0.05),
    "greek": (0.60, 0.35, 0.05),
    "cyrillic": (0.40, 0.25, 0.05),
    "cyrillic_minor": (0.40, 0.50, 0.05),
    "armenian": (0.90, 0.60, 0.05),
    "hebrew": (0.70, 0.35, 0.05),
    "arabic": (0.50, 0.35, 0.05),
    "arabic_minor": (0.40, 0.50, 0.05),
    "devanagari": (0.70, 0.40, 0.05),
    "bengali": (1.00, 0.60, 0.05),
    "gurmukhi": (1.20, 0.70, 0.05),
    "gujarati": (1.20, 0.70, 0.05),
    "odia": (1.30, 0.80, 0.05),
    "tamil": (1.00, 0.60, 0.05),
    "telugu": (1.20, 0.70, 0.05),
    "kannada": (1.20, 0.70, 0.05),
    "malayalam": (1.20, 0.70, 0.05),
    "sinhala": (1.30, 0.80, 0.05),
    "thai": (0.80, 0.50, 0.05),
    "lao": (1.30, 0.80, 0.05),
    "myanmar": (1.20, 0.70, 0.05),
    "georgian": (1.00, 0.60, 0.05),
    "ethiopic": (2.00, 0.70, 0.05),
    "khmer": (1.50, 0.70, 0.05),
    "kana": (0.80, 0.35, 0.05),
    "han": (0.95, 0.40, 0.05),
    "hangul": (0.70, 0.40, 0.05),
    "token": (1.00, 0.00, 0.00),
}
# Causes shared by many prices: the share of each price's spread that the cause explains, and its sign.
CAUSES: Final[tuple[dict[str, float], ...]] = (
    # a vocabulary poor in languages other than English
    {name: 0.7 for name, *_ in SCRIPTS} | {"accent": 0.7, "rare_word": 0.5},
    # digits one by one, not in groups of three
    {"digit": 0.95, "digit_group": -0.9},
)


@dataclass(frozen=True, kw_only=True)  # without slots: `covariance` is cached
class Belief:
    """Means, own variances and shared causes, in the order of `NAMES`; noise is each feature's share of stray tokens.

    `grain`: stray tokens per square root of tokens, the scatter of short texts; `drift`: the share by which whole requests stray
    together, whatever they hold.
    """

    name: str
    mean: tuple[float, ...]
    variance: tuple[float, ...]
    causes: tuple[tuple[float, ...], ...]
    noise: tuple[float, ...]
    grain: float
    drift: float

    @cached_property
    def covariance(self) -> tuple[tuple[float, ...], ...]:
        """Of the prices of every two features."""
        features = range(len(self.mean))
        return tuple(
            tuple(
                sum(cause[i] * cause[j] for cause in self.causes) + (self.variance[i] if i == j else 0.0)
                for j in features
            )
            for i in features
        )


# (scale of all prices against the table, its spread, grain, drift). Anthropic's "Models overview" gives 3.4 characters a token up to
# Claude 4.6 and 2.5 from Opus 4.7 on, over all text; the table gives about 4.4 for English chat.
FAMILIES: Final[dict[str, tuple[float, float, float, float]]] = {
    "claude": (1.75, 0.25, 0.5, 0.01),
    "claude-4.6": (1.30, 0.20, 0.5, 0.01),
    "other": (1.00, 0.10, 0.5, 0.01),
    # Counted by the model's own tokenizer: what strays is where texts and template meet.
    "exact": (1.00, 0.00, 0.1, 0.002),
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
    scale, doubt, grain, drift = FAMILIES[family]
    rows = [PRICES[name] for name in NAMES]
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
        grain=grain,
        drift=drift,
    )
