"""What is refused: one table of requests and the words they are refused with."""

from __future__ import annotations

from typing import Any

import pytest

from tests.upstream.asking import (
    FORCED,
    HAIKU,
    MARK_1H,
    MARK_5M,
    OLD_SONNET,
    ON,
    SONNET,
    ask,
    assistant,
    effort,
    judge,
    text,
    thread,
    tool,
    tool_result,
    tool_use,
    user,
    without,
)

PREFILL = (
    "This model does not support assistant message prefill. The conversation must end with a user message."
)
NO_FORCED_TOOL = 'tool_choice: type "tool" and "any" are not supported for this model.'


def no_thinking(kind: str) -> str:
    return (
        f'"thinking.type.{kind}" is not supported for this model. Use "thinking.type.adaptive" and '
        '"output_config.effort" to control thinking behavior.'
    )


REFUSED: list[tuple[dict[str, Any], str]] = [
    # fields
    (without("model"), "400 invalid_request_error: model: Field required"),
    (without("max_tokens"), "max_tokens: Field required"),
    (without("messages"), "messages: Field required"),
    (ask(flavour="sweet"), "flavour: Extra inputs are not permitted"),
    (ask(compaction={"type": "summarize"}), "compaction: Extra inputs are not permitted"),
    (ask(model="claude-opus-9"), "404 not_found_error: model: claude-opus-9"),
    (ask(max_tokens="many"), "max_tokens: Input should be a valid integer"),
    (ask(max_tokens=True), "max_tokens: Input should be a valid integer"),
    (ask(max_tokens=-1), "max_tokens: Input should be greater than or equal to 0"),
    (ask(max_tokens=128_001), "max_tokens: 128001 > 128000, which is the maximum"),
    (ask(model=OLD_SONNET, max_tokens=64_001), "64001 > 64000"),
    (ask(stream="yes"), "stream: Input should be a valid boolean"),
    (ask(stop_sequences=[" "]), "each stop sequence must contain non-whitespace"),
    (ask(metadata={"email": "a@b"}), "metadata.email: Extra inputs are not permitted"),
    (ask(service_tier="fast"), "service_tier: Input should be"),
    (ask(model=HAIKU, speed="fast"), "speed: 'fast' is not supported"),
    (ask(output_config={"format": {"type": "json_schema"}}), "output_config.format"),
    (ask(system=[{"type": "image", "source": {}}]), "system.0: Input tag 'image'"),
    # sampling
    (ask(temperature=1), "temperature: this parameter is not supported"),
    (ask(top_p=0.9), "top_p: this parameter is not supported"),
    (ask(model=OLD_SONNET, top_k=5), "top_k: this parameter is not supported"),
    # messages
    ({**ask(), "messages": []}, "at least one message is required"),
    (ask(*thread("a: hello", "u: hi")), 'first message must use the "user" role'),
    (ask({"role": "tool", "content": "x"}), "messages.0.role: Input should be"),
    (ask({"role": "user", "content": "x", "name": "Ann"}), "messages.0.name: Extra inputs"),
    (ask({"role": "user", "content": ""}), "messages.0: all messages must have non-empty content"),
    (ask({"role": "user", "content": []}), "messages.0: all messages must have non-empty content"),
    (ask({"role": "user", "content": "  \n"}), "must contain non-whitespace text"),
    (ask(user(text(""))), "messages.0.content.0.text: text content blocks must be non-empty"),
    (ask(user(text(" "))), "must contain non-whitespace text"),
    (ask(user({"type": "text"})), "messages.0.content.0.text.text: Field required"),
    (ask(user({"type": "video", "source": {}})), "Input tag 'video'"),
    (ask(user(tool_use("t1"))), "Input tag 'tool_use' is not allowed in a user message"),
    (ask(user({**text("x"), "colour": "red"})), "messages.0.content.0.text.colour: Extra inputs"),
    (
        ask(user({**text("x"), "citations": [{"type": "x"}]})),
        "citations are not allowed on text blocks of user",
    ),
    (
        ask(
            *thread("u: hi"),
            assistant({"type": "document", "source": {"type": "text", "data": "x"}}),
            *thread("u: more"),
        ),
        "Input tag 'document' is not allowed in a assistant message",
    ),
    (
        ask(user({"type": "image", "source": {"type": "base64", "media_type": "image/bmp", "data": "AA=="}})),
        "media_type",
    ),
    # prefill
    (ask(*thread("u: hi", "a: The answer")), PREFILL),
    (ask(*thread("u: hi", "a: The answer"), model="claude-opus-4-6"), PREFILL),
    (
        ask(*thread("u: hi", "a: x"), model=OLD_SONNET, max_tokens=4096, thinking=ON),
        "prefill is not supported",
    ),
    (ask(*thread("u: hi", "a: x "), model=OLD_SONNET), "cannot end with trailing whitespace"),
    # system messages inside messages
    (ask(*thread("s: be brief", "u: hi")), "a system message must not come first"),
    (ask(*thread("u: hi", "a: hello", "s: be brief")), "must directly follow a user message"),
    (ask(*thread("u: hi", "s: be brief", "u: more")), "must be last or be followed by an assistant message"),
    (ask(*thread("u: hi", "s: be brief"), model="claude-sonnet-5"), 'role "system" is not supported'),
    (
        ask(
            *thread("u: hi"),
            assistant(tool_use("t1")),
            {"role": "system", "content": "x"},
            user(tool_result("t1")),
        ),
        "messages.2: a system message must directly follow",
    ),
    # tool pairs
    (
        ask(*thread("u: hi"), assistant(tool_use("t1")), *thread("u: more"), tools=[tool()]),
        "messages.2: `tool_use` ids were found without `tool_result` blocks immediately after: t1",
    ),
    (ask(*thread("u: hi"), assistant(tool_use("t1"))), "`tool_use` ids were found without"),
    (
        ask(
            *thread("u: hi"), assistant(tool_use("t1"), tool_use("t2")), user(tool_result("t1"), text("and"))
        ),
        "immediately after: t2",
    ),
    (
        ask(*thread("u: hi"), assistant(tool_use("t1")), user(text("first"), tool_result("t1"))),
        "`tool_use` ids were found without",
    ),
    (ask(user(tool_result("t9"))), "unexpected `tool_use_id` found in `tool_result` blocks: t9"),
    (
        ask(*thread("u: hi"), assistant(tool_use("t1")), user(tool_result("t1"), tool_result("t1"))),
        "each tool_use must have a single result",
    ),
    (
        ask(
            *thread("u: hi"),
            assistant(tool_use("t1")),
            user(tool_result("t1")),
            assistant(tool_use("t1")),
            user(tool_result("t1")),
        ),
        "`tool_use` ids must be unique",
    ),
    # tools
    (ask(tools=[tool("a b")]), "tools.0.custom.name"),
    (ask(tools=[tool(), tool()]), "Tool names must be unique"),
    (ask(tools=[{"name": "look"}]), "tools.0.custom.input_schema"),
    (ask(tool_choice={"type": "auto"}), "may only be specified while providing tools"),
    (ask(tools=[tool()], model=HAIKU, tool_choice={"type": "tool", "name": "see"}), "Tool 'see' not found"),
    (ask(tools=[tool()], tool_choice={"type": "some"}), "tool_choice: Input tag 'some'"),
    # breakpoints
    (ask(user(*(text(f"{n}", MARK_5M) for n in range(5)))), "A maximum of 4 blocks with cache_control"),
    (
        ask(user(*(text(f"{n}", MARK_5M) for n in range(4)), text("last")), cache_control=MARK_5M),
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ),
    (
        ask(user(text("a", MARK_5M), text("b", MARK_1H))),
        "messages.0.content.1.cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m'",
    ),
    (ask(user(text("a", MARK_1H)), tools=[{**tool(), "cache_control": MARK_5M}]), "must not come after"),
    (ask(user(text("a", MARK_5M)), cache_control=MARK_1H), "already marked with another ttl"),
    (ask(user(text("a", {"type": "ephemeral", "ttl": "1d"}))), "ttl: Input should be '5m' or '1h'"),
    (ask(user(text("a", {"type": "persistent"}))), "Input tag 'persistent'"),
    (ask(user(text("a"), text("", MARK_5M))), "cache_control cannot be set for empty text blocks"),
    (
        ask(
            *thread("u: hi"),
            assistant(
                {"type": "thinking", "thinking": "", "signature": "", "cache_control": MARK_5M}, text("x")
            ),
            *thread("u: more"),
        ),
        "messages.1.content.0.thinking.cache_control: Extra inputs are not permitted",
    ),
    # thinking
    (ask(thinking={"type": "disabled"}), no_thinking("disabled")),
    (ask(thinking=ON), no_thinking("enabled")),
    (ask(model=SONNET, thinking={"type": "disabled"}), no_thinking("disabled")),
    (ask(model=HAIKU, thinking=ON), no_thinking("enabled")),
    (ask(model="claude-sonnet-5", thinking=ON), no_thinking("enabled")),
    (ask(model="claude-fable-5-2", thinking={"type": "disabled"}), no_thinking("disabled")),
    (ask(thinking={"type": "between_tools"}), no_thinking("between_tools")),
    (
        ask(model=OLD_SONNET, thinking={"type": "adaptive"}),
        "adaptive thinking is not supported on this model",
    ),
    (
        ask(model=HAIKU, thinking={"type": "disabled"}, output_config=effort("xhigh")),
        "is not supported with \"output_config.effort\" 'xhigh'",
    ),
    (ask(model=SONNET, thinking={"type": "between_tools"}, output_config=effort("max")), "'max'"),
    (
        ask(model=SONNET, thinking={"type": "between_tools", "display": "omitted"}),
        "thinking.display: Extra inputs",
    ),
    (ask(thinking={"type": "adaptive", "budget_tokens": 2000}), "thinking.budget_tokens: Extra inputs"),
    (ask(thinking={"type": "adaptive", "display": "loud"}), "thinking.display: Input should be"),
    (ask(thinking={"type": "on"}), "thinking: Input tag 'on'"),
    (ask(model=OLD_SONNET, max_tokens=4096, thinking={"type": "enabled"}), "budget_tokens: Field required"),
    (
        ask(model=OLD_SONNET, thinking={"type": "enabled", "budget_tokens": 1000}),
        "greater than or equal to 1024",
    ),
    (ask(model=OLD_SONNET, thinking=ON), "`max_tokens` must be greater than `thinking.budget_tokens`"),
    # effort
    (ask(output_config=effort("extreme")), "output_config.effort: Input should be"),
    (ask(model=OLD_SONNET, output_config=effort("low")), "does not support the effort parameter"),
    (ask(model="claude-opus-4-6", output_config=effort("xhigh")), "'xhigh' is not supported"),
    # forced tool choice
    (ask(**FORCED), NO_FORCED_TOOL),
    (ask(model=SONNET, tools=[tool()], tool_choice={"type": "any"}), NO_FORCED_TOOL),
    (ask(model="claude-fable-5-1", **FORCED), NO_FORCED_TOOL),
    (
        ask(model=OLD_SONNET, max_tokens=4096, thinking=ON, **FORCED),
        "Thinking may not be enabled when tool_choice",
    ),
    # pre-warm
    (ask(max_tokens=0, stream=True), "max_tokens: 0 cannot be combined with stream"),
    (ask(max_tokens=0, model=OLD_SONNET, thinking=ON), "cannot be combined with thinking.type: enabled"),
    (ask(max_tokens=0, model=HAIKU, **FORCED), "cannot be combined with a forced tool_choice"),
    (
        ask(max_tokens=0, output_config={"format": {"type": "json_schema", "schema": {}}}),
        "cannot be combined with output_config.format",
    ),
    # window
    (
        ask({"role": "user", "content": "word " * 200_001}, model=OLD_SONNET),
        "prompt is too long: 200005 tokens > 200000 maximum",
    ),
]


@pytest.mark.parametrize(("body", "words"), REFUSED, ids=[words[:60] for _, words in REFUSED])
def test_refused_with_these_words(body: dict[str, Any], words: str) -> None:
    verdict = judge(body)
    assert words in verdict
    assert verdict.startswith(("400 invalid_request_error", "404 not_found_error"))


def test_a_body_that_is_no_object_is_refused() -> None:
    assert "400 invalid_request_error" in judge([])


def test_a_prewarm_is_refused_in_a_batch() -> None:
    assert "cannot be combined with a batch" in judge(ask(max_tokens=0), purpose="batch")
