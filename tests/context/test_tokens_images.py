"""What an image costs."""

from __future__ import annotations

import pytest

from context.tokens.images import image_tokens


@pytest.mark.parametrize(
    ("width", "height", "model", "tokens"),
    [
        (28, 28, "claude-sonnet-5-5", 1),
        (29, 28, "claude-sonnet-5-5", 2),
        (1_000, 1_000, "claude-sonnet-5-5", 1_296),
        (8_000, 8_000, "claude-sonnet-5-5", 4_784),
        (8_000, 8_000, "claude-haiku-4-5", 1_568),
    ],
)
def test_an_image_costs_its_patches_up_to_the_models_ceiling(
    width: int, height: int, model: str, tokens: int
) -> None:
    assert image_tokens(width, height, model) == tokens


def test_an_image_without_pixels_is_refused() -> None:
    with pytest.raises(ValueError, match="0 x 10"):
        image_tokens(0, 10, "claude-sonnet-5-5")
