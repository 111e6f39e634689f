"""A request laid out as the API reads it: tools, then system, then messages, one cacheable block after another.

Each block knows its tokens, its cache mark and the cumulative hash of everything up to and including it. Marks are
no part of the hash. What upstream-facts 2.6 says invalidates only later levels is mixed in where that level begins.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from tests.upstream import signatures, tokens
from tests.upstream.call import Call, blocks_of
from tests.upstream.models import Model

Level = Literal["tools", "system", "messages"]
MESSAGE_OVERHEAD = 4
"""Assumed tokens for the role frame of one message."""
NO_MARK = ("thinking", "redacted_thinking")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One position of the prompt. `ttl` is set when an explicit breakpoint stands here."""

    level: Level
    kind: str
    place: str
    tokens: int
    ttl: str | None
    digest: bytes
    markable: bool = True


def lay_out(call: Call) -> tuple[Block, ...]:
    """The prompt of a call, in cache order."""
    return tuple(_blocks(call))


def size(blocks: tuple[Block, ...]) -> int:
    return sum(block.tokens for block in blocks)


def canonical(value: Any) -> bytes:
    """JSON bytes without `cache_control`. Key order is kept: changing it is a change."""
    return orjson.dumps(_unmarked(value))


def _blocks(call: Call) -> Iterator[Block]:
    body, model = call.body, call.model
    running = hashlib.sha256(orjson.dumps([call.workspace, model.id, call.speed]))
    for number, tool in enumerate(body.get("tools") or []):
        material = canonical(tool)
        running.update(b"\x00tool" + material)
        extra = model.tool_prompt if number == 0 else 0
        yield Block(
            level="tools",
            kind="tool",
            place=f"tools.{number}",
            tokens=tokens.count(material.decode(), model) + extra,
            ttl=_ttl(tool),
            digest=running.digest(),
        )
    running.update(b"\x00system" + orjson.dumps(_system_settings(body)))
    for number, block in enumerate(blocks_of(body.get("system"))):
        running.update(b"\x00" + canonical(block))
        yield Block(
            level="system",
            kind=str(block.get("type")),
            place=f"system.{number}",
            tokens=count_block(block, model),
            ttl=_ttl(block),
            digest=running.digest(),
            markable=bool(block.get("text")),
        )
    running.update(b"\x00messages" + orjson.dumps(_message_settings(call)))
    stripped_before = _strip_line(call)
    for index, message in enumerate(body["messages"]):
        first = True
        for number, block in enumerate(blocks_of(message["content"])):
            kind = str(block.get("type"))
            if kind in NO_MARK and (index < stripped_before or not _readable(block, model)):
                continue
            running.update(b"\x00" + message["role"].encode() + b"\x00" + canonical(block))
            yield Block(
                level="messages",
                kind=kind,
                place=f"messages.{index}.content.{number}",
                tokens=count_block(block, model) + (MESSAGE_OVERHEAD if first else 0),
                ttl=_ttl(block),
                digest=running.digest(),
                markable=kind not in NO_MARK and not (kind == "text" and not block.get("text")),
            )
            first = False


def count_block(block: dict[str, Any], model: Model) -> int:
    match block.get("type"):
        case "text":
            return tokens.count(block["text"], model)
        case "image":
            return tokens.count_image(block, model)
        case "document":
            return tokens.count_document(block, model)
        case "thinking":
            return signatures.thinking_tokens(block) or tokens.count(block.get("thinking", ""), model)
        case "tool_result":
            inner = blocks_of(block.get("content"))
            return MESSAGE_OVERHEAD + sum(count_block(part, model) for part in inner)
        case _:
            return tokens.count(canonical(block).decode(), model)


def _system_settings(body: dict[str, Any]) -> list[Any]:
    """Citations switched on or off anywhere lose the system level."""
    cited = any(
        (block.get("citations") or {}).get("enabled")
        for message in body["messages"]
        for block in blocks_of(message["content"])
        if block.get("type") in ("document", "search_result")
    )
    return [cited]


def _message_settings(call: Call) -> list[Any]:
    """Thinking, effort, output format, tool choice and the presence of images lose the messages level."""
    body = call.body
    images = any(
        block.get("type") == "image"
        for message in body["messages"]
        for block in blocks_of(message["content"])
    )
    budget = (body.get("thinking") or {}).get("budget_tokens")
    schema = (body.get("output_config") or {}).get("format")
    choice = body.get("tool_choice") or {"type": "auto"}
    return [call.thinking, budget, call.effort, schema, choice, images]


def _strip_line(call: Call) -> int:
    """Thinking before this message index leaves the prompt of models that strip it (upstream-facts 2.6)."""
    if not call.model.strips_thinking:
        return 0
    for index in range(len(call.body["messages"]) - 1, -1, -1):
        message = call.body["messages"][index]
        kinds = {block.get("type") for block in blocks_of(message["content"])}
        if message["role"] == "user" and "tool_result" not in kinds:
            return index
    return 0


def _readable(block: dict[str, Any], model: Model) -> bool:
    return signatures.readable_by(block, model)


def _ttl(block: dict[str, Any]) -> str | None:
    mark = block.get("cache_control")
    return None if mark is None else mark.get("ttl") or "5m"


def _unmarked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _unmarked(inner) for key, inner in value.items() if key != "cache_control"}
    if isinstance(value, list):
        return [_unmarked(inner) for inner in value]
    return value
