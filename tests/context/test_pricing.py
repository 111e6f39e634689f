"""Prices, against the published table of the Claude API documentation ("Pricing", October 2026), not against the library that knows it."""

from decimal import Decimal

import pytest

from context.models.pricing import Prices, PriceTable, Usage, assumed, pico, price, price_table, usd

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


NOW = 1_795_000_000_000  # a day on which the table knows all current models


def known(model: str) -> PriceTable:
    found = price_table(model, now=NOW)
    assert found is not None
    return found


def test_assumed_prices_are_those_of_the_dearest_model_and_are_never_taken_for_known() -> None:
    haiku, opus = known("claude-haiku-5-5"), known("claude-opus-5-5")
    for tables in ([haiku, opus], [opus, haiku]):
        table = assumed("maker/new", tables)
        assert (table.model, table.steps, table.known) == ("maker/new", opus.steps, False)
    assert haiku.known
    assert opus.known


def test_where_nothing_is_priced_every_token_costs_the_same_and_nothing_is_known() -> None:
    table = assumed("maker/new", [])
    assert (table.model, table.known) == ("maker/new", False)
    assert [start for start, _ in table.steps] == [0]
    for usage in (
        Usage(input=7),
        Usage(output=7),
        Usage(cache_read=7),
        Usage(cache_write_5m=7),
        Usage(cache_write_1h=7),
    ):
        assert table.cost(usage) == 7, usage


def test_a_step_applies_to_all_tokens_of_a_longer_prompt_only() -> None:
    flat = Prices(input=1, output=2, cache_read=3, cache_write_5m=4, cache_write_1h=5)
    dear = Prices(input=10, output=20, cache_read=30, cache_write_5m=40, cache_write_1h=50)
    table = PriceTable(model="m", steps=((0, flat), (100, dear)))
    assert table.known
    assert [table.at(tokens) for tokens in (0, 1, 100, 101)] == [flat, flat, flat, dear]
    assert [table.dearer_above(tokens) for tokens in (0, 99, 100, 101)] == [100, 100, 100, None]
    assert table.dearer_above() == 100
    assert PriceTable(model="m", steps=((0, flat),)).dearer_above() is None
    each = Usage(input=1, output=1, cache_read=1, cache_write_5m=1, cache_write_1h=1)
    assert (flat.cost(each), table.cost(each)) == (15, 15)
    assert table.cost(Usage(input=101, output=1)) == 1_030
    assert (flat.write("5m"), flat.write("1h")) == (4, 5)


def test_a_price_table_is_that_of_the_day_and_has_every_step() -> None:
    assert price_table("no-such-model", now=NOW) is None
    steps = known("claude-haiku-5-5").steps
    assert [start for start, _ in steps] == [0, 100_000]
    assert [prices.input for _, prices in steps] == [100_000, 500_000]
    assert steps[1][1] == Prices(
        input=500_000, output=2_500_000, cache_read=50_000, cache_write_5m=625_000, cache_write_1h=1_000_000
    )
    assert price_table("gpt-4o", now=NOW) is None, "another provider's price is no price here"
    sonnet = known("claude-sonnet-5-5")
    assert sonnet.model == "claude-sonnet-5-5"
    million = sonnet.cost(Usage(output=MILLION))
    assert usd(million) == Decimal(10)


def test_money_is_exact_in_picodollars() -> None:
    assert (usd(1), pico(Decimal("0.000000000001"))) == (Decimal("0.000000000001"), 1)
    assert pico(usd(123_456_789_012_345)) == 123_456_789_012_345
    with pytest.raises(ValueError, match="no whole number of picodollars"):
        pico(Decimal("0.0000000000005"))
