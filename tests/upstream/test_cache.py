"""Cache accounting: the worked examples of upstream-facts 2.2 and 2.4, then properties over random prompts."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.upstream.cache import Bill, PromptCache, account
from tests.upstream.prompt import Block

NOW = 1_000.0


def prompt(
    count: int, marks: dict[int, str] | None = None, *, tokens: int = 100, kinds: str = ""
) -> list[Block]:
    """Blocks numbered from 1, as the documentation numbers them; `kinds` may say u(se) or r(esult) per block."""
    names = {"u": "tool_use", "r": "tool_result"}
    marks = marks or {}
    return [
        Block(
            level="messages",
            kind=names.get(kinds[number - 1 : number], "text"),
            place=f"block {number}",
            tokens=tokens,
            ttl=marks.get(number),
            digest=str(number).encode(),
            plain=b"",
        )
        for number in range(1, count + 1)
    ]


def ask(cache: PromptCache, blocks: list[Block], now: float = NOW, least: int = 512) -> Bill:
    bill = cache.open(blocks, now=now, least=least)
    cache.begin_response(bill, now=now)
    return bill


def test_a_breakpoint_20_blocks_later_misses_and_19_later_hits() -> None:
    cache = PromptCache()
    ask(cache, prompt(15, {15: "5m"}))
    assert account(prompt(35, {35: "5m"}), cache.entries, now=NOW, least=512).read == 0
    assert account(prompt(34, {34: "5m"}), cache.entries, now=NOW, least=512).read == 1500


def test_a_miss_continues_with_the_window_of_the_breakpoint_before() -> None:
    cache = PromptCache()
    ask(cache, prompt(15, {15: "5m"}))
    bill = ask(cache, prompt(60, {20: "5m", 60: "5m"}))
    assert (bill.read, bill.write_5m, bill.input) == (1500, 4500, 0)


def test_a_run_of_tool_calls_counts_as_one_position() -> None:
    cache = PromptCache()
    ask(cache, prompt(15, {15: "5m"}))
    calls = prompt(60, {60: "5m"}, kinds="t" * 20 + "u" * 20 + "r" * 15 + "t" * 5)
    assert account(calls, cache.entries, now=NOW, least=512).read == 1500


def test_nothing_is_written_where_no_breakpoint_stands() -> None:
    cache = PromptCache()
    ask(cache, prompt(10, {10: "5m"}))
    assert account(prompt(9, {9: "5m"}), cache.entries, now=NOW, least=512).read == 0


def test_an_unmarked_block_still_hits_the_entry_written_there() -> None:
    cache = PromptCache()
    ask(cache, prompt(10, {10: "5m"}))
    bill = ask(cache, prompt(12, {12: "5m"}))
    assert (bill.read, bill.write_5m, bill.input) == (1000, 200, 0)


def test_mixed_lifetimes_are_billed_by_the_positions_a_b_c() -> None:
    cache = PromptCache()
    ask(cache, prompt(10, {10: "1h"}))
    bill = ask(cache, prompt(40, {10: "1h", 25: "1h", 35: "5m"}))
    assert (bill.read, bill.write_1h, bill.write_5m, bill.input) == (1000, 1500, 1000, 500)


def test_without_a_hit_everything_up_to_the_last_breakpoint_is_written() -> None:
    bill = ask(PromptCache(), prompt(40, {10: "1h", 35: "5m"}))
    assert (bill.read, bill.write_1h, bill.write_5m, bill.input) == (0, 1000, 2500, 500)


def test_short_prefixes_are_silently_not_cached() -> None:
    cache = PromptCache()
    bill = ask(cache, prompt(5, {5: "5m"}), least=512)
    assert (bill.input, cache.entries) == (500, {})


def test_the_minimum_applies_to_each_breakpoint() -> None:
    cache = PromptCache()
    bill = ask(cache, prompt(10, {3: "1h", 10: "5m"}), least=512)
    assert (bill.write_1h, bill.write_5m, len(cache.entries)) == (0, 1000, 1)


def test_an_entry_is_invisible_until_the_response_of_its_writer_begins() -> None:
    cache = PromptCache()
    first = cache.open(prompt(10, {10: "5m"}), now=NOW, least=512)
    second = cache.open(prompt(10, {10: "5m"}), now=NOW, least=512)
    cache.begin_response(first, now=NOW + 2)
    third = cache.open(prompt(10, {10: "5m"}), now=NOW + 2, least=512)
    assert [bill.write_5m for bill in (first, second, third)] == [1000, 1000, 0]
    assert third.read == 1000


def test_life_counts_from_the_start_of_the_request_not_from_its_response() -> None:
    cache = PromptCache()
    bill = cache.open(prompt(10, {10: "5m"}), now=NOW, least=512)
    cache.begin_response(bill, now=NOW + 240)
    assert account(prompt(10, {10: "5m"}), cache.entries, now=NOW + 300, least=512).read == 1000
    assert account(prompt(10, {10: "5m"}), cache.entries, now=NOW + 301, least=512).read == 0


def test_a_read_refreshes_its_entry_free_of_charge() -> None:
    cache = PromptCache()
    ask(cache, prompt(10, {10: "5m"}))
    for minute in range(4, 40, 4):
        assert ask(cache, prompt(10, {10: "5m"}), now=NOW + 60 * minute).read == 1000


def test_a_long_read_keeps_a_shorter_entry_only_where_it_is_still_marked() -> None:
    cache = PromptCache()
    ask(cache, prompt(30, {10: "5m", 20: "5m", 30: "5m"}))
    ask(cache, prompt(30, {10: "5m", 30: "5m"}), now=NOW + 200)
    alive = {int(digest) for digest, entry in cache.entries.items() if entry.alive(NOW + 400)}
    assert alive == {10, 30}


def test_a_one_hour_entry_outlives_five_minutes() -> None:
    cache = PromptCache()
    ask(cache, prompt(10, {10: "1h"}))
    assert ask(cache, prompt(10, {10: "1h"}), now=NOW + 3600).read == 1000
    assert ask(cache, prompt(10, {10: "1h"}), now=NOW + 7201).read == 0


KINDS = st.sampled_from(["text", "tool_use", "tool_result"])
POSITIONS = st.lists(st.tuples(st.integers(0, 900), KINDS), min_size=1, max_size=45)
PAUSES = st.sampled_from([0.0, 1.0, 299.0, 301.0, 3601.0])


@st.composite
def conversations(draw: st.DrawFn) -> list[tuple[float, list[Block]]]:
    """Requests over prefixes of one conversation, rewritten now and then, with up to four legal marks each."""
    requests = []
    now = NOW
    positions = draw(POSITIONS)
    for pause in draw(st.lists(PAUSES, min_size=1, max_size=6)):
        now += pause
        if draw(st.booleans()):
            positions = positions + draw(POSITIONS)[:10]
        elif draw(st.booleans()):
            positions = draw(POSITIONS)
        places = sorted(draw(st.sets(st.integers(0, len(positions) - 1), max_size=4)))
        hours = draw(st.integers(0, len(places)))
        ttls = {place: "1h" if rank < hours else "5m" for rank, place in enumerate(places)}
        running = hashlib.sha256()
        blocks = []
        for place, (size, kind) in enumerate(positions):
            running.update(f"{place}:{size}:{kind}".encode())
            blocks.append(
                Block(
                    level="messages",
                    kind=kind,
                    place=str(place),
                    tokens=size,
                    ttl=ttls.get(place),
                    digest=running.digest(),
                    plain=b"",
                )
            )
        requests.append((now, blocks))
    return requests


@given(conversations(), st.sampled_from([512, 1024, 4096]))
def test_the_billed_kinds_add_up_to_the_prompt(requests: list[tuple[float, list[Block]]], least: int) -> None:
    cache = PromptCache()
    for now, blocks in requests:
        bill = ask(cache, blocks, now=now, least=least)
        assert bill.total == sum(block.tokens for block in blocks)
        assert min(bill.input, bill.read, bill.write_5m, bill.write_1h) >= 0
        assert all(entry.tokens >= least for entry in cache.entries.values())


@given(conversations())
def test_the_same_request_again_at_once_writes_nothing(requests: list[tuple[float, list[Block]]]) -> None:
    cache = PromptCache()
    for now, blocks in requests:
        first = ask(cache, blocks, now=now)
        again = ask(cache, blocks, now=now)
        assert again.write_5m == again.write_1h == 0
        assert again.read >= first.read
        assert again.input == first.input


@given(conversations())
def test_nothing_is_read_that_no_living_entry_holds(requests: list[tuple[float, list[Block]]]) -> None:
    cache = PromptCache()
    for now, blocks in requests:
        living = {entry.tokens for entry in cache.entries.values() if entry.alive(now)}
        bill = ask(cache, blocks, now=now)
        assert bill.read == 0 or bill.read in living


@given(conversations())
def test_without_marks_nothing_is_cached(requests: list[tuple[float, list[Block]]]) -> None:
    cache = PromptCache()
    for now, blocks in requests:
        bare = [replace(block, ttl=None) for block in blocks]
        assert ask(cache, bare, now=now).input == sum(block.tokens for block in blocks)
    assert cache.entries == {}
