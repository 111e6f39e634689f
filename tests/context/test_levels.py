"""Segments on levels: shares by tenth, how often a fact is rewritten, the budget, and which bytes stay."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from math import log2

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context.compaction.levels import (
    LEAST,
    Part,
    fits,
    members,
    next_segments,
    rewrite,
    segment_of,
    thinned,
    unchanged,
    unit_size,
)
from context.policy import DEFAULT, Policy
from context.request.summary_blocks import Line, Segment, Summary, from_json, to_json


def segment(name: str, level: int, tokens: int = 100) -> Segment:
    line = Line(text=name, sources=(name,))
    return Segment(id=name, first_id=name, last_id=name, lines=(line,), tokens=tokens, level=level)


def summary(*levels: int) -> Summary | None:
    segments = tuple(segment(f"s{number}", level) for number, level in enumerate(levels))
    return Summary(id="l", upto_id="z", segments=segments) if levels else None


@pytest.mark.parametrize(
    ("levels", "chunks", "parts"),
    [
        ((), 1, "new0"),
        ((0, 0), 1, "s0+s1@1 new0"),
        ((1, 0), 1, "s0 s1 new0"),
        ((1, 0, 0), 1, "s0 s1+s2@1 new0"),
        # Two levels overflow at once: each merges its two oldest, and nothing is condensed twice.
        ((1, 1, 0, 0), 1, "s0+s1@2 s2+s3@1 new0"),
        ((2, 2, 1, 1, 0, 0), 1, "s0+s1@3 s2+s3@2 s4+s5@1 new0"),
        # An import in several chunks: what ends on a higher level is condensed once, straight into it.
        ((), 3, "new0+new1@1 new2"),
        ((), 7, "new0+new1+new2+new3@2 new4+new5@1 new6"),
        ((0, 0), 3, "s0+s1@1 new0+new1@1 new2"),
        # A merge that failed is made up for.
        ((0, 0, 0), 1, "s0+s1@1 s2 new0"),
        ((0, 0, 0, 0, 0), 1, "s0+s1@1 s2+s3@1 s4 new0"),
    ],
)  # fmt: skip
def test_a_level_with_three_segments_merges_its_two_oldest(
    levels: tuple[int, ...], chunks: int, parts: str
) -> None:
    planned = rewrite(summary(*levels), 5_000, DEFAULT, chunks=chunks)
    shown = [
        "+".join([*part.segments, *(f"new{number}" for number in part.chunks)])
        + f"@{part.level}" * part.is_merge
        for part in planned.parts
    ]
    assert " ".join(shown) == parts
    assert planned.merged_tokens == 100 * len(planned.merge)
    assert len(planned.merges) <= len(levels) + chunks


def test_budgets_by_level_fill_the_summary() -> None:
    policy = replace(DEFAULT, summary_budget=1_000, summary_growth=1.5)
    assert unit_size(0, policy) == 500
    assert unit_size(1, policy) == 200  # 2 x 200 + 2 x 300
    planned = rewrite(summary(0, 0), 5_000, policy)
    assert [(part.level, part.budget) for part in planned.parts] == [(1, 300), (0, 200)]
    assert planned.budget == 200
    assert rewrite(summary(0, 0), 400, policy).budget == 80, "a fifth of what is compacted"
    assert rewrite(None, 10, policy).budget == LEAST


@dataclass(slots=True)
class Diary:
    """A summary kept by an even-handed summarizer: a merge gives each compaction the share that its segments held.

    held: by segment, the tokens of each compaction; rewrites: how often what is held of a compaction was written.
    """

    policy: Policy
    segments: tuple[Segment, ...] = ()
    held: dict[str, dict[int, float]] = field(default_factory=dict)
    rewrites: dict[int, int] = field(default_factory=dict)
    made: int = 0
    names: itertools.count[int] = field(default_factory=itertools.count)

    def compact(self, tokens: int, *, failing: bool = False) -> None:
        known = Summary(id="l", upto_id="z", segments=self.segments)
        planned = rewrite(known, tokens, self.policy)
        new = self._segment(0, {self.made: float(planned.budget)})
        merged: dict[Part, Segment] = {}
        for part in () if failing else planned.merges:
            held = {
                number: size
                for member in members(part, known, [new])
                for number, size in self.held[member.id].items()
            }
            factor = min(1.0, part.budget / sum(held.values()))
            merged[part] = self._segment(part.level, {number: size * factor for number, size in held.items()})
        before = {kept.id: kept for kept in self.segments}
        self.segments = next_segments(planned, known, [new], merged)
        for kept in self.segments:
            assert kept.id not in before or before[kept.id] is kept, "what is not merged keeps its bytes"
        self.made += 1

    def shares(self) -> list[float]:
        """The share of the summary that each tenth of the compactions holds, oldest first."""
        tenths = [0.0] * 10
        for kept in self.segments:
            for number, size in self.held[kept.id].items():
                begin, end = 10 * number / self.made, 10 * (number + 1) / self.made
                for tenth in range(int(begin), min(10, int(end) + 1)):
                    overlap = min(end, tenth + 1) - max(begin, tenth)
                    tenths[tenth] += size * max(0.0, overlap) / (end - begin)
        return [tokens / sum(tenths) for tokens in tenths]

    def _segment(self, level: int, held: dict[int, float]) -> Segment:
        made = segment(f"{level}.{next(self.names)}", level, round(sum(held.values())))
        self.held[made.id] = held
        for number in held:
            self.rewrites[number] = self.rewrites.get(number, 0) + 1
        return made


def test_a_long_thread_keeps_its_middle() -> None:
    """Sixty compactions of 2,000 tokens: with the newest segments merged instead, the middle eight tenths held 2 %."""
    diary = Diary(DEFAULT)
    for _ in range(60):
        diary.compact(2_000)
    shares = diary.shares()
    assert sum(shares[1:9]) >= 0.7
    assert min(shares) >= 0.07
    assert max(diary.rewrites.values()) == 5


@settings(max_examples=60)
@given(st.integers(10, 400), st.integers(300, 20_000))
def test_every_tenth_keeps_its_share_and_no_fact_is_rewritten_often(count: int, tokens: int) -> None:
    diary = Diary(DEFAULT)
    for _ in range(count):
        diary.compact(tokens)
        total = sum(kept.tokens for kept in diary.segments)
        assert total <= DEFAULT.summary_budget + 2 * LEAST
    shares = diary.shares()
    assert max(shares) <= 4 * min(shares), shares
    assert max(diary.rewrites.values()) <= log2(count) + 1


@settings(max_examples=80)
@given(st.lists(st.tuples(st.integers(50, 30_000), st.booleans()), min_size=1, max_size=60))
def test_levels_are_in_order_and_bounded_whatever_the_sizes_and_failures(
    steps: list[tuple[int, bool]],
) -> None:
    diary = Diary(DEFAULT)
    for tokens, failing in steps:
        diary.compact(tokens, failing=failing)
        levels = [kept.level for kept in diary.segments]
        assert levels == sorted(levels, reverse=True)
    diary.compact(1_000)
    diary.compact(1_000)
    levels = [kept.level for kept in diary.segments]
    assert all(levels.count(level) <= 2 for level in levels), levels
    assert max(levels) <= log2(len(steps) + 2) + 1


def test_a_long_import_is_condensed_as_its_parts_would_have_been() -> None:
    at_once = rewrite(None, 900_000, DEFAULT, chunks=10)
    levels: list[int] = []
    for _ in range(10):
        levels = [part.level for part in rewrite(summary(*levels), 90_000, DEFAULT).parts]
    assert [part.level for part in at_once.parts] == levels
    assert sorted(number for part in at_once.parts for number in part.chunks) == list(range(10))


def test_segments_from_before_there_were_levels_get_them_by_position() -> None:
    stored = to_json([segment(f"s{number}", 0) for number in range(5)])
    assert [value.pop("level") for value in stored] == [0] * 5
    assert [kept.level for kept in from_json(stored)] == [2, 1, 1, 0, 0]
    assert from_json(to_json([segment("a", 7)]))[0].level == 7


def count(text: str) -> int:
    return len(text.split())


def test_lines_are_cut_evenly_where_no_model_condenses_them() -> None:
    lines = [Line(text=f"word{number} and more", sources=("x",), pinned=number == 7) for number in range(40)]
    assert not fits(lines, 80, count)
    cut = thinned(lines, 80, count)
    assert fits(cut, 80, count)
    assert lines[7] in cut
    kept = [lines.index(line) for line in cut]
    assert kept == sorted(kept)
    assert all(12 <= sum(low <= index < low + 20 for index in kept) * 1.5 <= 18 for low in (0, 20))
    assert thinned(lines[:2], 80, count) == tuple(lines[:2])


def test_pinned_lines_take_no_room_from_the_others() -> None:
    pinned = [Line(text="long " * 500, sources=("x",), pinned=True)]
    assert fits([*pinned, Line(text="short", sources=("x",))], 5, count)


def test_a_segment_has_the_size_of_its_text() -> None:
    made = segment_of([Line(text="one two", sources=("x",))], "a", "b", count, id="s", level=3)
    assert (made.first_id, made.last_id, made.level, made.tokens) == ("a", "b", 3, count(made.text))


@pytest.mark.parametrize(
    ("levels", "next_ones"),
    [
        ((0,), [1, 0, 0]),
        ((0, 0), [0, 0, 0]),
        ((1, 0), [2, 1, 1]),
        ((1, 0, 0), [1, 1, 0]),
        ((1, 1, 0, 0), [0, 0, 0]),
        ((2, 1, 1, 0), [4, 1, 1]),
        ((3, 2, 1, 0), [4, 3, 3]),
    ],
)
def test_how_many_of_the_oldest_segments_the_next_compactions_leave_as_they_are(
    levels: tuple[int, ...], next_ones: list[int]
) -> None:
    known = summary(*levels)
    assert known is not None
    counted = [unchanged(known, DEFAULT, compactions=count) for count in (1, 2, 3)]
    assert counted == next_ones
    kept = rewrite(known, 1_000, DEFAULT).keep
    assert kept[: counted[0]] == tuple(segment.id for segment in known.segments[: counted[0]])
