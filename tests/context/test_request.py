"""From recipe to bytes. The exact bytes are spelled out: one that changes breaks every stored digest."""

import json
from dataclasses import replace

import pytest

from context.request import request
from context.request.recipe import Breakpoint, Recipe
from context.request.window import INTERRUPTED
from tests.context.threads import thread

RECIPE = Recipe(
    layout=1,
    model="claude-sonnet-5-5",
    max_tokens=16_000,
    thinking="adaptive",
    prompt_digest="not used here",
    first_message_id="m0",
    last_message_id="m2",
    breakpoints=(Breakpoint(at="system", ttl="5m"), Breakpoint(at="m2", ttl="1h")),
    user_ref="somebody",
)


def test_the_canonical_bytes() -> None:
    body = request.build(RECIPE, "Be good.", thread("u: hé 日本 😀", 'a: "quoted" \\ / <b>', "u: ok\tthen"))
    assert body.decode() == (
        '{"model":"claude-sonnet-5-5","max_tokens":16000,'
        '"system":[{"type":"text","text":"Be good.","cache_control":{"type":"ephemeral"}}],'
        '"messages":[{"role":"user","content":[{"type":"text","text":"hé 日本 😀"}]},'
        '{"role":"assistant","content":[{"type":"text","text":"\\"quoted\\" \\\\ / <b>"}]},'
        '{"role":"user","content":[{"type":"text","text":"ok\\tthen",'
        '"cache_control":{"type":"ephemeral","ttl":"1h"}}]}],'
        '"thinking":{"type":"adaptive","display":"summarized"},"metadata":{"user_id":"somebody"},"stream":true}'
    )
    assert request.digest(body) == "7ae0c14b202902952541dfe0496e830548c64a348848bee7b2ee910b1dddfc5d"


def test_optional_fields_are_left_out() -> None:
    plain = replace(RECIPE, thinking="none", user_ref=None, breakpoints=())
    body = request.build(plain, "Be good.", thread("u: hi"))
    assert list(json.loads(body)) == ["model", "max_tokens", "system", "messages", "stream"]
    assert b"cache_control" not in body


def test_neighbours_of_one_role_share_a_turn_when_an_answer_is_silent() -> None:
    lines = thread("u: one", "a refused: gone", "u: two", "a cancelled: ", "u: three")
    body = json.loads(request.build(RECIPE, "Be good.", lines))
    assert [turn["role"] for turn in body["messages"]] == ["user"]
    assert [block["text"] for block in body["messages"][0]["content"]] == ["one", "two", "three"]


def test_a_broken_off_answer_says_so() -> None:
    body = json.loads(request.build(RECIPE, "s", thread("u: one", "a cancelled: half", "u: two")))
    assert body["messages"][1]["content"] == [{"type": "text", "text": f"half\n\n{INTERRUPTED}"}]


def test_an_unknown_layout_is_not_guessed_at() -> None:
    with pytest.raises(ValueError, match="layout 9"):
        request.build(replace(RECIPE, layout=9), "s", thread("u: one"))
