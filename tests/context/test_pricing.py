"""Prices, against the published table of the Claude API documentation ("Pricing", October 2026), not against the library that knows it."""

from decimal import Decimal

import pytest

from context.models.pricing import Usage, price

MILLION = 1_000_000


@pytest.mark.parametrize(
    ("model", "usage", "dollars"),
    [
        ("claude-sonnet-5-5", Usage(input=MILLION), "2"),
        ("claude-sonnet-5-5", Usage(output=MILLION), "10"),
        ("claude-sonnet-5-5", Usage(cache_write_5m=MILLION), "2.5"),
        ("claude-sonnet-5-5", Usage(cache_write_1h=MILLION), "4"),
        ("claude-opus-5-5", Usage(input=MILLION, output=MILLION), "24"),
        ("claude-opus-5-5", Usage(cache_read=MILLION), "0.2"),
        ("claude-opus-5-5", Usage(cache_write_5m=MILLION, cache_write_1h=MILLION), "13"),
        ("claude-haiku-5-5", Usage(input=100_000), "0.01"),
        ("claude-haiku-5-5", Usage(input=50_000, cache_read=50_000), "0.0055"),
        ("claude-haiku-5-5", Usage(input=200_000), "0.1"),
        ("claude-haiku-5-5", Usage(input=100, cache_read=200_000, output=1_000), "0.01255"),
        ("claude-haiku-4-5", Usage(input=MILLION, output=MILLION), "6"),
        ("claude-sonnet-5-5", Usage(), "0"),
    ],
)
def test_the_published_prices(model: str, usage: Usage, dollars: str) -> None:
    assert price(model, usage) == Decimal(dollars)


def test_thinking_is_priced_once_as_a_part_of_the_output() -> None:
    assert price("claude-opus-5-5", Usage(output=1_000, reasoning=900)) == Decimal("0.02")


def test_an_unknown_model_is_unpriced_and_not_free() -> None:
    assert price("no-such-model", Usage(input=1)) is None


def test_totals_count_every_kind_once() -> None:
    usage = Usage(
        input=1, cache_read=20, cache_write_5m=300, cache_write_1h=4_000, output=50_000, reasoning=9
    )
    assert usage.prompt == 4_321
    assert usage.total == 54_321
