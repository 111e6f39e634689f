"""Summaries as a compaction plans them, with made-up lines: for tests and benches without a summarizer."""

from collections.abc import Callable

from context.compaction.levels import Rewrite, members, next_segments, segment_of
from context.request.summary_blocks import Line, Segment, Summary


def rewritten(
    planned: Rewrite,
    summary: Summary | None,
    ends: tuple[str, str],
    words: Callable[[int], str],
    count: Callable[[str], int],
    *,
    name: str,
) -> tuple[Segment, ...]:
    """The next segments. `ends`: the first and last message compacted; `words`: a line of so many tokens."""
    first, last = ends
    numbers = [number for part in planned.parts for number in part.chunks]
    new = [
        segment_of(
            [Line(text=words(planned.budget), sources=(last,))], first, last, count, id=f"{name}.{number}"
        )
        for number in numbers
    ]
    merged = {}
    for part in planned.merges:
        sources = members(part, summary, new)
        line = Line(text=words(part.budget), sources=(sources[-1].last_id,))
        merged[part] = segment_of(
            [line],
            sources[0].first_id,
            sources[-1].last_id,
            count,
            id=f"{name}.level{part.level}.{sources[0].first_id}",
            level=part.level,
        )
    return next_segments(planned, summary, new, merged)


def stub(tokens: int) -> str:
    """A line that only says how long it is taken to be."""
    return str(tokens)


def stub_size(text: str) -> int:
    """The size of a segment of one such line."""
    return int(text.rpartition("- ")[2])
