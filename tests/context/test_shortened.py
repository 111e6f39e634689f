"""Long replies sent as their beginning: where they are cut, which are, and that the bytes stay as they are; tables, then properties."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context.cache.cache_state import CacheState
from context.cache.plan_inputs import BranchState
from context.messages import Message
from context.planning.trim import trim
from context.policy import DEFAULT
from context.request import request
from context.request.shorten import beginning, kept_tokens, shorten, spared_tokens
from context.request.shortened import NO_SHORT_REPLIES, NOTE, ShortReplies, short_replies, whole
from context.request.summary_blocks import Line, Segment, Summary
from context.request.window import Floor, select, spoken
from tests.context.plan_inputs import CHEAP, MID, NOON, TOP, inputs
from tests.context.story import Asked, Story
from tests.context.threads import message, sized

POLICY = replace(DEFAULT, beginning_tokens=100)
FLOOR = Floor(messages=20, exchanges=2, tokens=0, room=60_000)
WORDS = "The parcel left Rotterdam on Friday. It is on a barge now, and nobody hurries it. "
TEXT = f"{WORDS * 4}\n\n" * 12


def branch(*sizes: str, text: str = TEXT) -> list[Message]:
    path = sized(" ".join(sizes))
    return [message(each.depth, each.role, tokens=each.tokens, text=text) for each in path]


# Where texts are cut to at most so many characters: what is left, and what closes the block.
CUTS = [
    ("a paragraph\n\nanother one\n\nand more of it", 30, "a paragraph\n\nanother one", ""),
    ("no paragraph here\nbut a line\nand more of it", 30, "no paragraph here\nbut a line", ""),
    ("Say so. And then. And more of it, without an end", 30, "Say so. And then.", ""),
    ("words and words and words and words", 30, "words and words and words and", ""),
    ("x" * 50, 30, "x" * 30, ""),
    ("这是一句话。这是第二句话。这是第三句话，很长很长", 15, "这是一句话。这是第二句话。", ""),
    ("Here:\n\n```python\nprint(1)\nprint(2)\nprint(3)\n```\nDone", 36, "Here:\n\n```python\nprint(1)\nprint(2)", "\n```"),
    ("Here it is:\n\n```python\nprint(1)\nprint(2)\nprint(3)\n```\nDone", 22, "Here it is:", ""),
    ("1. do\n   ~~~~\n   rm -r a\n   rm -r b\n   ~~~~", 36, "1. do\n   ~~~~\n   rm -r a\n   rm -r b", "\n   ~~~~"),
    ("- ```sh\n  ls one\n  ls two\n  ls three\n  ```", 28, "- ```sh\n  ls one\n  ls two", "\n  ```"),
    ("> ```\n> one\n> two\n> three\n> ```", 18, "> ```\n> one\n> two", "\n> ```"),
    ("$$\na + b\n+ c + d\n+ e\n$$", 17, "$$\na + b\n+ c + d", "\n$$"),
    ("\\[\na + b\n+ c + d\n+ e\n\\]", 17, "\\[\na + b\n+ c + d", "\n\\]"),
    ("`a` and $$b$$ here\nsecond line\nthird line", 32, "`a` and $$b$$ here\nsecond line", ""),
    ("Sizes here:\n| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |", 26, "Sizes here:", ""),
    ("Sizes:\n| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |", 40, "Sizes:\n| a | b |\n|---|---|\n| 1 | 2 |", ""),
    ("so **this is bold and goes on** and on", 24, "so **this is bold and", "**"),
    ("```\n" + "x" * 60 + "\n```", 30, "```\n" + "x" * 26, "\n```"),
    ("\n" * 40 + "words", 20, "", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "most", "left", "closing"), CUTS)
def test_a_text_is_cut_where_its_markdown_stays_whole(text: str, most: int, left: str, closing: str) -> None:
    end, close = beginning(text, most)
    assert (text[:end], close) == (left, closing)


@given(st.text(alphabet="ab .\n`$~|>-*", max_size=300), st.integers(1, 200))
def test_a_beginning_is_one_and_short_enough(text: str, most: int) -> None:
    end, closing = beginning(text, most)
    assert 0 <= end <= most
    assert text[:end] == text[:end].rstrip()
    assert len(closing) < len(text) + 8


def test_the_oldest_long_replies_are_cut_until_the_rest_is_worth_its_price() -> None:
    path = branch("u20", "a1000", "u20", "a900", "u20", "a1100")
    assert [reply.id for reply in shorten(path, FLOOR, POLICY).replies] == ["m1", "m3"]
    assert shorten(path, FLOOR, POLICY).while_id == "m4"
    some = replace(FLOOR, tokens=2_400.0)
    assert [reply.id for reply in shorten(path, some, POLICY).replies] == ["m1"]
    assert shorten(path, replace(FLOOR, tokens=3_060.0), POLICY) is NO_SHORT_REPLIES
    assert shorten(path, FLOOR, replace(POLICY, whole_replies=2)).while_id == "m2"
    assert shorten(path[2:], FLOOR, replace(POLICY, whole_replies=2)) is NO_SHORT_REPLIES
    for reply in shorten(path, FLOOR, POLICY).replies:
        assert 40 <= reply.tokens <= 100
    assert kept_tokens(path, FLOOR, POLICY) + spared_tokens(path, FLOOR, POLICY) == 3_060


@pytest.mark.parametrize("count", range(1, 8))
def test_the_newest_reply_is_whole_whatever_it_costs(count: int) -> None:
    path = branch(*["u20", "a5000"] * count)
    short = shorten(path, FLOOR, POLICY)
    assert [reply.id for reply in short.replies] == [f"m{2 * index + 1}" for index in range(count - 1)]
    # On arrival the new message stands behind it, not answered yet.
    coming = [*path, message(2 * count, "user", tokens=30)]
    assert shorten(coming, FLOOR, POLICY) == short


def test_what_is_short_broken_off_or_refused_stays_whole() -> None:
    path = branch("u20", "a249", "u20", "a1000", "u20", "a1000", "u20", "a1000")
    path[3] = replace(path[3], status="interrupted")
    path[5] = replace(path[5], refused=True)
    assert shorten(path, FLOOR, POLICY) is NO_SHORT_REPLIES
    path[1] = replace(path[1], tokens=250)
    assert [reply.id for reply in shorten(path, FLOOR, POLICY).replies] == ["m1"]


def test_no_reply_is_cut_that_another_reply_follows() -> None:
    path = branch("u20", "a1000", "a1000", "u20", "a1000", "a1000")
    assert [reply.id for reply in shorten(path, FLOOR, POLICY).replies] == ["m2"]


def test_replies_before_any_message_of_the_user_are_whole() -> None:
    assert shorten(branch("a1000", "a1000"), FLOOR, POLICY) is NO_SHORT_REPLIES


def test_a_short_reply_and_the_message_behind_it_are_sent_as_such() -> None:
    path = branch("u20", "a1000", "u20", "a1000", "u30")
    short = shorten(path, FLOOR, POLICY)
    sent = short.applied(path)
    end = short.replies[0].end
    assert spoken(sent[1]) == TEXT[:end]
    assert spoken(sent[2]) == f"{NOTE}\n\n{TEXT}", "it is not the model that says so"
    assert [spoken(each) for each in (sent[0], *sent[3:])] == [TEXT] * 3
    assert sent[1].whole_tokens == 1_000
    assert sent[1].text == TEXT
    assert list(map(whole, sent)) == path
    assert shorten(sent, FLOOR, POLICY) == short, "decided from the whole messages"
    assert short_replies(sent) == ((sent[1],), sent[2])
    assert short_replies(path) == ((), None)
    assert ShortReplies.from_json(json.loads(json.dumps(short.to_json()))) == short
    assert NO_SHORT_REPLIES.to_json() is None
    assert ShortReplies.from_json(None) == NO_SHORT_REPLIES


def test_on_a_branch_that_leaves_before_the_whole_replies_all_are_whole() -> None:
    path = branch("u20", "a1000", "u20", "a1000")
    short = shorten(path, FLOOR, POLICY)
    other = [*path[:2], replace(path[2], id="other")]
    assert short.applied(other) == tuple(other)
    regenerated = [*path[:3], replace(path[3], id="other")]
    assert short.applied(regenerated)[1].short is not None


# Small enough for replies of a few dozen words to be long.
SMALL = replace(
    DEFAULT, summary_budget=300, compaction_min=20, window_cap=4_000, floor_tokens=100, beginning_tokens=25
)
PAUSES = st.sampled_from([3, 290, 400, 3_700, 20_000])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.sampled_from([CHEAP, MID, MID, TOP]), st.integers(1, 90)),
        st.tuples(st.just("say"), st.just(MID), st.integers(1, 90)),
        st.tuples(st.just("wait"), PAUSES, st.just(0)),
        st.tuples(st.just("rest"), PAUSES, st.just(0)),
        st.tuples(st.just("branch"), st.integers(1, 8), st.just(0)),
        st.tuples(st.just("undo"), st.just(0), st.just(0)),
    ),
    min_size=8,
    max_size=50,
)
Step = tuple[str, str | int, int]
LONG: list[Step] = [step for _ in range(12) for step in (("say", MID, 80), ("wait", 4_000, 0))]


def lived(steps: list[Step]) -> Story:
    story = Story(policy=SMALL)
    for number, (what, which, size) in enumerate(steps):
        match what:
            case "say":
                story.say(
                    f"{number}: where is it?", model=str(which), answer=f"{number}: " + WORDS * (size // 4)
                )
                story.now += 5_000
            case "wait":
                story.wait(int(which))
            case "rest":
                story.rest(int(which))
            case "undo" if story.leaf is not None:
                story.undo()
            case "branch" if story.leaf is not None:
                answers = [each.id for each in story.messages.values() if each.role == "assistant"]
                story.branch_at(answers[max(0, len(answers) - int(which))])
    return story


def shorts(asked: Asked) -> list[str]:
    return [each.id for each in asked.planned.messages if each.short is not None]


def test_a_thread_of_long_answers_and_long_pauses_has_short_replies() -> None:
    story = lived(LONG)
    assert sum(bool(shorts(asked)) for asked in story.asked) > 5, "or the properties prove nothing"
    last = next(asked for asked in reversed(story.asked) if shorts(asked)).planned
    (row,) = last.to_json()["shortened"]
    assert row["saved"] == next(each.rest for each in last.messages if each.short) > 100
    assert "1 long reply is sent as the beginning only" in last.reasons["shortened"]
    assert last.floor_spared > 0


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_behind_one_summary_the_messages_of_a_branch_keep_their_bytes(steps: list[Step]) -> None:
    """Between compactions, on branches, after edits and after an undo."""
    story = lived(steps)
    before: dict[tuple[str | None, str], list[Asked]] = {}
    for asked in story.asked:
        key = (asked.planned.recipe.summary_id, asked.planned.recipe.first_message_id)
        now = [(each.id, spoken(each)) for each in asked.planned.messages]
        for other in before.get(key, []):
            then = [(each.id, spoken(each)) for each in other.planned.messages]
            if other.planned.recipe.last_message_id in dict(now):
                assert now[: len(then)] == then
        before.setdefault(key, []).append(asked)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_the_newest_reply_of_every_request_is_whole_and_short_ones_carry_a_note(steps: list[Step]) -> None:
    for asked in lived(steps).asked:
        messages = asked.planned.messages
        replies = [each for each in messages if each.role == "assistant"]
        assert all(each.short is None for each in replies[-1:])
        for each, following in pairwise(messages):
            assert following.noted == (each.short is not None)
        assert all(each.short is None for each in messages) or asked.planned.summary is not None


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_a_request_is_rebuilt_from_its_recipe_its_summary_and_the_stored_messages(steps: list[Step]) -> None:
    story = lived(steps)
    for asked in story.asked:
        planned = asked.planned
        stored = [story.messages[each.id] for each in planned.messages]
        short = NO_SHORT_REPLIES if planned.summary is None else planned.summary.shortened
        again = ShortReplies.from_json(json.loads(json.dumps(short.to_json()))).applied(stored)
        body = request.build(planned.recipe, planned.prompt.text, again, summary=planned.summary)
        assert body == asked.body


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_reads_are_billed_as_planned_where_replies_are_short(steps: list[Step]) -> None:
    for asked in lived(steps).asked:
        forecast, billed = asked.planned.estimated_usage, asked.actual_usage
        slack = 60 + 0.05 * billed.prompt
        assert abs(forecast.cache_read - billed.cache_read) <= slack, asked.planned.reasons
        assert abs(forecast.prompt - billed.prompt) <= slack


def test_where_the_summary_does_not_fit_its_short_replies_are_whole_again() -> None:
    """A request names them by its summary: without it nobody could rebuild the request."""
    path = branch("u20", "a1000", "u20", "a1000", "u30")
    short = shorten(path, FLOOR, POLICY)
    lines = (Line(text="x", sources=("m0",)),)
    segment = Segment(id="s", first_id="m0", last_id="m0", lines=lines, tokens=9_000)
    state = BranchState(
        path=short.applied(path),
        summary=Summary(id="l", upto_id="m", segments=(segment,), shortened=short),
        cache_state=CacheState(model=MID),
        now=NOON,
    )
    small = inputs()
    small = replace(small, max_output=500, model=replace(small.model, context_window=8_000))
    trimmed = trim(small, state, (), FLOOR, None)
    assert trimmed.summary is None
    assert list(trimmed.window.messages) == path[-len(trimmed.window.messages) :]
    large = trim(inputs(), state, (), FLOOR, None)
    assert large.summary is state.summary
    assert list(large.window.messages) == list(state.path)


@pytest.mark.parametrize("limit", [100, 250, 400])
def test_a_cut_window_is_what_the_stored_messages_make_again(limit: int) -> None:
    path = branch("u20", "a900", "u20", "a900", "u20", "a30", "u20")
    short = shorten(path, FLOOR, POLICY)
    window = select(
        short.applied(path), after=None, previous_start=None, limit=limit, floor=FLOOR, policy=POLICY
    )
    assert not window.messages[0].noted, "the reply above it is not sent"
    assert short.applied(path[-len(window.messages) :]) == window.messages
    assert window.tokens == sum(each.tokens for each in window.messages)
