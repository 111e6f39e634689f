"""A running turn's newest events in memory: bounded, and complete for every follower together with the store."""

import asyncio
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.api.event_stream import follow
from chat.stream.events import frame
from chat.stream.journal import TAIL_BYTES, TurnLog
from store import events
from store.local_user import LOCAL
from tests.palaver import Palaver


def payload(seq: int, letters: int) -> str:
    return f'{{"seq":{seq},"text":"{"x" * letters}"}}'


@given(
    sizes=st.lists(st.lists(st.integers(0, TAIL_BYTES), max_size=5), max_size=12), cursor=st.integers(0, 70)
)
def test_the_log_has_all_events_after_a_cursor_or_says_that_it_has_not(
    sizes: list[list[int]], cursor: int
) -> None:
    log, everything = TurnLog(), list[bytes]()
    for batch in sizes:
        frames = [b"x" * size for size in batch]
        log.extend(frames)
        everything += frames
        if frames:
            assert log.after(len(everything) - len(frames)) == frames, "what is new is always there"
    assert log.last == len(everything)
    found = log.after(cursor)
    if found is not None:
        assert found == everything[cursor:]
    elif sum(map(len, everything[cursor:])) <= TAIL_BYTES:
        raise AssertionError("the tail has room for these")


def test_a_long_answer_takes_no_more_memory_than_a_short_one() -> None:
    def grown(events: int) -> int:
        tracemalloc.start()
        try:
            log = TurnLog()
            for seq in range(1, events + 1):
                log.extend([frame(seq, payload(seq, 60))])
            return tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()

    short, long = grown(500), grown(20_000)
    assert long < short * 1.1


@pytest.mark.asyncio(loop_scope="module")
async def test_a_follower_who_is_far_behind_reads_the_store_and_misses_nothing(
    house: Palaver, thread: str
) -> None:
    turn = await house.chat(thread, "hello")
    first, log = turn["last_seq"] + 1, TurnLog()
    log.extend([b""] * turn["last_seq"])

    async def add(seqs: range) -> None:
        payloads = [payload(seq, 200) for seq in seqs]
        await events.append(house.deps.database, events.rows(turn["id"], seqs.start, payloads))
        log.extend([frame(seq, text) for seq, text in zip(seqs, payloads, strict=True)])

    for start in range(first, first + 900, 100):
        await add(range(start, start + 100))
    assert log.after(turn["last_seq"]) is None
    stream = follow(
        house.deps.database, LOCAL, turn["id"], turn["last_seq"], find_live=lambda: log, draining=asyncio.Event()
    )  # fmt: skip
    read = [await anext(stream), await anext(stream), await anext(stream)]
    await add(range(first + 900, first + 905))
    log.extend([], ended=True)
    read += [chunk async for chunk in stream]
    expected = b"".join(frame(seq, payload(seq, 200)) for seq in range(first, first + 905))
    assert b"".join(read[1:]) == expected
