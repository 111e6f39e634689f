"""The search tool is offered where its definition earns its place in every prompt, and stays until the next summary."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from context.cache.cache_state import FIRST_NEED, CacheState
from context.cache.idle_gaps import Gap
from context.models.pricing import Prices, PriceTable
from context.planning.tool_offer import offered, price_of_prefix
from context.recall.purchase import MODES, RecallMode
from context.request.tools import SEARCH

PRICES = PriceTable(
    model="m",
    steps=((0, Prices(input=100, output=500, cache_read=10, cache_write_5m=125, cache_write_1h=200)),),
)
MINUTE = 60_000


def state(*, need: float = FIRST_NEED, gap: int = MINUTE, summary: str | None = None) -> CacheState:
    """A cache state that was used twenty times, at such gaps."""
    gaps = tuple(Gap(ms=gap, tokens=50) for _ in range(20))
    return CacheState(
        model="m", window_ttl="5m", head_ttl="5m", uses=21, gaps=gaps, need=need, summary_id=summary
    )


def tools(
    cache_state: CacheState, summary: str | None = "s2", mode: RecallMode = "balanced"
) -> tuple[str, ...]:
    return offered((SEARCH,), cache_state, summary, tokens=480, prices=PRICES, mode=mode)


def test_it_is_offered_where_old_things_are_asked_for_often_enough() -> None:
    assert tools(state(need=0.2)) == (SEARCH,)
    assert tools(state(need=0.0)) == ()
    assert tools(state(need=FIRST_NEED)) == (), "a thread of which nothing is known"


def test_a_prefix_that_is_rarely_cached_makes_it_dear() -> None:
    assert price_of_prefix(state(gap=3_600_000), PRICES) > 3 * price_of_prefix(state(), PRICES)
    assert price_of_prefix(state(gap=300_000), PRICES) == price_of_prefix(state(), PRICES), "just alive"
    assert price_of_prefix(replace(state(), window_ttl="none", head_ttl="none"), PRICES) == 1.0
    assert tools(state(need=0.01)) == (SEARCH,)
    assert tools(state(need=0.01, gap=3_600_000)) == ()


def test_there_is_nothing_to_search_without_a_summary_and_nothing_to_offer_without_recall() -> None:
    assert tools(state(need=1.0), None) == ()
    assert offered((), state(need=1.0), "s2", tokens=0, prices=PRICES, mode="balanced") == ()
    assert tools(state(need=1.0), mode="off") == ()
    assert offered((SEARCH,), state(need=1.0), "s2", tokens=0, prices=PRICES, mode="off") == ()


@given(st.floats(0, 1), st.booleans(), st.sampled_from(MODES))
def test_between_two_summaries_it_stays_as_it_was(need: float, had: bool, mode: RecallMode) -> None:
    before = replace(state(need=need, summary="s2"), tools=(SEARCH,) if had else ())
    assert tools(before, "s2", mode) == before.tools
    again = CacheState.from_json(before.to_json())
    assert again == before
