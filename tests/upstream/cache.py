"""Prompt-cache accounting as upstream-facts 2.2 to 2.5 state it: pure, given the entries and the time.

A breakpoint writes one entry: the cumulative hash up to its block. A request reads the longest entry it can find by
walking back from each of its breakpoints, the last one first, over 20 positions counting the breakpoint itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tests.upstream.prompt import Block

LOOKBACK = 20
SECONDS = {"5m": 300.0, "1h": 3600.0}
RUNS = ("tool_use", "tool_result")
"""Consecutive blocks of one of these kinds count as one position."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A cached prefix. `last_start` is when the request that last wrote or read it started."""

    tokens: int
    ttl: str
    last_start: float

    def alive(self, now: float) -> bool:
        return now <= self.last_start + SECONDS[self.ttl]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What one prompt costs, and what it does to the cache. The four token counts add up to the prompt."""

    input: int
    read: int = 0
    write_5m: int = 0
    write_1h: int = 0
    refreshed: tuple[bytes, ...] = ()
    written: tuple[tuple[bytes, Entry], ...] = ()

    @property
    def total(self) -> int:
        return self.input + self.read + self.write_5m + self.write_1h


def account(blocks: Sequence[Block], entries: Mapping[bytes, Entry], *, now: float, least: int) -> Bill:
    """The bill of a prompt whose request starts at `now`; prefixes shorter than `least` tokens are not cached."""
    sizes = _cumulative(blocks)
    marks = [index for index, block in enumerate(blocks) if block.ttl is not None]
    hit = _longest_hit(blocks, marks, entries, now)
    read = 0 if hit is None else sizes[hit]
    writing = [index for index in marks if (hit is None or index > hit) and sizes[index] >= least]
    long = [sizes[index] for index in writing if blocks[index].ttl == "1h"]
    until_1h = long[-1] if long else read
    until_last = sizes[writing[-1]] if writing else until_1h
    return Bill(
        read=read,
        write_1h=until_1h - read,
        write_5m=until_last - until_1h,
        input=(sizes[-1] if sizes else 0) - until_last,
        refreshed=_refreshed(blocks, marks, hit, entries, now),
        written=tuple(
            (blocks[index].digest, Entry(tokens=sizes[index], ttl=blocks[index].ttl or "5m", last_start=now))
            for index in writing
        ),
    )


class PromptCache:
    """The entries of all workspaces and models; keys carry both."""

    def __init__(self) -> None:
        self.entries: dict[bytes, Entry] = {}
        self._writes = 0

    def open(self, blocks: Sequence[Block], *, now: float, least: int) -> Bill:
        """Account for a request that starts now; what it reads is refreshed at once."""
        bill = account(blocks, self.entries, now=now, least=least)
        for digest in bill.refreshed:
            entry = self.entries[digest]
            self.entries[digest] = replace(entry, last_start=max(entry.last_start, now))
        return bill

    def begin_response(self, bill: Bill, *, now: float) -> None:
        """From here on others can read what the request wrote."""
        for digest, entry in bill.written:
            known = self.entries.get(digest)
            if known is None or known.last_start <= entry.last_start:
                self.entries[digest] = entry
        self._writes += 1
        if self._writes % 500 == 0:
            self.entries = {digest: entry for digest, entry in self.entries.items() if entry.alive(now)}


def _cumulative(blocks: Sequence[Block]) -> list[int]:
    sizes: list[int] = []
    total = 0
    for block in blocks:
        total += block.tokens
        sizes.append(total)
    return sizes


def _longest_hit(
    blocks: Sequence[Block], marks: Sequence[int], entries: Mapping[bytes, Entry], now: float
) -> int | None:
    for mark in reversed(marks):
        for index in _walk_back(blocks, mark):
            entry = entries.get(blocks[index].digest)
            if entry is not None and entry.alive(now):
                return index
    return None


def _walk_back(blocks: Sequence[Block], mark: int) -> range:
    """The indices within the 20 positions of a breakpoint, nearest first."""
    positions = 1
    index = mark
    while index > 0:
        kind = blocks[index].kind
        same_run = kind in RUNS and blocks[index - 1].kind == kind
        if not same_run:
            positions += 1
        if positions > LOOKBACK:
            break
        index -= 1
    return range(mark, index - 1, -1)


def _refreshed(
    blocks: Sequence[Block], marks: Sequence[int], hit: int | None, entries: Mapping[bytes, Entry], now: float
) -> tuple[bytes, ...]:
    """The entry that was read, and those of breakpoints before it that this request still marks.

    Whether a long read also refreshes shorter unmarked entries is not established; here it does not.
    """
    if hit is None:
        return ()
    marked = [blocks[index].digest for index in marks if index < hit]
    alive = [digest for digest in marked if digest in entries and entries[digest].alive(now)]
    return (blocks[hit].digest, *alive)
