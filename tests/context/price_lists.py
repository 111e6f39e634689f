"""Price tables of other times, for property tests."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from context.models.pricing import Prices, PriceTable
from tests.context.plan_inputs import CHEAP, MID, TOP, todays

Tables = Callable[[str], PriceTable]


@st.composite
def price_lists(draw: st.DrawFn) -> Tables:
    """Other times, other prices: every model's own, in proportions no list ever had, some with a step."""

    def prices(times: int) -> Prices:
        base = draw(st.integers(10_000, 40_000_000)) * times
        return Prices(
            input=base,
            output=base * draw(st.integers(1, 12)),
            cache_read=base * draw(st.integers(0, 90)) // 100,
            cache_write_5m=base * draw(st.integers(100, 200)) // 100,
            cache_write_1h=base * draw(st.integers(100, 400)) // 100,
        )

    def table(model: str) -> PriceTable:
        step = draw(st.sampled_from([None, 3_000, 100_000]))
        steps = ((0, prices(1)),) if step is None else ((0, prices(1)), (step, prices(5)))
        return PriceTable(model=model, steps=steps)

    tables = {model: table(model) for model in (CHEAP, MID, TOP)}
    return tables.__getitem__


TABLES = st.one_of(st.just(todays), price_lists())
