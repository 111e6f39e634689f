"""Where marks stand and what they read, against the simulator's own accounting."""

from __future__ import annotations

from hashlib import sha256

from hypothesis import given, settings
from hypothesis import strategies as st

from context.cache.breakpoints import Mark, Position, forecast, may_stand, place
from context.cache.cache_state import Lane, Written
from tests.upstream.cache import Entry, account
from tests.upstream.prompt import Block

NOW = 1_000_000_000


def prompt(count: int, size: int = 100, kind: str = "text") -> list[Position]:
    return [
        Position(at=f"b{index}", key=f"k{index}", tokens=(index + 1) * size, kind=kind)
        for index in range(count)
    ]


def lane(*written: int, age: int = 0) -> Lane:
    return Lane(
        model="m",
        life="5m",
        written=tuple(
            Written(key=f"k{index}", tokens=(index + 1) * 100, ttl="5m", touched_at=NOW - age)
            for index in written
        ),
    )


def marks_of(positions: list[Position], its: Lane, *, ladder: int | None = None) -> list[int]:
    placed = place(
        positions,
        lane=its,
        now=NOW,
        system=0,
        ladder=ladder,
        newest=len(positions) - 1,
        life="5m",
        head_life="5m",
        minimum=50,
    )
    return [mark.index for mark in placed]


def test_system_ladder_last_written_and_newest_are_marked() -> None:
    assert marks_of(prompt(30), lane(20), ladder=2) == [0, 2, 20, 29]


def test_a_dead_entry_is_not_marked() -> None:
    assert marks_of(prompt(12), lane(8, age=400_000)) == [0, 11]


def test_a_turn_of_very_many_blocks_is_marked_on_the_way() -> None:
    assert marks_of(prompt(60), lane(10)) == [0, 10, 25, 59]


def test_no_mark_stands_on_a_thinking_or_empty_block() -> None:
    assert not may_stand(Position(at="x", key="k", tokens=1, kind="thinking"))
    assert not may_stand(Position(at="x", key="k", tokens=1, kind="empty"))


def test_an_hour_for_the_rest_means_an_hour_for_the_system_prompt() -> None:
    placed = place(
        prompt(5),
        lane=lane(),
        now=NOW,
        system=0,
        ladder=1,
        newest=4,
        life="1h",
        head_life="5m",
        minimum=50,
    )
    assert [mark.life for mark in placed] == ["1h", "1h", "1h"]


def test_without_the_last_written_mark_a_long_unused_lane_would_read_nothing() -> None:
    positions, its = prompt(60), lane(20)
    only_newest = forecast(positions, [Mark(index=59, life="5m")], lane=its, now=NOW, minimum=50)
    with_c = forecast(
        positions,
        [Mark(index=20, life="5m"), Mark(index=59, life="5m")],
        lane=its,
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
    its = lane(*(index for index in written if index < len(kinds)), age=age)
    ordered = sorted(index for index in marked if index < len(kinds))
    marks = [Mark(index=index, life="1h" if number < long else "5m") for number, index in enumerate(ordered)]
    lives = {mark.index: str(mark.life) for mark in marks}
    blocks = [
        Block(
            level="messages",
            kind=kind,
            place=str(index),
            tokens=100,
            ttl=lives.get(index),
            digest=sha256(f"k{index}".encode()).digest(),
            plain=b"",
        )
        for index, kind in enumerate(kinds)
    ]
    entries = {
        sha256(one.key.encode()).digest(): Entry(
            tokens=one.tokens, ttl="5m", last_start=one.touched_at / 1000
        )
        for one in its.written
    }
    bill = account(blocks, entries, now=NOW / 1000, least=550)
    foreseen = forecast(positions, marks, lane=its, now=NOW, minimum=550).usage
    assert (foreseen.cache_read, foreseen.cache_write_5m, foreseen.cache_write_1h, foreseen.input) == (
        bill.read,
        bill.write_5m,
        bill.write_1h,
        bill.input,
    )
