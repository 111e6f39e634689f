"""What an image costs: a formula of its size."""

from __future__ import annotations

from math import ceil
from typing import Final

from context.tokens.beliefs import family_of

PATCH: Final = 28  # pixels; one token per started patch
MOST: Final = {"claude": 4_784, "claude-4.6": 1_568, "other": 1_568}  # larger images are scaled down to this


def image_tokens(width: int, height: int, model: str) -> int:
    """Input tokens of one image of this many pixels; the vendor scales larger ones down, so the price has a ceiling."""
    if width < 1 or height < 1:
        raise ValueError(f"an image of {width} x {height} pixels")
    return min(ceil(width / PATCH) * ceil(height / PATCH), MOST[family_of(model)])
