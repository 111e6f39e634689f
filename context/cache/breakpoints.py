"""Where the cache breakpoints of a request stand, and what it is expected to read from and write into the prompt cache.

The provider's rules (Claude API documentation, "Prompt caching"): the key of an entry is the exact prefix (tools, system, messages);
an entry is written only at a breakpoint; a read looks, from each breakpoint back, for the nearest position that was written, among 20
positions with the breakpoint's own; at most four breakpoints, those of an hour before those of five minutes; a prefix shorter
than the model's minimum is silently not cached.

So these are marked: the end of the system prompt; the end of the summary, so that an edit deep in the window still finds it; the last
position this cache state wrote, so that one unused for long still finds its prefix; and the new user text. What is left of the four marks
the part of the summary that the next compactions leave as it is: without it, one that merges segments makes the whole summary be written again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from context.cache.cache_state import CacheState, CacheTtl, Ttls, Written
from context.cache.positions import Layout, Position
from context.models.pricing import Usage

MOST: Final = 4
LOOKBACK: Final = 20  # positions a read looks back from a breakpoint, the breakpoint itself being the first
STRIDE: Final = 15  # blocks between breakpoints where one turn adds very many


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedBreakpoint:
    """A breakpoint at a position of the prompt (an index)."""

    index: int
    ttl: CacheTtl


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What the provider is expected to bill for the prompt. `read` is the entry it will find, `read_at` the index of its position.

    `read_error`: how far the tokens read may be off; all of them where the entry may be too short to have been cached.
    """

    usage: Usage
    read: Written | None
    read_at: int | None = None
    read_error: int = 0


def place(
    layout: Layout,
    *,
    ttls: Ttls,
    cache_state: CacheState,
    now: int,
    minimum: int,
    window: bool = True,
    lasting: Sequence[int] = (),
) -> tuple[PlacedBreakpoint, ...]:
    """The breakpoints of a request. `minimum`: shortest prefix in tokens that the model caches. `lasting`: after how many segments of the
    summary the next compactions change nothing, the next one's first; what is left of the four stands there.

    Without `window` only system prompt and summary are marked: what follows them is not going to be sent again as it is.
    """
    positions, newest, ttl = layout.positions, layout.newest, ttls.window
    placed: dict[int, CacheTtl] = {}
    head_ttl = "1h" if ttl == "1h" else ttls.head  # an hour may not stand behind five minutes
    if ttls.head != "none":
        placed |= {index: head_ttl for index in (0, layout.head) if positions[index].may_reach(minimum)}
    if ttl != "none" and window:
        placed[newest] = ttl
        last = last_written(positions[: newest + 1], cache_state, now)
        if last is not None and last not in placed:
            placed[last] = "1h" if ttl == "1h" or (last <= layout.head and ttls.head == "1h") else ttl
        before = max((index for index in placed if index < newest), default=-1)
        for index in range(before + STRIDE, newest, STRIDE):
            if len(placed) < MOST and newest - before > STRIDE + 3 and may_stand(positions[index]):
                placed[index] = ttl
    if ttls.head != "none":
        for index in lasting:
            if len(placed) < MOST and 0 < index < layout.head and positions[index].may_reach(minimum):
                placed.setdefault(index, head_ttl)
    return tuple(PlacedBreakpoint(index=index, ttl=placed[index]) for index in sorted(placed))


def may_stand(position: Position) -> bool:
    """Whether a breakpoint is allowed on that kind of block."""
    return position.kind not in ("thinking", "redacted_thinking", "empty")


def last_written(positions: Sequence[Position], cache_state: CacheState, now: int) -> int | None:
    """The deepest position of this prompt that the cache state wrote and that is still cached."""
    alive = {entry.key for entry in cache_state.written if entry.alive(now)}
    return next((index for index in range(len(positions) - 1, -1, -1) if positions[index].key in alive), None)


def look_back(positions: Sequence[Position], start: int) -> range:
    """The indices a read tests from a breakpoint at `start`, nearest first: 20 positions, a run of tool blocks being one."""
    index, seen = start, 1
    while index > 0:
        kind = positions[index].kind
        if not (kind in ("tool_use", "tool_result") and positions[index - 1].kind == kind):
            seen += 1
        if seen > LOOKBACK:
            break
        index -= 1
    return range(start, index - 1, -1)


def forecast(
    positions: Sequence[Position],
    placed: Sequence[PlacedBreakpoint],
    *,
    cache_state: CacheState,
    now: int,
    minimum: int,
    shared_system: int | None = None,
) -> Forecast:
    """Estimate what will be read, written and paid in full.

    The longest cached prefix is read; from there to the last breakpoint of an hour is written for an hour, from there to the last one
    for five minutes; the rest is plain input. `shared_system` is the index of the system block when other threads keep it warm.
    """
    alive = {entry.key: entry for entry in cache_state.written if entry.alive(now)}
    read_at = next(
        (
            index
            for point in reversed(placed)
            for index in look_back(positions, point.index)
            if positions[index].key in alive or index == shared_system
        ),
        None,
    )
    entry = None if read_at is None else alive.get(positions[read_at].key)
    read, error = 0, 0
    if read_at is not None:
        read = positions[read_at].tokens
        error = positions[read_at].error if positions[read_at].surely_reaches(minimum) else read
    writes = [
        (positions[point.index].tokens, point.ttl)
        for point in placed
        if (read_at is None or point.index > read_at) and positions[point.index].tokens >= minimum
    ]
    hour_end = max((tokens for tokens, ttl in writes if ttl == "1h"), default=read)
    end = writes[-1][0] if writes else hour_end
    usage = Usage(
        input=positions[-1].tokens - end,
        cache_read=read,
        cache_write_1h=hour_end - read,
        cache_write_5m=max(0, end - hour_end),
    )
    return Forecast(usage=usage, read=entry, read_at=read_at, read_error=error)
