"""What must pass: requests that stay just inside a rule, and what other purposes and an older API version allow."""

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
    OPUS,
    SONNET,
    ask,
    assistant,
    effort,
    judge,
    text,
    thread,
    tool_result,
    tool_use,
    user,
    without,
)

ACCEPTED: list[dict[str, Any]] = [
    ask(),
    ask(*thread("u: one", "u: two", "a: three", "a: four", "u: five")),
    ask(*thread("u: hi", "s: be brief")),
    ask(*thread("u: hi", "s: be brief", "s: be kind", "a: hello", "u: more")),
    ask(*thread("u: hi", "a: The answer"), model=OLD_SONNET),
    ask(*thread("u: hi"), assistant(text("x")), *thread("u: more"), system="", metadata={"user_id": "u1"}),
    ask(*thread("u: hi"), assistant(text("so"), tool_use("t1")), user(tool_result("t1"), text("and?"))),
    ask(
        *thread("u: hi"),
        assistant(tool_use("t1"), tool_use("t2")),
        user(tool_result("t2")),
        user(tool_result("t1")),
    ),
    ask(user(*(text(f"{n}", MARK_5M) for n in range(4))), cache_control=MARK_5M),
    ask(user(text("a", MARK_1H), text("b", MARK_5M)), cache_control=MARK_5M),
    ask(model=HAIKU, thinking={"type": "disabled"}, output_config=effort("high")),
    ask(model=SONNET, thinking={"type": "between_tools"}),
    ask(model=HAIKU, **FORCED),
    ask(model="claude-fable-5", **FORCED),
    ask(model=OLD_SONNET, **FORCED),
    ask(model=OLD_SONNET, max_tokens=4096, thinking=ON),
    ask(model="claude-opus-4-6", thinking={"type": "adaptive"}, output_config=effort("max")),
    ask(max_tokens=0, system=[text("shared", MARK_1H)]),
    ask(speed="fast", inference_geo="us", service_tier="auto", diagnostics={"previous_message_id": None}),
    ask({"role": "user", "content": "word " * 199_000}, model=OLD_SONNET, max_tokens=64_000),
    ask(
        user({"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}, text("what?"))
    ),
]


@pytest.mark.parametrize("body", ACCEPTED, ids=range(len(ACCEPTED)))
def test_accepted(body: dict[str, Any]) -> None:
    assert judge(body) == "accepted"


@pytest.mark.parametrize(
    ("model", "value", "verdict"),
    [(OPUS, 1, "accepted"), (OPUS, 0.5, "may only be set to its default"), (OLD_SONNET, 0.5, "accepted")],
)
def test_the_old_api_version_refuses_only_unusual_sampling(model: str, value: float, verdict: str) -> None:
    assert verdict in judge(ask(model=model, temperature=value), version="2023-06-01")


def test_counting_takes_no_max_tokens_and_no_window_limit() -> None:
    body = without("max_tokens")
    assert judge(body, purpose="count") == "accepted"
    assert "max_tokens: Extra inputs" in judge(ask(), purpose="count")
    long = {"model": OLD_SONNET, "messages": thread("u: " + "word " * 200_001)}
    assert judge(long, purpose="count") == "accepted"
