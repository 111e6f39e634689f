"""What is changed of a request's bytes: the model, and cache breakpoints where the caller has set none. Pure.

Where they go (the provider's rules: documentation, page "Prompt caching"):

- behind the system prompt, or the tools where there is none: other conversations begin alike;
- at the end (`cache_control` of the request itself, which the provider keeps at the last block): only where the conversation is going on,
  which a request with an answer in it shows, or one with tools. A single question may be the only one, and a write costs a quarter more.
"""

import json
from typing import Literal

import msgspec

from chat.protocols.anthropic.json_parts import Span, items
from chat.protocols.anthropic.parsed_request import Block, ParsedRequest

MARK = b'"cache_control":{"type":"ephemeral"}'

Cache = Literal["caller", "set", "none"]
"""Who has set the breakpoints of a request: its caller, this server, or nobody."""

_Edit = tuple[int, int, bytes]


def prepared(parsed: ParsedRequest, model: str, *, cacheable: bool) -> tuple[bytes, Cache]:
    """The bytes to send to a model, and who has set the breakpoints in them. `cacheable`: the model has a prompt cache."""
    edits: list[_Edit] = []
    if parsed.model != model:
        edits.append((*parsed.parts["model"], json.dumps(model).encode()))
    cache: Cache = "caller" if parsed.marked else "none"
    if cacheable and not parsed.marked:
        marks = [*_prefix_mark(parsed), *_end_mark(parsed)]
        edits += marks
        cache = "set" if marks else "none"
    return _edited(parsed.data, edits), cache


def _prefix_mark(parsed: ParsedRequest) -> list[_Edit]:
    """Behind the system prompt or, without one, the tools."""
    if "system" in parsed.parts:
        start, end = span = parsed.parts["system"]
        if parsed.data[start : start + 1] == b'"':
            if not _text(parsed.data, span).strip():
                return []
            return [(start, start, b'[{"type":"text","text":'), (end, end, b"," + MARK + b"}]")]
        blocks = list(items(parsed.data, start))
        return _mark_in(parsed.data, blocks[-1]) if blocks and _can_carry(parsed.data, blocks[-1]) else []
    tools = list(items(parsed.data, parsed.parts["tools"][0])) if "tools" in parsed.parts else []
    return _mark_in(parsed.data, tools[-1]) if tools else []


def _end_mark(parsed: ParsedRequest) -> list[_Edit]:
    """At the end of a conversation that is going on."""
    tools = "tools" in parsed.parts and any(items(parsed.data, parsed.parts["tools"][0]))
    answered = any(parsed.message(index).role == "assistant" for index in range(min(2, len(parsed.messages))))
    return _mark_in(parsed.data, (parsed.start, parsed.start)) if tools or answered else []


def _mark_in(data: bytes, span: Span) -> list[_Edit]:
    """Mark the object that begins there; nothing where none does, or an empty one."""
    start = span[0]
    rest = data[start + 1 : start + 64].lstrip()
    return (
        [(start + 1, start + 1, MARK + b",")] if data[start : start + 1] == b"{" and rest[:1] == b'"' else []
    )


def _can_carry(data: bytes, span: Span) -> bool:
    """Whether a block of the system prompt is a text that is not empty."""
    try:
        block = msgspec.json.decode(data[span[0] : span[1]], type=Block)
    except msgspec.MsgspecError:
        return False
    return block.type == "text" and bool(block.text.strip())


def _text(data: bytes, span: Span) -> str:
    return str(msgspec.json.decode(data[span[0] : span[1]]))


def _edited(data: bytes, edits: list[_Edit]) -> bytes:
    pieces, at = [], 0
    for start, end, new in sorted(edits, key=lambda edit: edit[:2]):
        pieces += [data[at:start], new]
        at = end
    return b"".join([*pieces, data[at:]])
