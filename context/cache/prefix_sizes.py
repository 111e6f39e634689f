"""What bills told exactly of the sizes of prefixes, and the sizes and errors of a prompt's other positions, given those.

A bill counts the prefix up to the entry it read, up to the last breakpoint of an hour, up to the last breakpoint, and the whole prompt. A
prefix is known by its key (equal keys, equal bytes), so what was told once is not estimated again, whether the entry lives or not.

Between two prefixes of known size the difference is spread over the blocks in proportion to how far each estimate may be off; behind
the last one the estimates count. What was so inferred of a cached prefix counts on when the longer one is gone, as when a compaction
rewrites the end of the summary: its estimate alone would forget what the bill has shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil, sqrt
from typing import Final, NamedTuple

from context.cache.positions import Layout, Position, Row
from context.models.pricing import Ttl, Usage

KNOWN: Final = 48  # prefixes whose sizes are remembered for a thread and model: those told last
# Tokens by which a short text strays whatever its tokenizer is like, per square root of its tokens: three standard deviations.
SCATTER: Final = 1.5
LEAST: Final = 0.2  # of a block's estimate: less than this the difference to a bill never leaves of it

Sizes = tuple[tuple[str, int], ...]
"""Prefix keys with their tokens, in the order they were told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A breakpoint of a request: the key of its prefix and its TTL."""

    key: str
    ttl: Ttl


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedPrefixes:
    """What a bill counts. `read`: the entry that was to be read, between `least` and `most` tokens; `ends`: the keys of the whole prompt.

    `rows`: the blocks of the prompt; `known`: the prefixes whose sizes were known before.
    """

    marked: Sequence[Marked]
    ends: Sequence[str]
    read: str | None
    least: int
    most: int
    rows: Sequence[Row] = ()
    known: Mapping[str, int] = field(default_factory=dict)


NOTHING: Final = CountedPrefixes(marked=(), ends=(), read=None, least=1, most=0)


class Size(NamedTuple):
    """Tokens of a prefix, and how far they may be off: 0 where a bill told them."""

    tokens: int
    error: int


def counted_prefixes(
    layout: Layout, marked: Sequence[tuple[Position, Ttl]], read_at: int | None
) -> CountedPrefixes:
    """What the bill of a prompt will count. Where no entry of the thread is to be read, that of the system prompt may be: other threads
    write it too.
    """
    read, newest, end = layout.positions[read_at or 0], layout.positions[layout.newest], layout.positions[-1]
    nothing_behind = layout.newest == len(layout.positions) - 2
    return CountedPrefixes(
        marked=[Marked(key=position.key, ttl=ttl) for position, ttl in marked],
        ends=(end.key, newest.key) if nothing_behind else (end.key,),
        read=read.key,
        least=max(1, read.tokens - read.error),
        most=read.tokens + read.error,
        rows=layout.rows,
        known=layout.known,
    )


def reported(counted: CountedPrefixes, usage: Usage) -> dict[str, int]:
    """The sizes of prefixes that a bill tells."""
    sizes: dict[str, int] = {}
    if usage.prompt:
        sizes.update(dict.fromkeys(counted.ends, usage.prompt))
    hours = [point for point in counted.marked if point.ttl == "1h"]
    if hours and usage.cache_write_1h:
        sizes[hours[-1].key] = usage.cache_read + usage.cache_write_1h
    cached = usage.cache_read + usage.cache_write_1h + usage.cache_write_5m
    if counted.marked and cached:
        sizes[counted.marked[-1].key] = cached
    if counted.read is not None and counted.least <= usage.cache_read <= counted.most:
        sizes[counted.read] = usage.cache_read
    return sizes


def inferred(counted: CountedPrefixes, sizes: Mapping[str, int]) -> dict[str, Size]:
    """The sizes of marked prefixes that a bill tells or that follow from it: those up to the longest one of known size."""
    known = {**counted.known, **sizes}
    placed = positions(counted.rows, known)
    last = max((index for index, row in enumerate(counted.rows) if row.key in known), default=-1)
    marked = {point.key for point in counted.marked}
    return {
        position.key: Size(position.tokens, position.error)
        for position in placed[: last + 1]
        if position.key in marked
    }


def remembered(sizes: Sizes, new: Mapping[str, int]) -> Sizes:
    """The sizes with those a bill told now; beyond `KNOWN` the oldest go."""
    kept = [(key, tokens) for key, tokens in sizes if key not in new]
    return (*kept, *new.items())[-KNOWN:]


def positions(
    rows: Sequence[Row], known: Mapping[str, int], inferred_before: Mapping[str, Size] | None = None
) -> tuple[Position, ...]:
    """The blocks of a prompt with the size of the prefix each ends, and how far that may be off.

    `known`: sizes that bills told; `inferred_before`: sizes that followed from bills of other prompts, for what is behind those.
    """
    placed: list[Position] = []
    begin, start = 0, Size(0, 0)
    for end, size in _anchors(rows, known, inferred_before or {}):
        more = max(start.error, size.error)
        for position in _between(rows[begin : end + 1], start.tokens, size.tokens):
            placed.append(replace(position, error=position.error + more) if more else position)
        begin, start = end + 1, size
    estimated = absolute_error = 0.0
    for row in rows[begin:]:
        estimated += row.tokens
        absolute_error += row.tokens * row.relative_error
        error = start.error + ceil(_error(estimated, absolute_error))
        placed.append(_position(row, max(1, start.tokens + round(estimated)), error))
    return tuple(placed)


def _anchors(
    rows: Sequence[Row], known: Mapping[str, int], inferred_before: Mapping[str, Size]
) -> list[tuple[int, Size]]:
    """The rows whose size need not be estimated: those of known size, and behind them those of which a size was inferred.

    Sizes grow along a prompt: where two disagree, the longer prefix is believed, which was told last.
    """
    exact = _growing([(index, Size(known[row.key], 0)) for index, row in enumerate(rows) if row.key in known])
    last, least = (exact[-1][0], exact[-1][1].tokens) if exact else (-1, 0)
    behind = [
        (index, inferred_before[row.key])
        for index, row in enumerate(rows)
        if index > last and row.key in inferred_before
    ]
    return [*exact, *((index, size) for index, size in _growing(behind) if size.tokens > least)]


def _growing(sizes: Sequence[tuple[int, Size]]) -> list[tuple[int, Size]]:
    """The sizes without those that are above one of a longer prefix."""
    growing: list[tuple[int, Size]] = []
    limit = float("inf")
    for index, size in reversed(sizes):
        if size.tokens <= limit:
            growing.append((index, size))
            limit = size.tokens
    return growing[::-1]


def _error(tokens: float, absolute_error: float) -> float:
    """By how much successive blocks of so many estimated tokens may be off, `absolute_error` being the sum of what each may be."""
    return max(absolute_error, SCATTER * sqrt(tokens)) if absolute_error else 0.0


def _between(rows: Sequence[Row], start: int, end: int) -> list[Position]:
    """The blocks between two prefixes of known size, the last of which is the longer one."""
    if len(rows) == 1:
        return [_position(rows[0], end, 0)]
    all_tokens = sum(row.tokens for row in rows)
    all_absolute_errors = sum(row.tokens * row.relative_error for row in rows)
    missing = end - start - all_tokens
    least_left = 1 - max(row.relative_error for row in rows) * -missing / (all_absolute_errors or 1.0)
    by_error = all_absolute_errors > 0 and (missing >= 0 or least_left >= LEAST)
    # The bill may show that the estimates are worse than they claim.
    worse = max(1.0, abs(missing) / (_error(all_tokens, all_absolute_errors) or 1.0))
    placed, estimated, absolute_error = list[Position](), 0.0, 0.0
    for row in rows[:-1]:
        estimated += row.tokens
        absolute_error += row.tokens * row.relative_error
        share = absolute_error / all_absolute_errors if by_error else estimated / (all_tokens or 1.0)
        tokens = min(max(start + 1, round(start + estimated + missing * share)), end)
        before = _error(estimated, absolute_error)
        behind = _error(max(0.0, all_tokens - estimated), max(0.0, all_absolute_errors - absolute_error))
        error = ceil(2 * worse * before * behind / ((before + behind) or 1.0))
        placed.append(_position(row, tokens, min(error, max(tokens - start, end - tokens))))
    return [*placed, _position(rows[-1], end, 0)]


def _position(row: Row, tokens: int, error: int) -> Position:
    return Position(at=row.at, key=row.key, tokens=tokens, error=error)
