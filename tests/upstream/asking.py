"""Tiny builders of request bodies for the simulator's own tests, and what becomes of one: refused or accepted, and its usage."""

from __future__ import annotations

from typing import Any

from anthropic import AsyncAnthropic
from anthropic.types import Message, Usage

from tests.upstream.errors import ApiError
from tests.upstream.rules.check import Purpose, check

MARK_5M = {"type": "ephemeral"}
MARK_1H = {"type": "ephemeral", "ttl": "1h"}
OPUS = "claude-opus-5-5"
SONNET = "claude-sonnet-5-5"
HAIKU = "claude-haiku-5-5"
OLD_SONNET = "claude-sonnet-4-5"
ON = {"type": "enabled", "budget_tokens": 2048}  # thinking, on models that take a budget


def thread(*lines: str) -> list[dict[str, Any]]:
    """`thread("u: hi", "a: hello", "s: be brief")` as messages."""
    roles = {"u": "user", "a": "assistant", "s": "system"}
    return [{"role": roles[line[0]], "content": line[3:]} for line in lines]


def text(content: str, mark: dict[str, Any] | None = None) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "text", "text": content}
    return block if mark is None else {**block, "cache_control": mark}


def user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def tool_use(id: str, name: str = "look") -> dict[str, Any]:
    return {"type": "tool_use", "id": id, "name": name, "input": {}}


def tool_result(id: str) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": id, "content": "seen"}


def tool(name: str = "look") -> dict[str, Any]:
    return {"name": name, "description": "Looks.", "input_schema": {"type": "object", "properties": {}}}


def ask(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A request body to Opus 5.5 for 1,000 tokens unless it says otherwise; without messages it says hi."""
    return {"model": OPUS, "max_tokens": 1000, "messages": list(messages) or thread("u: hi"), **fields}


def words(count: int) -> str:
    """That many words of four letters: one token each on the older models, four thirds on the newer."""
    return " ".join(["word"] * count)


SYSTEM = [text(words(600), MARK_1H)]
FORCED: dict[str, Any] = {"tools": [tool()], "tool_choice": {"type": "tool", "name": "look"}}


def without(name: str) -> dict[str, Any]:
    """A request body that lacks a field."""
    return {key: value for key, value in ask().items() if key != name}


def effort(level: str) -> dict[str, Any]:
    return {"effort": level}


def judge(body: Any, *, version: str = "2026-10-21", purpose: Purpose = "message") -> str:
    """The refusal, or `accepted`."""
    try:
        check(body, workspace="w", version=version, purpose=purpose, check_thinking=True)
    except ApiError as error:
        return f"{error.status} {error.type}: {error.message}"
    return "accepted"


async def usage(client: AsyncAnthropic, *messages: dict[str, Any], **fields: Any) -> Usage:
    """What a request with these messages and fields is billed."""
    message: Message = await client.messages.create(**ask(*messages, **fields))
    return message.usage


def kinds(spent: Usage) -> tuple[int, int, int, int]:
    """Read, 1h write, 5m write, plain input."""
    assert spent.cache_creation is not None
    created = spent.cache_creation
    assert spent.cache_creation_input_tokens == (
        created.ephemeral_1h_input_tokens + created.ephemeral_5m_input_tokens
    )
    return (
        spent.cache_read_input_tokens or 0,
        created.ephemeral_1h_input_tokens,
        created.ephemeral_5m_input_tokens,
        spent.input_tokens,
    )
