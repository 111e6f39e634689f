"""Where marks stand and what they read, against the simulator's own accounting."""

from __future__ import annotations

from hashlib import sha256

from hypothesis import given, settings
from hypothesis import strategies as st

from context.cache.breakpoints import PlacedBreakpoint, forecast, may_stand, place
from context.cache.cache_state import CacheState, CacheTtl, Ttls, Written
from context.cache.positions import Layout, Position
from tests.upstream.cache import Entry, account
from tests.upstream.prompt import Block

NOW = 1_000_000_000


def prompt(count: int, size: int = 100, kind: str = "text") -> list[Position]:
    return [
        Position(at=f"b{index}", key=f"k{index}", tokens=(index + 1) * size, kind=kind)
        for index in range(count)
    ]


def cache_state(*written: int, age: int = 0) -> CacheState:
    return CacheState(
        model="m",
        window_ttl="5m",
        written=tuple(
            Written(key=f"k{index}", tokens=(index + 1) * 100, ttl="5m", touched_at=NOW - age)
            for index in written
        ),
    )


def marks_of(positions: list[Position], state: CacheState, *, summary: int | None = None) -> list[int]:
    placed = place(
        Layout(positions=positions, head=summary or 0, newest=len(positions) - 1),
        ttls=Ttls(head="5m", window="5m"),
        cache_state=state,
        now=NOW,
        minimum=50,
    )
    return [cache_breakpoint.index for cache_breakpoint in placed]


def test_system_ladder_last_written_and_newest_are_marked() -> None:
    assert marks_of(prompt(30), cache_state(20), summary=2) == [0, 2, 20, 29]


def test_what_is_left_of_the_marks_stands_where_the_next_compactions_change_nothing() -> None:
    def placed(
        *lasting: int, window: bool = True, ttl: CacheTtl = "5m", head: CacheTtl = "5m"
    ) -> list[tuple[int, str]]:
        marks = place(
            Layout(positions=prompt(20), head=6, newest=19),
            ttls=Ttls(head=head, window=ttl),
            cache_state=cache_state(15),
            now=NOW,
            minimum=250,
            window=window,
            lasting=lasting,
        )
        return [(mark.index, mark.ttl) for mark in marks]

    assert placed(4) == [(4, "5m"), (6, "5m"), (15, "5m"), (19, "5m")], "the system prompt is too short here"
    assert placed(4, 2, window=False) == [(2, "5m"), (4, "5m"), (6, "5m")]
    assert placed(5, 4, 3, 2, window=False) == [(3, "5m"), (4, "5m"), (5, "5m"), (6, "5m")], "four at most"
    assert placed(4, 4, 0, 6, 9, 1, window=False) == [(4, "5m"), (6, "5m")], (
        "inside the summary, and long enough"
    )
    assert placed(4, ttl="none", head="1h") == [(4, "1h"), (6, "1h")]
    assert placed(4, ttl="none", head="none") == []


def test_a_dead_entry_is_not_marked() -> None:
    assert marks_of(prompt(12), cache_state(8, age=400_000)) == [0, 11]


def test_a_turn_of_very_many_blocks_is_marked_on_the_way() -> None:
    assert marks_of(prompt(60), cache_state(10)) == [0, 10, 25, 59]


def test_no_mark_stands_on_a_thinking_or_empty_block() -> None:
    assert not may_stand(Position(at="x", key="k", tokens=1, kind="thinking"))
    assert not may_stand(Position(at="x", key="k", tokens=1, kind="empty"))


def test_an_hour_for_the_rest_means_an_hour_for_the_system_prompt() -> None:
    placed = place(
        Layout(positions=prompt(5), head=1, newest=4),
        ttls=Ttls(head="5m", window="1h"),
        cache_state=cache_state(),
        now=NOW,
        minimum=50,
    )
    assert [cache_breakpoint.ttl for cache_breakpoint in placed] == ["1h", "1h", "1h"]


def test_without_the_last_written_mark_a_long_unused_lane_would_read_nothing() -> None:
    positions, state = prompt(60), cache_state(20)
    only_newest = forecast(
        positions, [PlacedBreakpoint(index=59, ttl="5m")], cache_state=state, now=NOW, minimum=50
    )
    with_c = forecast(
        positions,
        [PlacedBreakpoint(index=20, ttl="5m"), PlacedBreakpoint(index=59, ttl="5m")],
        cache_state=state,
        now=NOW,
        minimum=50,
    )
    assert only_newest.usage.cache_read == 0
    assert with_c.usage.cache_read == 2_100


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(["text", "tool_use", "tool_result"]), min_size=1, max_size=70),
    st.sets(st.integers(0, 69), max_size=6),
    st.sets(st.integers(0, 69), min_size=1, max_size=4),
    st.integers(0, 4),
    st.integers(0, 600_000),
)
def test_the_forecast_is_the_simulators_bill(
    kinds: list[str], written: set[int], marked: set[int], long: int, age: int
) -> None:
    positions = [
        Position(at=f"b{index}", key=f"k{index}", tokens=(index + 1) * 100, kind=kind)
        for index, kind in enumerate(kinds)
    ]
    state = cache_state(*(index for index in written if index < len(kinds)), age=age)
    ordered = sorted(index for index in marked if index < len(kinds))
    cache_breakpoints = [
        PlacedBreakpoint(index=index, ttl="1h" if number < long else "5m")
        for number, index in enumerate(ordered)
    ]
    ttls = {cache_breakpoint.index: str(cache_breakpoint.ttl) for cache_breakpoint in cache_breakpoints}
    blocks = [
        Block(
            level="messages",
            kind=kind,
            place=str(index),
            tokens=100,
            ttl=ttls.get(index),
            digest=sha256(f"k{index}".encode()).digest(),
            plain=b"",
        )
        for index, kind in enumerate(kinds)
    ]
    entries = {
        sha256(entry.key.encode()).digest(): Entry(
            tokens=entry.tokens, ttl="5m", last_start=entry.touched_at / 1000
        )
        for entry in state.written
    }
    bill = account(blocks, entries, now=NOW / 1000, least=550)
    expected = forecast(positions, cache_breakpoints, cache_state=state, now=NOW, minimum=550).usage
    assert (expected.cache_read, expected.cache_write_5m, expected.cache_write_1h, expected.input) == (
        bill.read,
        bill.write_5m,
        bill.write_1h,
        bill.input,
    )
