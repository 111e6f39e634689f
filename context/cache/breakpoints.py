"""Where the cache marks stand, and what the request will read and write (context economics, sections 2 and 3).

A: end of the system prompt. B: end of the summary, so that an edit deep in the window still finds it. C: the last position this cache state
wrote, so that a cache state unused for long still finds its prefix. D: the new user text. At most four; longer lives stand first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from context.cache.cache_state import CacheState, CacheTtl, Written
from context.models.pricing import Usage

MOST: Final = 4
LOOKBACK: Final = 20  # positions a read looks back from a mark, the mark itself being the first
STRIDE: Final = 15  # blocks between marks where one turn adds very many


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """One block of the prompt: its name for a mark, the key of everything up to it, and how many tokens that is.

    `kind` matters only for runs of tool blocks, which count as one position; an empty or a thinking block is no position at
    which a mark may stand.
    """

    at: str
    key: str
    tokens: int
    kind: str = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedBreakpoint:
    """A mark at a position of the prompt (an index)."""

    index: int
    ttl: CacheTtl


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What the provider is expected to bill for the prompt. `read` is the entry it will find, `read_at` the index of its position."""

    usage: Usage
    read: Written | None
    read_at: int | None = None


def place(
    positions: Sequence[Position],
    *,
    cache_state: CacheState,
    now: int,
    system: int | None,
    summary: int | None,
    newest: int,
    ttl: CacheTtl,
    head_ttl: CacheTtl,
    minimum: int,
    tail: bool = True,
) -> tuple[PlacedBreakpoint, ...]:
    """The marks of a request. `system`, `summary` and `newest` are indices of the blocks A, B and D stand on.

    `head_ttl` is for A and B, `ttl` for C and D. `tail` False leaves C and D away: what follows the summary is not going to be
    sent again as it is.
    """
    cache_breakpoints: dict[int, CacheTtl] = {}
    if head_ttl != "none":
        for index in (system, summary):
            if index is not None and positions[index].tokens >= minimum:
                cache_breakpoints[index] = "1h" if ttl == "1h" else head_ttl
    if ttl != "none" and tail:
        cache_breakpoints[newest] = ttl
        last = last_written(positions[: newest + 1], cache_state, now)
        if last is not None and last not in cache_breakpoints:
            inside = last <= (summary if summary is not None else system if system is not None else -1)
            cache_breakpoints[last] = "1h" if ttl == "1h" or (inside and head_ttl == "1h") else ttl
        behind = max((index for index in cache_breakpoints if index < newest), default=-1)
        for index in range(behind + STRIDE, newest, STRIDE):
            if len(cache_breakpoints) < MOST and newest - behind > STRIDE + 3 and may_stand(positions[index]):
                cache_breakpoints[index] = ttl
    return tuple(PlacedBreakpoint(index=index, ttl=one) for index, one in sorted(cache_breakpoints.items()))


def may_stand(position: Position) -> bool:
    """Whether a mark is allowed on that kind of block."""
    return position.kind not in ("thinking", "redacted_thinking", "empty")


def last_written(positions: Sequence[Position], cache_state: CacheState, now: int) -> int | None:
    """The deepest position of this prompt that the cache state wrote and that still lives: mark C."""
    alive = {entry.key for entry in cache_state.written if entry.alive(now)}
    return next((index for index in range(len(positions) - 1, -1, -1) if positions[index].key in alive), None)


def look_back(positions: Sequence[Position], cache_breakpoint: int) -> range:
    """The indices a read tests for a mark, nearest first: 20 positions, a run of tool blocks being one."""
    index, seen = cache_breakpoint, 1
    while index > 0:
        kind = positions[index].kind
        if not (kind in ("tool_use", "tool_result") and positions[index - 1].kind == kind):
            seen += 1
        if seen > LOOKBACK:
            break
        index -= 1
    return range(cache_breakpoint, index - 1, -1)


def forecast(
    positions: Sequence[Position],
    cache_breakpoints: Sequence[PlacedBreakpoint],
    *,
    cache_state: CacheState,
    now: int,
    minimum: int,
    shared_system: int | None = None,
) -> Forecast:
    """What will be read, written and paid in full (upstream facts 2.4).

    `shared_system` is the index of the system block when other threads keep it warm.
    """
    alive = {entry.key: entry for entry in cache_state.written if entry.alive(now)}
    found = next(
        (
            index
            for cache_breakpoint in reversed(cache_breakpoints)
            for index in look_back(positions, cache_breakpoint.index)
            if positions[index].key in alive or index == shared_system
        ),
        None,
    )
    entry = None if found is None else alive.get(positions[found].key)
    read = 0 if found is None else positions[found].tokens
    writing = [
        cache_breakpoint
        for cache_breakpoint in cache_breakpoints
        if (found is None or cache_breakpoint.index > found)
        and positions[cache_breakpoint.index].tokens >= minimum
    ]
    long = max(
        (
            positions[cache_breakpoint.index].tokens
            for cache_breakpoint in writing
            if cache_breakpoint.ttl == "1h"
        ),
        default=read,
    )
    end = positions[writing[-1].index].tokens if writing else long
    total = positions[-1].tokens
    usage = Usage(
        input=total - end, cache_read=read, cache_write_1h=long - read, cache_write_5m=max(0, end - long)
    )
    return Forecast(usage=usage, read=entry, read_at=found)
