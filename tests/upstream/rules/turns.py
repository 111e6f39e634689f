"""Messages: roles and their order, the blocks each role may hold, and every tool call answered."""

from __future__ import annotations

import re
from typing import Any

from tests.upstream.call import blocks_of
from tests.upstream.errors import invalid
from tests.upstream.models import Model
from tests.upstream.rules.shape import check_type

PREFILL = (
    "This model does not support assistant message prefill. The conversation must end with a user message."
)
SERVER_RESULTS = (
    "web_search_tool_result",
    "web_fetch_tool_result",
    "code_execution_tool_result",
    "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result",
    "tool_search_tool_result",
)
BLOCKS: dict[str, dict[str, tuple[str, ...]]] = {
    "text": {"needs": ("text",), "takes": ("cache_control", "citations")},
    "image": {"needs": ("source",), "takes": ("cache_control", "transformations")},
    "document": {"needs": ("source",), "takes": ("cache_control", "citations", "context", "title")},
    "search_result": {"needs": ("content", "source", "title"), "takes": ("cache_control", "citations")},
    "thinking": {"needs": ("signature", "thinking"), "takes": ()},
    "redacted_thinking": {"needs": ("data",), "takes": ()},
    "tool_use": {"needs": ("id", "input", "name"), "takes": ("cache_control", "caller", "toolset_name")},
    "tool_result": {
        "needs": ("tool_use_id",),
        "takes": ("cache_control", "content", "is_error", "toolset_name"),
    },
    "server_tool_use": {"needs": ("id", "input", "name"), "takes": ("cache_control", "caller")},
    "container_upload": {"needs": ("file_id",), "takes": ("cache_control",)},
    **{
        name: {"needs": ("content", "tool_use_id"), "takes": ("cache_control", "caller")}
        for name in SERVER_RESULTS
    },
}
"""Fields of each content block besides `type`."""
BY_ROLE: dict[str, tuple[str, ...]] = {
    "user": ("text", "image", "document", "search_result", "tool_result", "container_upload"),
    "assistant": ("text", "thinking", "redacted_thinking", "tool_use", "server_tool_use", *SERVER_RESULTS),
    "system": ("text",),
}
IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
IMAGE_BYTES = 10 * 1024 * 1024
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")


def check_messages(body: dict[str, Any], model: Model, *, strict: bool) -> None:
    _check_system(body.get("system"))
    messages = body["messages"]
    for index, message in enumerate(messages):
        _check_message(index, message, last=index == len(messages) - 1, strict=strict)
    _check_images(messages, model)
    _check_order(messages, model)
    _check_end(messages, body, model)
    _check_tool_pairs(messages)


def check_tools(body: dict[str, Any]) -> None:
    names: list[str] = []
    for number, tool in enumerate(body.get("tools") or []):
        place = f"tools.{number}"
        check_type(place, tool, "dictionary")
        if tool.get("type") in (None, "custom"):
            if not isinstance(tool.get("name"), str) or not TOOL_NAME.fullmatch(tool["name"]):
                raise invalid(f"{place}.custom.name: String should match pattern '^{TOOL_NAME.pattern}$'")
            if (tool.get("input_schema") or {}).get("type") != "object":
                raise invalid(f"{place}.custom.input_schema.type: Field required")
        names.append(tool.get("name", tool.get("type")))
    if len(set(names)) != len(names):
        raise invalid("tools: Tool names must be unique.")
    choice = body.get("tool_choice")
    if choice is None:
        return
    if not names:
        raise invalid("tool_choice: may only be specified while providing tools")
    if choice["type"] == "tool" and choice.get("name") not in names:
        raise invalid(f"tool_choice: Tool '{choice.get('name')}' not found in provided tools")


def _check_system(system: Any) -> None:
    if isinstance(system, list):
        for number, block in enumerate(system):
            _check_block(f"system.{number}", block, "system")


def _check_message(index: int, message: Any, *, last: bool, strict: bool) -> None:
    place = f"messages.{index}"
    check_type(place, message, "dictionary")
    for name in ("role", "content"):
        if name not in message:
            raise invalid(f"{place}.{name}: Field required")
    for name in message:
        if name not in ("role", "content"):
            raise invalid(f"{place}.{name}: Extra inputs are not permitted")
    role, content = message["role"], message["content"]
    if role not in BY_ROLE:
        raise invalid(f"{place}.role: Input should be 'user', 'assistant' or 'system'")
    check_type(f"{place}.content", content, "string or array")
    if not content and not (last and role == "assistant"):
        raise invalid(
            f"{place}: all messages must have non-empty content except for the optional final assistant message"
        )
    if isinstance(content, str):
        if content and not content.strip():
            raise invalid(f"{place}: text content blocks must contain non-whitespace text")
        return
    for number, block in enumerate(content):
        _check_block(f"{place}.content.{number}", block, role, strict=strict)


def _check_block(place: str, block: Any, role: str, *, strict: bool = True) -> None:
    check_type(place, block, "dictionary")
    kind = block.get("type")
    allowed = BY_ROLE[role]
    if role == "assistant" and not strict:
        allowed = (*allowed, "document")
    if kind not in allowed:
        raise invalid(f"{place}: Input tag {kind!r} is not allowed in a {role} message")
    fields = BLOCKS[kind]
    for name in fields["needs"]:
        if name not in block:
            raise invalid(f"{place}.{kind}.{name}: Field required")
    for name in block:
        if name not in ("type", *fields["needs"], *fields["takes"]):
            raise invalid(f"{place}.{kind}.{name}: Extra inputs are not permitted")
    match kind:
        case "text":
            _check_text(place, block, role, strict=strict)
        case "image":
            _check_image(place, block)
        case "tool_result":
            check_type(f"{place}.tool_result.content", block.get("content"), "string or array", nullable=True)
        case "tool_use":
            check_type(f"{place}.tool_use.input", block["input"], "dictionary")


