"""Build the exact bytes of a Messages API request from a recipe and the values it names, and their digest.

Canonical form: UTF-8 JSON, fixed key order, no white space, no escapes that are not needed. The SDK sends these bytes as they
are, so the digest in the store is the digest of what went over the wire.
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Literal

from context.messages import Message
from context.request.prompts import Instructions
from context.request.recipe import INSTRUCTIONS, SEGMENT, SUMMARY, SYSTEM, Recalled, Recipe
from context.request.summary_blocks import Block, Summary
from context.request.tools import definitions
from context.request.window import spoken

Part = Literal["window", "summary", "instructions", "system"]
"""The last part of a prefix that a keep-alive renews."""

# What a model said when it asked for tools, byte for byte (thinking blocks are bound to it), and what they answered.
Round = Mapping[str, Any]


def build(
    recipe: Recipe,
    system: str,
    messages: Sequence[Message],
    *,
    instructions: Instructions | None = None,
    summary: Summary | None = None,
    recalled: Sequence[Recalled] = (),
    rounds: Sequence[Round] = (),
) -> bytes:
    """The canonical request body. `messages` are the recipe's window, oldest first; `rounds` the tool calls of this turn so far with their results.

    Raises ValueError for a layout it does not know, and when the instructions, the summary or the recalled texts are not the recipe's own.
    """
    _check(recipe, instructions, summary, recalled)
    body = body_fields(recipe, system, messages, instructions, summary, [block.text for block in recalled])
    for tool_round in rounds:
        body["messages"].append({"role": "assistant", "content": tool_round["assistant"]})
        body["messages"].append({"role": "user", "content": tool_round["results"]})
    body["stream"] = True
    return canonical(body)


def build_keepalive(
    recipe: Recipe,
    system: str,
    messages: Sequence[Message],
    *,
    instructions: Instructions | None = None,
    summary: Summary | None = None,
    part: Part = "window",
) -> bytes:
    """A keep-alive: the same prefix with `max_tokens: 0`, which renews the cache entries of the recipe's request and returns no answer.

    Same model, thinking and breakpoints; what stands behind the last breakpoint is not sent, and nothing is streamed. With another `part` than the window
    it ends with that; an API that wants a message gets the shortest there is.
    """
    _check(recipe, instructions, summary, None)
    body = body_fields(recipe, system, messages, instructions, summary, ())
    if part == "system":
        body["system"] = body["system"][:1]
    if part in ("system", "instructions"):
        body["messages"] = []
    elif part == "summary" and summary is not None:
        first = body["messages"][0]
        body["messages"] = [{**first, "content": first["content"][: len(summary.blocks)]}]
    body["messages"] = _up_to_breakpoint(body["messages"]) or [
        {"role": "user", "content": [_text(".", None)]}
    ]
    body["max_tokens"] = 0
    return canonical(body)


def _up_to_breakpoint(turns: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The turns up to their last cache breakpoint."""
    for index in range(len(turns) - 1, -1, -1):
        blocks = turns[index]["content"]
        last = max((at for at, block in enumerate(blocks) if "cache_control" in block), default=None)
        if last is not None:
            return [*turns[:index], {**turns[index], "content": blocks[: last + 1]}]
    return []


def build_fork(
    recipe: Recipe,
    system: str,
    messages: Sequence[Message],
    *,
    answer: Message,
    instruction: str,
    max_tokens: int,
    instructions: Instructions | None = None,
    summary: Summary | None = None,
) -> bytes:
    """The live prefix, the answer it got, and one instruction: how the same model summarizes from its cache."""
    _check(recipe, instructions, summary, None)
    body = body_fields(recipe, system, messages, instructions, summary, ())
    words = spoken(answer)
    if words:
        body["messages"].append({"role": "assistant", "content": [_text(words, None)]})
        body["messages"].append({"role": "user", "content": []})
    body["messages"][-1]["content"].append(_text(instruction, None))
    body["max_tokens"] = max_tokens
    body["stream"] = True
    return canonical(body)


def canonical(body: Mapping[str, Any]) -> bytes:
    """The one serialisation of a body."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def digest(body: bytes) -> str:
    """SHA-256 of a request body, in hexadecimal."""
    return sha256(body).hexdigest()


def _check(
    recipe: Recipe,
    instructions: Instructions | None,
    summary: Summary | None,
    recalled: Sequence[Recalled] | None,
) -> None:
    if recipe.layout not in (1, 2):
        raise ValueError(f"no renderer for layout {recipe.layout}")
    if recipe.instructions_digest != (None if instructions is None else instructions.digest):
        raise ValueError("the instructions are not the ones the recipe names")
    if recipe.summary_id != (None if summary is None else summary.id):
        raise ValueError(f"the recipe names the summary {recipe.summary_id}")
    if recalled is not None:
        named = [(block.id, block.digest) for block in recipe.recalled]
        if named != [(block.id, block.digest) for block in recalled]:
            raise ValueError("the recalled texts are not the ones the recipe names")


def body_fields(
    recipe: Recipe,
    system: str,
    messages: Sequence[Message],
    instructions: Instructions | None,
    summary: Summary | None,
    recalled: Sequence[str],
) -> dict[str, Any]:
    """A request body before it is serialised, without what its use adds (rounds of tools, streaming)."""
    cache_breakpoints = {cache_breakpoint.at: cache_breakpoint.ttl for cache_breakpoint in recipe.breakpoints}
    body: dict[str, Any] = {
        "model": recipe.model,
        "max_tokens": recipe.max_tokens,
        **({"tools": definitions(recipe.tools)} if recipe.tools else {}),
        "system": [
            _text(system, cache_breakpoints.get(SYSTEM)),
            *(
                []
                if instructions is None
                else [_text(instructions.text, cache_breakpoints.get(INSTRUCTIONS))]
            ),
        ],
        "messages": _api_messages(
            messages, cache_breakpoints, () if summary is None else summary.parts, recalled
        ),
    }
    if recipe.thinking == "adaptive":
        body["thinking"] = {"type": "adaptive", "display": "summarized"}
    if recipe.user_ref is not None:
        body["metadata"] = {"user_id": recipe.user_ref}
    if recipe.diagnose:
        body["diagnostics"] = {"previous_message_id": recipe.previous_upstream_id}
    return body


def _api_messages(
    messages: Sequence[Message],
    cache_breakpoints: Mapping[str, str],
    parts: Sequence[Block],
    recalled: Sequence[str],
) -> list[dict[str, Any]]:
    """Messages as the API takes them: neighbours of one role become one API message, those without words are left out.

    The summary opens the first user message; recalled text closes the last user message.
    """
    api_messages: list[dict[str, Any]] = []
    if parts:
        names = [*(f"{SEGMENT}{part.id}" for part in parts[:-1]), SUMMARY]
        blocks = [
            _text(part.text, cache_breakpoints.get(name)) for part, name in zip(parts, names, strict=True)
        ]
        api_messages.append({"role": "user", "content": blocks})
    for message in messages:
        words = spoken(message)
        if not words:
            continue
        if not api_messages or api_messages[-1]["role"] != message.role:
            api_messages.append({"role": message.role, "content": []})
        api_messages[-1]["content"].append(_text(words, cache_breakpoints.get(message.id)))
    if recalled:
        api_messages[-1]["content"].extend(_text(text, None) for text in recalled)
    return api_messages


def _text(text: str, ttl: str | None) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "text", "text": text}
    if ttl is not None:
        block["cache_control"] = {"type": "ephemeral"} if ttl == "5m" else {"type": "ephemeral", "ttl": ttl}
    return block
