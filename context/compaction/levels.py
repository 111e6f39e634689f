"""Segments on levels: which segments of a summary a compaction appends and merges, and how long each may be.

A compaction appends a segment of level 0. Where a level has more than `summary_per_level` segments, its two oldest become one of the next
level, which may hold `summary_growth` times as much: the shape of a log-structured merge tree. A fact is so rewritten once for each doubling
of the conversation, and every part of it keeps its share of the summary.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from context.policy import Policy
from context.request.summary_blocks import Line, Segment, Summary

LEAST = 32  # tokens: a segment of less says nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A segment of the next summary: the known segments (by id) and the new chunks (by number) it is made of, oldest first.

    One known segment alone stays as it is, one chunk alone is a new segment, several are condensed to `budget` tokens.
    """

    level: int
    budget: int
    segments: tuple[str, ...] = ()
    chunks: tuple[int, ...] = ()

    @property
    def is_merge(self) -> bool:
        return len(self.segments) + len(self.chunks) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    """What becomes of the summary: its next segments, oldest first.

    `budget`: tokens for the lines of each chunk; `merged_tokens`: of the known segments that are merged.
    """

    parts: tuple[Part, ...]
    merged_tokens: int
    budget: int

    @property
    def keep(self) -> tuple[str, ...]:
        """Ids of the segments that stay as they are."""
        return tuple(part.segments[0] for part in self.parts if part.segments and not part.is_merge)

    @property
    def merge(self) -> tuple[str, ...]:
        """Ids of the segments that are merged."""
        return tuple(id for part in self.merges for id in part.segments)

    @property
    def merges(self) -> tuple[Part, ...]:
        """The parts that are condensed from several."""
        return tuple(part for part in self.parts if part.is_merge)


def rewrite(summary: Summary | None, compacted: int, policy: Policy, *, chunks: int = 1) -> Rewrite:
    """Append a segment for each chunk of `compacted` tokens, and merge segments of one level where there are too many of it.

    What a long import appends and merges at once is condensed once, straight into the level it ends on.
    """
    known: Sequence[Segment] = () if summary is None else summary.segments
    planned = [Part(level=segment.level, budget=0, segments=(segment.id,)) for segment in known]
    for number in range(chunks):
        planned.append(Part(level=0, budget=0, chunks=(number,)))
        _carry(planned, policy.summary_per_level)
    unit = unit_size(max(part.level for part in planned), policy)
    parts = tuple(
        Part(
            level=part.level,
            budget=max(LEAST, round(unit * policy.summary_growth**part.level)),
            segments=part.segments,
            chunks=part.chunks,
        )
        for part in planned
    )
    merged = {id for part in parts if part.is_merge for id in part.segments}
    return Rewrite(
        parts=parts,
        merged_tokens=sum(segment.tokens for segment in known if segment.id in merged),
        budget=max(LEAST, round(min(unit, policy.summary_share * compacted / max(1, chunks)))),
    )


def unchanged(summary: Summary, policy: Policy, *, compactions: int) -> int:
    """How many of the oldest segments stay as they are in the next so many compactions."""
    planned = [Part(level=segment.level, budget=0, segments=(segment.id,)) for segment in summary.segments]
    for number in range(compactions):
        planned.append(Part(level=0, budget=0, chunks=(number,)))
        _carry(planned, policy.summary_per_level)
    pairs = zip(planned, summary.segments, strict=False)
    return sum(
        1 for _ in takewhile(lambda pair: pair[0].segments == (pair[1].id,) and not pair[0].is_merge, pairs)
    )


def unit_size(highest: int, policy: Policy) -> float:
    """Tokens of a segment of level 0 when the levels up to `highest` are in use and all of them full."""
    levels = sum(policy.summary_growth**level for level in range(highest + 1))
    return policy.summary_budget / (policy.summary_per_level * levels)


def _carry(planned: list[Part], most: int) -> None:
    """Merge the two oldest segments of each level that has more than `most`, from the lowest level up."""
    level = 0
    while level <= max(part.level for part in planned):
        indices = [index for index, part in enumerate(planned) if part.level == level]
        if len(indices) <= most:
            level += 1
            continue
        first, second = indices[:2]
        older, newer = planned[first], planned[second]
        planned[first] = Part(
            level=level + 1,
            budget=0,
            segments=older.segments + newer.segments,
            chunks=older.chunks + newer.chunks,
        )
        del planned[second]


def members(part: Part, summary: Summary | None, new: Sequence[Segment]) -> tuple[Segment, ...]:
    """The segments that a part is made of, oldest first. `new`: the segments of the chunks."""
    known = {segment.id: segment for segment in (() if summary is None else summary.segments)}
    return (*(known[id] for id in part.segments), *(new[number] for number in part.chunks))


def segment_of(
    lines: Sequence[Line],
    first_id: str,
    last_id: str,
    count: Callable[[str], int],
    *,
    id: str,
    level: int = 0,
) -> Segment:
    """A segment with its size."""
    segment = Segment(id=id, first_id=first_id, last_id=last_id, lines=tuple(lines), tokens=0, level=level)
    return Segment(
        id=id,
        first_id=first_id,
        last_id=last_id,
        lines=segment.lines,
        tokens=count(segment.text),
        level=level,
    )


def fits(lines: Sequence[Line], budget: int, count: Callable[[str], int]) -> bool:
    """Whether lines need no condensing. Pinned ones do not count: they would starve the others."""
    return sum(count(f"- {line.text}\n") for line in lines if not line.pinned) <= budget


def thinned(lines: Sequence[Line], budget: int, count: Callable[[str], int]) -> tuple[Line, ...]:
    """Lines cut to a budget without a model: every pinned one, and of the others some from everywhere."""
    size = sum(count(f"- {line.text}\n") for line in lines if not line.pinned)
    share, credit, chosen = min(1.0, budget / max(1, size)), 0.0, list[Line]()
    for line in lines:
        credit += share
        if line.pinned:
            chosen.append(line)
        elif credit >= 1 or not chosen:
            chosen.append(line)
            credit -= 1
    return tuple(chosen)


def next_segments(
    planned: Rewrite, summary: Summary | None, new: Sequence[Segment], merged: Mapping[Part, Segment]
) -> tuple[Segment, ...]:
    """The segments of the next summary. A merge that is not among `merged` did not succeed: its members stay until the next compaction."""
    segments: list[Segment] = []
    for part in planned.parts:
        if part in merged:
            segments.append(merged[part])
        else:
            segments += members(part, summary, new)
    return tuple(segments)