def _check_text(place: str, block: dict[str, Any], role: str, *, strict: bool) -> None:
    check_type(f"{place}.text.text", block["text"], "string")
    if not block["text"]:
        if block.get("cache_control"):
            raise invalid(f"{place}.text: cache_control cannot be set for empty text blocks")
        raise invalid(f"{place}.text: text content blocks must be non-empty")
    if not block["text"].strip():
        raise invalid(f"{place}.text: text content blocks must contain non-whitespace text")
    if strict and role == "user" and block.get("citations"):
        raise invalid(f"{place}.text.citations: citations are not allowed on text blocks of user messages")


def _check_image(place: str, block: dict[str, Any]) -> None:
    source = block["source"]
    check_type(f"{place}.image.source", source, "dictionary")
    if source.get("type") == "base64":
        if source.get("media_type") not in IMAGE_TYPES:
            expected = ", ".join(repr(name) for name in IMAGE_TYPES)
            raise invalid(f"{place}.image.source.base64.media_type: Input should be {expected}")
        check_type(f"{place}.image.source.base64.data", source.get("data"), "string")
        if len(source["data"]) > IMAGE_BYTES:
            raise invalid(f"{place}.image.source.base64: image exceeds 10 MB maximum")
    elif source.get("type") not in ("url", "file"):
        raise invalid(f"{place}.image.source: Input tag {source.get('type')!r} is not known")


def _check_images(messages: list[dict[str, Any]], model: Model) -> None:
    most = 600 if model.context == 1_000_000 else 100
    count = sum(block["type"] == "image" for message in messages for block in blocks_of(message["content"]))
    if count > most:
        raise invalid(f"messages: too many images: {count} > {most}")


def _check_order(messages: list[dict[str, Any]], model: Model) -> None:
    """The first message is the user's; a system message stands right after a user turn, at the end or before an answer."""
    if messages[0]["role"] == "assistant":
        raise invalid('messages: first message must use the "user" role')
    for index, message in enumerate(messages):
        if message["role"] != "system":
            continue
        place = f"messages.{index}"
        if not model.mid_system:
            raise invalid(f'{place}.role: role "system" is not supported inside messages on this model')
        if index == 0:
            raise invalid(f"{place}: a system message must not come first")
        before = messages[index - 1]
        ends_in_server_result = before["role"] == "assistant" and _last_kind(before) in SERVER_RESULTS
        if before["role"] == "assistant" and not ends_in_server_result:
            raise invalid(f"{place}: a system message must directly follow a user message")
        if index + 1 < len(messages) and messages[index + 1]["role"] == "user":
            raise invalid(f"{place}: a system message must be last or be followed by an assistant message")


def _check_end(messages: list[dict[str, Any]], body: dict[str, Any], model: Model) -> None:
    """Prefill: refused on 4.6 and later, and with thinking on the older ones; a paused server tool may go on."""
    last = messages[-1]
    if last["role"] != "assistant" or _last_kind(last) in (*SERVER_RESULTS, "server_tool_use", "tool_use"):
        return
    if not model.prefill:
        raise invalid(PREFILL)
    if (body.get("thinking") or {}).get("type") == "enabled":
        raise invalid("messages: an assistant message prefill is not supported while thinking is enabled")
    blocks = blocks_of(last["content"])
    if blocks and blocks[-1]["type"] == "text" and blocks[-1]["text"] != blocks[-1]["text"].rstrip():
        raise invalid("messages: final assistant content cannot end with trailing whitespace")


def _last_kind(message: dict[str, Any]) -> str:
    blocks = blocks_of(message["content"])
    return str(blocks[-1]["type"]) if blocks else ""


def _check_tool_pairs(messages: list[dict[str, Any]]) -> None:
    """Turns are merged first, as the API does: two user messages in a row answer together."""
    turns: list[tuple[int, str, list[dict[str, Any]]]] = []
    for index, message in enumerate(messages):
        if turns and turns[-1][1] == message["role"]:
            turns[-1][2].extend(blocks_of(message["content"]))
        else:
            turns.append((index, message["role"], blocks_of(message["content"])))
    open_ids: list[str] = []
    used_ids: set[str] = set()
    for index, role, blocks in turns:
        leading = _leading_results(blocks) if role == "user" else []
        missing = [each for each in open_ids if each not in leading]
        if missing:
            raise _unanswered(index, missing)
        for number, block in enumerate(blocks):
            if block["type"] == "tool_result" and block["tool_use_id"] not in open_ids:
                raise invalid(
                    f"messages.{index}.content.{number}: unexpected `tool_use_id` found in `tool_result` blocks: "
                    f"{block['tool_use_id']}. Each `tool_result` block must have a corresponding `tool_use` block "
                    "in the previous message."
                )
        if len(set(leading)) != len(leading):
            raise invalid(f"messages.{index}: each tool_use must have a single result")
        open_ids = [block["id"] for block in blocks if block["type"] == "tool_use"]
        if used_ids & set(open_ids) or len(set(open_ids)) != len(open_ids):
            raise invalid(f"messages.{index}: `tool_use` ids must be unique")
        used_ids |= set(open_ids)
    if open_ids:
        raise _unanswered(len(messages) - 1, open_ids)


def _leading_results(blocks: list[dict[str, Any]]) -> list[str]:
    ids: list[str] = []
    for block in blocks:
        if block["type"] != "tool_result":
            break
        ids.append(block["tool_use_id"])
    return ids


def _unanswered(index: int, ids: list[str]) -> Exception:
    return invalid(
        f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: "
        f"{', '.join(ids)}. Each `tool_use` block must have a corresponding `tool_result` block in the next message."
    )
