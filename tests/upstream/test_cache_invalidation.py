"""What a changed request loses of the prompt cache, level by level, and how diagnostics name the first divergence."""

from __future__ import annotations

from typing import Any

import pytest
from anthropic import AsyncAnthropic

from tests.upstream import Reply, Simulator
from tests.upstream.asking import (
    HAIKU,
    MARK_5M,
    OPUS,
    SONNET,
    SYSTEM,
    ask,
    assistant,
    kinds,
    text,
    tool,
    usage,
    user,
    words,
)
from tests.upstream.call import Call
from tests.upstream.models import find_model
from tests.upstream.prompt import lay_out

CACHED: dict[str, Any] = {
    "tools": [{**tool(), "description": words(600), "cache_control": MARK_5M}],
    "system": [text(words(300), MARK_5M)],
}


CHANGES: list[tuple[dict[str, Any], str]] = [
    ({}, "messages"),
    ({"metadata": {"user_id": "someone"}, "max_tokens": 5}, "messages"),
    ({"output_config": {"effort": "medium"}, "thinking": {"type": "adaptive"}}, "messages"),
    ({"output_config": {"effort": "low"}}, "system"),
    ({"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}, "system"),
    ({"tool_choice": {"type": "none"}}, "system"),
    ({"system": [text(words(300) + " more", MARK_5M)]}, "tools"),
    ({"tools": [{**CACHED["tools"][0], "description": words(601)}]}, "nothing"),
    ({"model": SONNET}, "nothing"),
    ({"speed": "fast"}, "nothing"),
]


@pytest.mark.parametrize(("change", "survives"), CHANGES, ids=[str(change)[:50] for change, _ in CHANGES])
async def test_a_change_loses_its_level_and_all_after_it(
    client: AsyncAnthropic, change: dict[str, Any], survives: str
) -> None:
    marked = user(text(words(300), MARK_5M))
    await usage(client, marked, **CACHED)
    blocks = lay_out(Call(body=ask(marked, **CACHED), model=find_model(OPUS), workspace="")).blocks
    levels = {"nothing": 0, "tools": 1, "system": 2, "messages": 3}
    expected = sum(block.tokens for block in blocks[: levels[survives]])
    spent = await usage(client, marked, **{**CACHED, **change})
    assert spent.cache_read_input_tokens == expected


async def test_an_image_anywhere_loses_the_messages(client: AsyncAnthropic) -> None:
    picture = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}
    opening = user(text(words(600), MARK_5M))
    await usage(client, opening, system=SYSTEM)
    spent = await usage(client, opening, user(picture), system=SYSTEM)
    assert kinds(spent)[0] == 800


async def test_an_edited_message_loses_itself_and_what_follows(client: AsyncAnthropic) -> None:
    turns = [user(text(words(600))), assistant(text("one")), user(text(words(600)))]
    turns[0]["content"][0]["cache_control"] = MARK_5M
    turns[2]["content"][0]["cache_control"] = MARK_5M
    await usage(client, *turns)
    edited = [turns[0], assistant(text("two")), turns[2]]
    assert kinds(await usage(client, *edited))[0] == 804


async def test_a_system_message_in_the_middle_keeps_the_prefix(client: AsyncAnthropic) -> None:
    opening = user(text(words(600), MARK_5M))
    await usage(client, opening)
    spent = await usage(client, opening, {"role": "system", "content": "It is Friday."})
    assert kinds(spent)[0] == 804


def diagnosed(previous: str | None) -> dict[str, Any]:
    return {"diagnostics": {"previous_message_id": previous}}


async def test_diagnostics_name_the_first_divergence(client: AsyncAnthropic) -> None:
    turn = user(text(words(100)))
    first = await client.messages.create(**ask(turn, **CACHED, **diagnosed(None)))
    assert first.diagnostics is None
    grown = (turn, assistant(text("ok")), user(text("more")))
    cases: list[tuple[dict[str, Any], str | None]] = [
        (ask(*grown, **CACHED), None),
        (ask(*grown, **CACHED, model=HAIKU), "model_changed"),
        (ask(*grown, **{**CACHED, "tools": [tool()]}), "tools_changed"),
        (ask(*grown, **{**CACHED, "system": "Other."}), "system_changed"),
        (ask(user(text("other")), *grown[1:], **CACHED), "messages_changed"),
        (ask(*grown, **CACHED, output_config={"effort": "low"}), "unavailable"),
    ]
    for body, expected in cases:
        message = await client.messages.create(**body, **diagnosed(first.id))
        reason = message.diagnostics and message.diagnostics.cache_miss_reason
        assert (reason and reason.type) == expected
    lost = await client.messages.create(**ask(*grown, **diagnosed("msg_unknown")))
    assert lost.diagnostics is not None
    assert lost.diagnostics.cache_miss_reason is not None
    assert lost.diagnostics.cache_miss_reason.type == "previous_message_not_found"


async def test_a_pending_comparison_can_be_scripted(sim: Simulator, client: AsyncAnthropic) -> None:
    sim.script(Reply(text="ok", diagnostics={"cache_miss_reason": None}))
    message = await client.messages.create(**ask(**diagnosed(None)))
    assert message.diagnostics is not None
    assert message.diagnostics.cache_miss_reason is None
