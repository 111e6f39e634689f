"""What bills told is not estimated again: after one bill, the prediction for an unchanged prefix equals it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context.audit.cache_audit import fell_short
from context.cache.cache_state import CacheState, CacheUse, Ttls, Written
from context.cache.cache_state_update import after_request
from context.cache.plan_inputs import BranchState, PlanInputs
from context.cache.positions import Layout, Row
from context.cache.prefix_sizes import (
    KNOWN,
    CountedPrefixes,
    Marked,
    counted_prefixes,
    positions,
    remembered,
    reported,
)
from context.messages import Message
from context.models.pricing import PriceTable, Ttl, Usage
from context.planning.plan import TurnInputs, plan
from context.planning.planned import Plan
from context.policy import DEFAULT
from context.request import request
from context.request.summary_blocks import Summary
from tests.context.plan_inputs import CHEAP, MID, TOP, todays
from tests.context.price_lists import TABLES
from tests.context.story import Asked, Story

WRONG = (0.3, 3.0)  # an estimate against the truth, at worst
HONEST = (0.75, 1.6)  # what a claim of 40 % covers
STEPS = st.one_of(
    st.tuples(st.just("say"), st.sampled_from([MID, MID, CHEAP, TOP]), st.integers(0, 120)),
    st.tuples(st.just("wait"), st.sampled_from(["20", "200", "400", "2000", "9000"]), st.just(0)),
    st.tuples(st.just("restart"), st.just(""), st.just(0)),
    st.tuples(st.just("branch"), st.integers(1, 6).map(str), st.just(0)),
)
THREADS = st.lists(STEPS, min_size=4, max_size=40)


@dataclass(slots=True)
class Misjudged(Story):
    """A thread whose every text is estimated wrongly, by a factor of its own between the two in `off`."""

    off: tuple[float, float] = WRONG
    again: list[tuple[Asked, Plan, Usage]] = field(default_factory=list)

    def say(self, text: str, **fields: Any) -> Asked:
        """Also plan the same prompt once more behind the bill, and let a copy of the provider bill that."""
        at = self.now
        asked = Story.say(self, text, **fields)
        planned = asked.planned
        branch = BranchState(
            path=planned.messages,
            summary=planned.summary,
            cache_state=self.cache_states[planned.recipe.model],
            now=at,
            global_gaps=self.global_gaps,
        )
        turn = TurnInputs(route=planned.route, branch=branch, recalled=planned.recalled)
        repeated = plan(self.inputs(planned.recipe.model), turn)
        body = request.build(
            repeated.recipe,
            repeated.prompt.text,
            repeated.messages,
            summary=repeated.summary,
            recalled=repeated.recalled,
        )
        provider, self.cache = self.cache, copy.deepcopy(self.cache)
        self.again.append((asked, repeated, self.bill(body, planned.recipe.model)))
        self.cache = provider
        return asked

    def inputs(self, model: str) -> PlanInputs:
        given = Story.inputs(self, model)
        return replace(given, prompt_tokens=self._wrong(model, given.prompt_tokens))

    def branch(self, leaf: str) -> tuple[list[Message], Summary | None]:
        path, summary = Story.branch(self, leaf)
        return [replace(each, tokens=self._wrong(each.id, each.tokens)) for each in path], summary

    def _wrong(self, name: str, tokens: int) -> int:
        low, high = self.off
        share = sha256(name.encode()).digest()[0] / 255
        factor: float = low * (high / low) ** share
        return max(1, round(tokens * factor))


def lived(
    steps: list[tuple[str, str, int]], tables: Callable[[str], PriceTable], off: tuple[float, float]
) -> Misjudged:
    story = Misjudged(policy=replace(DEFAULT, safety=1.4, window_cap=4_000), tables=tables, off=off)
    for number, (what, which, size) in enumerate(steps):
        match what:
            case "say":
                story.say(f"{number}: " + "where is it " * size, model=which, answer="On its way. " * size)
                story.now += 5_000
            case "wait":
                story.rest(int(which))
            case "restart":
                story.restart()
            case _ if story.leaf is not None:
                answers = [each.id for each in story.messages.values() if each.role == "assistant"]
                story.branch_at(answers[max(0, len(answers) - int(which))])
    return story


@settings(max_examples=30, deadline=None)
@given(THREADS, TABLES)
def test_after_one_bill_an_unchanged_prompt_is_predicted_to_the_token(
    steps: list[tuple[str, str, int]], tables: Callable[[str], PriceTable]
) -> None:
    for asked, repeated, bill in lived(steps, tables, WRONG).again:
        assert asked.actual_usage.prompt == bill.prompt == repeated.estimate.total
        assert repeated.estimated_usage.prompt == bill.prompt
        if repeated.cache_use.read is not None and not repeated.cache_use.read_error:
            assert repeated.estimated_usage.cache_read == bill.cache_read


@settings(max_examples=30, deadline=None)
@given(THREADS, TABLES)
def test_nothing_is_named_where_nothing_is_wrong(
    steps: list[tuple[str, str, int]], tables: Callable[[str], PriceTable]
) -> None:
    for asked in lived(steps, tables, HONEST).asked:
        assert not fell_short(asked.planned.cache_use, asked.actual_usage)


def test_only_what_is_new_is_estimated() -> None:
    story = Misjudged(tables=todays)
    first = story.say("where is my parcel? " * 40, answer="It is on its way. " * 20)
    story.now += 20_000
    second = story.say("and when does it come? " * 10)
    read = second.planned.cache_use
    assert (read.read_tokens, read.read_error) == (first.actual_usage.prompt, 0)
    assert second.planned.estimated_usage.cache_read == second.actual_usage.cache_read


def test_sizes_outlive_the_entries_and_a_restart() -> None:
    story = Misjudged(tables=todays)
    first = story.say("where is my parcel? " * 40)
    story.wait(90_000)
    story.restart()
    story.branch_at("m0")
    [(_, repeated, _)] = story.again
    branch = BranchState(
        path=repeated.messages, cache_state=story.cache_states[MID], now=story.now, summary=None
    )
    turn = TurnInputs(route=repeated.route, branch=branch)
    assert plan(story.inputs(MID), turn).estimate.total == first.actual_usage.prompt


def test_a_bill_tells_the_prefix_at_each_kind_of_breakpoint() -> None:
    counted = CountedPrefixes(
        marked=[Marked(key="system", ttl="1h"), Marked(key="newest", ttl="5m")],
        ends=("end", "newest"),
        read=None,
        least=1,
        most=0,
    )
    assert reported(counted, Usage(cache_write_1h=700, cache_write_5m=50, input=3)) == {
        "end": 753,
        "newest": 750,
        "system": 700,
    }
    assert reported(counted, Usage(input=753)) == {"end": 753, "newest": 753}
    assert reported(counted, Usage()) == {}
    reads = replace(counted, read="old", least=400, most=600)
    assert reported(reads, Usage(cache_read=500, input=9))["old"] == 500
    assert "old" not in reported(reads, Usage(cache_read=300, input=9)), "it read something else"


@given(
    st.lists(st.tuples(st.integers(1, 5_000), st.floats(0.02, 1.5)), min_size=2, max_size=12),
    st.data(),
)
def test_a_truth_within_the_claimed_errors_is_within_the_interval(
    blocks: list[tuple[int, float]], data: st.DataObject
) -> None:
    rows, truth, sizes = list[Row](), 0, list[int]()
    for index, (tokens, relative_error) in enumerate(blocks):
        rows.append(Row(at=str(index), key=str(index), tokens=tokens, relative_error=relative_error))
        truth += max(1, round(tokens * (1 + relative_error * data.draw(st.floats(-0.6, 0.6)))))
        sizes.append(truth)
    known = {str(index): sizes[index] for index in data.draw(st.sets(st.integers(0, len(rows) - 1)))}
    placed = positions(rows, known)
    for index, position in enumerate(placed):
        if str(index) in known:
            assert (position.tokens, position.error) == (sizes[index], 0)
        assert abs(position.tokens - sizes[index]) <= position.error + len(rows)
    assert all(one.tokens <= other.tokens for one, other in pairwise(placed))


SYSTEM, KEPT, HEAD = 160, 386, 305
"""True tokens of a system prompt, of a part of the summary that stays, and of what follows it; the two parts are estimated at 449 and 360."""


def summary_billed(newest: int, *, ttl: Ttl = "1h") -> CacheState:
    """The cache state behind the bill of a prompt with breakpoints inside and at the end of its summary."""
    rows = [
        Row(at="system", key="system", tokens=SYSTEM, relative_error=0.1),
        Row(at="summary:a", key="a", tokens=449, relative_error=0.11),
        Row(at="summary", key="ab", tokens=360, relative_error=0.11),
        Row(at="m1", key="m1", tokens=newest, relative_error=0.11),
        Row(at="end", key="end", tokens=0, relative_error=0),
    ]
    known = {"system": SYSTEM}
    layout = Layout(positions=positions(rows, known), head=2, newest=3, rows=rows, known=known)
    ttls: list[Ttl] = [ttl, ttl, "5m"]
    marked = list(zip(layout.positions[1:4], ttls, strict=True))
    use = CacheUse(
        ttls=Ttls(head=ttl, window="5m"),
        breakpoints=tuple(
            Written(key=position.key, tokens=position.tokens, ttl=span, touched_at=0)
            for position, span in marked
        ),
        read=None,
        read_tokens=0,
        arrived=0,
        user_id="m1",
        depth=0,
        settings="system",
        counted=counted_prefixes(layout, marked, None),
    )
    head = SYSTEM + KEPT + HEAD
    bill = {
        "1h": Usage(cache_write_1h=head, cache_write_5m=newest),
        "5m": Usage(cache_write_5m=head + newest),
    }
    return after_request(
        CacheState(model="m"), use, started_at=1, actual_usage=bill[ttl], upstream_id=None, policy=DEFAULT
    )


@pytest.mark.parametrize("ttl", ["1h", "5m"])
def test_what_a_bill_shows_of_a_part_of_the_summary_counts_when_a_compaction_rewrites_the_rest(
    ttl: Ttl,
) -> None:
    state = summary_billed(500, ttl=ttl)
    state = CacheState.from_json(json.loads(json.dumps(state.to_json())))
    rows = [
        Row(at="system", key="system", tokens=SYSTEM, relative_error=0.1),
        Row(at="summary:a", key="a", tokens=449, relative_error=0.11),
        Row(at="summary", key="ac", tokens=200, relative_error=0.11),
    ]
    _, kept, head = positions(rows, {"system": SYSTEM}, state.inferred_sizes)
    assert abs(kept.tokens - SYSTEM - KEPT) <= kept.error
    assert kept.tokens < SYSTEM + 449 - 20, "the estimate was too high, and the bill told so"
    assert head.tokens == kept.tokens + 200
    assert head.error > kept.error


def test_an_inferred_size_gives_way_to_a_bill() -> None:
    state = summary_billed(500)
    rows = [Row(at=key, key=key, tokens=400, relative_error=0.11) for key in ("a", "ad")]
    assert [place.tokens for place in positions(rows, {"a": 540}, state.inferred_sizes)] == [540, 940]
    below, above = positions(rows, {"ad": 900}, state.inferred_sizes)
    assert (below.tokens, above.tokens, above.error) == (450, 900, 0)


def test_of_two_bills_that_disagree_the_longer_prefix_is_believed() -> None:
    rows = [Row(at=key, key=key, tokens=100, relative_error=0.2) for key in "abc"]
    assert [each.tokens for each in positions(rows, {"a": 500, "b": 300})] == [150, 300, 400]


def test_a_bill_beyond_the_claimed_errors_makes_them_larger_and_no_other_does() -> None:
    rows = [Row(at=key, key=key, tokens=1_000, relative_error=0.1) for key in "ab"]
    assert [positions(rows, {"b": told})[0].error for told in (2_100, 2_200, 2_400)] == [100, 100, 200]


def test_the_sizes_told_last_are_remembered() -> None:
    sizes = remembered((), {str(number): number for number in range(KNOWN)})
    sizes = remembered(sizes, {"0": 7, "new": 8})
    assert len(sizes) == KNOWN
    assert dict(sizes)["0"] == 7
    assert "1" not in dict(sizes)


def test_a_cache_state_from_before_sizes_were_stored_keeps_what_its_entries_counted() -> None:
    story = Story()
    story.say("where is my parcel? " * 40)
    value = json.loads(json.dumps(story.cache_states[MID].to_json()))
    del value["sizes"]
    counted = [(entry[0], entry[1]) for entry in value["written"] if entry[4]]
    assert CacheState.from_json(value).sizes == tuple(counted) != ()
