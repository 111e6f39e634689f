"""Each cache miss of reads gets the cause it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from context.audit.cache_audit import CacheMiss, check
from context.cache.cache_state import CacheState, CacheUse, Ttls, Written
from context.models.pricing import Usage
from context.planning.planned import Plan
from context.request.blocks import Block, Compared, Kind, blocks, compare, digests, packed, unpacked
from context.request.recipe import Recalled
from context.request.request import body_fields
from context.request.summary_blocks import Line, Segment, Summary
from tests.context.plan_inputs import NOON
from tests.context.story import Story

LANE = CacheState(
    model="m",
    settings="s",
    written=(Written(key="k", tokens=1_000, ttl="5m", touched_at=NOON),),
)
SENT = CacheUse(
    ttls=Ttls(head="5m", window="5m"),
    breakpoints=(),
    read="k",
    read_tokens=1_000,
    arrived=0,
    user_id="m2",
    depth=2,
    settings="s",
    read_at=2,
)
HIT = Usage(cache_read=990)
MISS = Usage(cache_read=0, cache_write_5m=1_000)
EQUAL = Compared(changed=None, kind=None, what="", of=40, away=2)
LATE = NOON + 400_000


def changed(kind: Kind, what: str) -> Compared:
    return Compared(changed=3, kind=kind, what=what, of=40, away=2)


def cause(
    compared: Compared | None = None,
    *,
    at: int = NOON,
    sent: CacheUse = SENT,
    diagnosed: bool = True,
    diagnostics: Mapping[str, Any] | None = None,
) -> CacheMiss:
    miss = check(
        LANE, sent, MISS, started_at=at, compared=compared, diagnosed=diagnosed, diagnostics=diagnostics
    )
    assert miss is not None
    return miss


def says(word: str) -> dict[str, Any]:
    return {"cache_miss_reason": {"type": word, "cache_missed_input_tokens": 900}}


def test_reads_as_foreseen_are_no_event() -> None:
    assert check(LANE, SENT, HIT, started_at=NOON) is None
    assert check(LANE, SENT, HIT, started_at=NOON, compared=changed("system", "the system prompt")) is None


def test_what_was_not_foreseen_cannot_fall_short() -> None:
    assert check(LANE, replace(SENT, read=None, read_tokens=0), MISS, started_at=LATE) is None


def test_an_outlived_entry_has_expired() -> None:
    assert cause(at=LATE).cause == "expired"
    assert cause(EQUAL, at=LATE).cause == "expired"
    assert cause(EQUAL, at=LATE, diagnostics=says("messages_changed")).cause == "expired", "behind the marks"


def test_a_changed_block_is_named_by_its_place_and_by_what_it_is() -> None:
    miss = cause(changed("message", "message m7"))
    assert (miss.cause, miss.expected, miss.actual_usage) == ("changed", 1_000, 0)
    assert miss.detail == "block 3 of 40 (message m7) is not what it was when it was cached"


def test_a_change_counts_more_than_an_entry_that_had_died_as_well() -> None:
    assert cause(changed("system", "the system prompt"), at=LATE).cause == "changed"


@pytest.mark.parametrize(
    ("kind", "word", "of"),
    [
        ("tool", "tools_changed", "changed"),
        ("system", "system_changed", "changed"),
        ("summary", "messages_changed", "changed"),
        ("message", "messages_changed", "changed"),
        ("settings", "model_changed", "model_or_settings"),
        ("settings", "unavailable", "model_or_settings"),
    ],
)
def test_what_the_provider_sees_too_is_confirmed(kind: Kind, word: str, of: str) -> None:
    miss = cause(changed(kind, "this"), diagnostics=says(word))
    assert miss.cause == of
    assert miss.detail.endswith(f"; the provider says so too: {word}")
    assert (
        "provider" not in cause(changed(kind, "this"), diagnostics=says("previous_message_not_found")).detail
    )


def test_other_settings_are_a_cause_of_their_own() -> None:
    assert cause(changed("settings", "the settings")).cause == "model_or_settings"


@pytest.mark.parametrize(
    ("away", "of"), [(0, "unknown"), (19, "unknown"), (20, "lookback"), (None, "lookback")]
)
def test_an_entry_twenty_positions_before_every_mark_is_not_found(away: int | None, of: str) -> None:
    assert cause(replace(EQUAL, away=away), diagnosed=False).cause == of


def test_where_the_provider_sees_no_difference_it_dropped_the_entry_early() -> None:
    for compared in (None, EQUAL):
        miss = cause(compared, diagnostics=None)
        assert miss.cause == "expired"
        assert "early" in miss.detail


def test_the_same_bytes_in_time_are_no_explanation_by_themselves() -> None:
    for diagnostics in (None, {"cache_miss_reason": None}):
        miss = cause(EQUAL, diagnosed=diagnostics is not None, diagnostics=diagnostics)
        assert (miss.cause, miss.detail) == ("unknown", "the same bytes were sent in time")


def test_without_anything_to_compare_the_provider_s_word_counts() -> None:
    assert cause(diagnostics=says("model_changed")).cause == "model_or_settings"
    assert cause(diagnostics=says("tools_changed")).cause == "changed"
    assert cause(diagnostics=says("system_changed")).cause == "changed"


def test_that_messages_differ_proves_nothing_about_those_that_were_cached() -> None:
    for compared in (None, EQUAL):
        miss = cause(compared, diagnostics=says("messages_changed"))
        assert miss.cause == "unknown"
        assert miss.detail.endswith("the provider says: messages_changed")


def test_what_another_conversation_was_to_keep_warm_is_told_apart() -> None:
    miss = cause(sent=replace(SENT, read=None, read_at=0), diagnosed=False)
    assert miss.cause == "expired"
    assert "another conversation" in miss.detail


def test_without_any_trace_the_cause_is_unknown() -> None:
    miss = cause(diagnosed=False)
    assert (miss.cause, miss.detail) == ("unknown", "no known cause explains it")


def blocks_of(planned: Plan) -> tuple[tuple[Block, ...], list[int]]:
    return blocks(planned.recipe, planned.prompt.text, planned.messages, summary=planned.summary)


def stored_digests(planned: Plan) -> list[bytes]:
    """The digests that were stored with a request."""
    block_digests, cache_breakpoints = digests(
        body_fields(
            planned.recipe, planned.prompt.text, planned.messages, planned.instructions, planned.summary, ()
        )
    )
    return list(unpacked(packed(block_digests, cache_breakpoints)))


def talked(turns: int = 6) -> Story:
    """A conversation whose window is cached."""
    story = Story()
    for number in range(turns):
        story.say(f"{number}: where is my parcel? " * 10, answer="On its way, as it was yesterday. " * 10)
        story.now += 20_000
    return story


def beside(story: Story, sent: list[bytes] | None = None) -> Compared | None:
    """The last request beside the one before it, of which these digests are kept."""
    before, now = story.asked[-2].planned, story.asked[-1].planned
    assert now.cache_use.read_at is not None
    return compare(
        blocks_of(before)[0],
        stored_digests(before) if sent is None else sent,
        *blocks_of(now),
        read_at=now.cache_use.read_at,
    )


def test_requests_that_extend_each_other_part_nowhere() -> None:
    comparison = beside(talked())
    assert comparison is not None
    assert (comparison.changed, comparison.away) == (None, 0), "a mark stands on the very entry"


def test_every_block_that_was_cached_is_told_from_another() -> None:
    story = talked()
    before = story.asked[-2].planned
    sent, named = stored_digests(before), []
    for index in range(len(sent)):
        comparison = beside(story, [*sent[:index], b"???", *sent[index + 1 :]])
        assert comparison is not None
        assert comparison.changed == index
        named.append(comparison.what)
    assert named == [
        "the settings",
        "the system prompt",
        *(f"message {message.id}" for message in before.messages),
    ]


def test_tools_and_parts_of_the_summary_are_named() -> None:
    planned = talked().asked[-1].planned
    line = Line(text="The parcel is 4711.", sources=("m0",))
    part = Segment(id="s1", first_id="m0", last_id="m1", lines=(line,), tokens=9)
    summary = Summary(id="l", upto_id="m1", segments=(part, replace(part, id="s2")))
    recipe = replace(planned.recipe, tools=("search_conversation",))
    layout, cache_breakpoints = blocks(recipe, planned.prompt.text, planned.messages[2:], summary=summary)
    named = []
    for index in range(1, 5):
        sent = [block.digest for block in layout]
        sent[index] = b"???"
        comparison = compare(layout, sent, layout, cache_breakpoints, read_at=len(layout) - 3)
        assert comparison is not None
        named.append((comparison.changed, comparison.kind, comparison.what))
    assert named == [
        (1, "tool", "the tool search_conversation"),
        (2, "system", "the system prompt"),
        (3, "summary", "part 1 of the summary"),
        (4, "summary", "part 2 of the summary"),
    ]


def test_a_change_behind_the_entry_is_not_its_cause() -> None:
    story = talked()
    before, now = story.asked[-2].planned, story.asked[-1].planned
    sent = [*stored_digests(before)[:2], *[b"???"] * 40]
    comparison = compare(blocks_of(before)[0], sent, *blocks_of(now), read_at=0)
    assert comparison is not None
    assert comparison.changed is None


def test_a_request_of_another_branch_is_not_compared_with() -> None:
    story = talked()
    before, now = story.asked[-2].planned, story.asked[-1].planned
    other = [
        replace(block, id="elsewhere") if block.kind == "message" else block for block in blocks_of(before)[0]
    ]
    assert compare(other, stored_digests(before), *blocks_of(now), read_at=now.cache_use.read_at or 0) is None


def test_nothing_is_kept_of_what_no_mark_covers() -> None:
    short = Story().say("Hello", recalled=(Recalled(id="recall", text="Long ago", tokens=2),)).planned
    cache_breakpoints = blocks_of(short)[1]
    assert len(stored_digests(short)) == max(cache_breakpoints, default=0) + 1
    assert unpacked(packed([b"abc", b"def"], ())) == (b"abc",)
