"""Recipes rebuild exact bytes: layout 2 with summary and recall, layout 1 as it always was."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from context.request import request
from context.request.recipe import Breakpoint, Recalled, RecalledRef, Recipe, is_reserved
from context.request.summary_blocks import Line, Segment, Summary, from_json, to_json
from tests.context.plan_inputs import MID, message, thread


def summary() -> Summary:
    segments = tuple(
        Segment(
            id=f"s{number}",
            first_id="a",
            last_id="b",
            lines=(Line(text=f"fact {number}", sources=("a",), pinned=number == 1),),
            tokens=20,
        )
        for number in (1, 2)
    )
    return Summary(id="l1", upto_id="b", segments=segments)


RECALLED = (Recalled(id="m9", text="Earlier the person said: blue.", tokens=8, ranges=((3, 9),)),)
RECIPE = Recipe(
    layout=2,
    model=MID,
    max_tokens=100,
    thinking="none",
    prompt_digest="d",
    first_message_id="m0",
    last_message_id="m2",
    breakpoints=(
        Breakpoint(at="system", ttl="1h"),
        Breakpoint(at="summary", ttl="5m"),
        Breakpoint(at="m2", ttl="5m"),
    ),
    user_ref=None,
    summary_id="l1",
    recalled=tuple(RecalledRef(id=block.id, digest=block.digest, ranges=block.ranges) for block in RECALLED),
)


def test_layout_2_puts_the_ladder_first_and_recall_last_behind_the_last_mark() -> None:
    body = json.loads(
        request.build(
            RECIPE, "sys", thread("u: hi", "a: hello", "u: colour?"), summary=summary(), recalled=RECALLED
        )
    )
    first, _, last = body["messages"]
    assert [block["text"].splitlines()[-1] for block in first["content"]] == ["- fact 1", "- fact 2", "hi"]
    assert "cache_control" not in first["content"][0]
    assert first["content"][1]["cache_control"] == {"type": "ephemeral"}
    assert [("cache_control" in block) for block in last["content"]] == [True, False]
    assert last["content"][1]["text"] == RECALLED[0].text
    assert body["stream"] is True


def test_an_older_segment_of_the_summary_is_marked_by_its_id() -> None:
    older, newest = summary().segments
    marked = replace(
        RECIPE, breakpoints=(Breakpoint(at=f"summary:{older.id}", ttl="1h"), *RECIPE.breakpoints[1:])
    )
    messages = thread("u: hi", "a: hello", "u: colour?")
    body = json.loads(request.build(marked, "sys", messages, summary=summary(), recalled=RECALLED))
    first = body["messages"][0]["content"]
    assert [block.get("cache_control") for block in first] == [
        {"type": "ephemeral", "ttl": "1h"},
        {"type": "ephemeral"},
        None,
    ]
    assert Recipe.from_json(json.loads(json.dumps(marked.to_json()))) == marked
    kept = json.loads(request.build_keepalive(marked, "sys", messages, summary=summary(), part="summary"))
    assert kept["messages"][0]["content"] == first[:2]
    assert is_reserved(f"summary:{newest.id}"), "no message may have such an id"


def test_layout_1_keeps_its_bytes() -> None:
    old = Recipe.from_json(
        {
            "layout": 1,
            "model": MID,
            "max_tokens": 100,
            "thinking": "none",
            "prompt_digest": "d",
            "first_message_id": "m0",
            "last_message_id": "m0",
            "breakpoints": [{"at": "system", "ttl": "5m"}, {"at": "m0", "ttl": "5m"}],
            "user_ref": None,
        }
    )
    assert request.build(old, "sys", thread("u: hi")) == (
        b'{"model":"claude-sonnet-5-5","max_tokens":100,"system":[{"type":"text","text":"sys","cache_control":'
        b'{"type":"ephemeral"}}],"messages":[{"role":"user","content":[{"type":"text","text":"hi","cache_control":'
        b'{"type":"ephemeral"}}]}],"stream":true}'
    )


def test_a_recipe_survives_its_stored_form() -> None:
    assert Recipe.from_json(json.loads(json.dumps(RECIPE.to_json()))) == RECIPE


def test_a_ladder_survives_its_stored_form() -> None:
    assert from_json(json.loads(json.dumps(to_json(summary().segments)))) == summary().segments


def test_another_recalled_text_or_summary_is_refused() -> None:
    messages = thread("u: hi", "a: hello", "u: colour?")
    with pytest.raises(ValueError, match="recalled"):
        request.build(
            RECIPE, "sys", messages, summary=summary(), recalled=(replace(RECALLED[0], text="red"),)
        )
    with pytest.raises(ValueError, match="summary"):
        request.build(RECIPE, "sys", messages, recalled=RECALLED)
    with pytest.raises(ValueError, match="layout"):
        request.build(replace(RECIPE, layout=9), "sys", messages, summary=summary(), recalled=RECALLED)


def test_a_keep_alive_is_the_same_prefix_without_an_answer_or_a_stream() -> None:
    messages = thread("u: hi", "a: hello", "u: colour?")
    real = json.loads(request.build(RECIPE, "sys", messages, summary=summary(), recalled=RECALLED))
    alive = json.loads(request.build_keepalive(RECIPE, "sys", messages, summary=summary()))
    assert alive["max_tokens"] == 0
    assert "stream" not in alive
    real["messages"][-1]["content"].pop()
    assert alive["messages"] == real["messages"]
    assert alive["system"] == real["system"]


def test_a_keep_alive_ends_where_the_part_that_is_renewed_ends() -> None:
    messages = thread("u: hi", "a: hello", "u: colour?")
    marked = [Breakpoint(at="system", ttl="1h"), Breakpoint(at="summary", ttl="1h")]
    recipe = replace(RECIPE, breakpoints=tuple(marked))
    real = json.loads(request.build(recipe, "sys", messages, summary=summary(), recalled=RECALLED))
    blocks = len(summary().blocks)
    for part in ("window", "summary"):  # nothing of the window is marked: it is not sent
        alive = json.loads(request.build_keepalive(recipe, "sys", messages, summary=summary(), part=part))
        assert alive["messages"] == [{"role": "user", "content": real["messages"][0]["content"][:blocks]}]
    alive = json.loads(request.build_keepalive(recipe, "sys", messages, summary=summary(), part="system"))
    assert alive["system"] == real["system"]
    assert [len(turn["content"]) for turn in alive["messages"]] == [1]
    assert "cache_control" not in str(alive["messages"])


def test_a_forked_summary_extends_the_live_prefix() -> None:
    messages = thread("u: hi", "a: hello", "u: colour?")
    answer = message("m3", "Blue.", role="assistant", parent="m2", depth=3)
    body = json.loads(
        request.build_fork(
            RECIPE, "sys", messages, answer=answer, instruction="Sum up.", max_tokens=300, summary=summary()
        )
    )
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user", "assistant", "user"]
    assert body["messages"][-1]["content"][0]["text"] == "Sum up."
    live = json.loads(request.build(replace(RECIPE, recalled=()), "sys", messages, summary=summary()))
    assert body == live | {"messages": body["messages"], "max_tokens": 300}
    assert body["messages"][:3] == live["messages"]


def test_refused_and_empty_answers_are_silent_and_broken_ones_say_so() -> None:
    path = [
        message("m0", "hi"),
        message("m1", "no", parent="m0", role="assistant", depth=1, refused=True),
        message("m2", "again", parent="m1", depth=2),
        message("m3", "half", parent="m2", role="assistant", depth=3, status="interrupted"),
        message("m4", "so?", parent="m3", depth=4),
    ]
    body = json.loads(request.build(replace(RECIPE, summary_id=None, recalled=()), "sys", path))
    assert [[block["text"] for block in turn["content"]] for turn in body["messages"]] == [
        ["hi", "again"],
        ["half\n\n[The answer was interrupted here.]"],
        ["so?"],
    ]
