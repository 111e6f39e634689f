"""From a scripted reply to the exact content the model answers: cut to max_tokens, stop sequences and the window.

Without a script the text is derived from the request alone, so the same request gives the same reply.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import orjson

from tests.upstream import signatures, tokens
from tests.upstream.call import Call, last_user_text
from tests.upstream.replies import BrokenEnding, Reply, ToolCall
from tests.upstream.samples import sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the model said. `content` holds the final blocks; `thinking` is the text behind an omitted block."""

    content: tuple[dict[str, Any], ...]
    stop_reason: str
    stop_sequence: str | None
    stop_details: dict[str, Any] | None
    output_tokens: int
    thinking_tokens: int

    @property
    def text(self) -> str:
        return "".join(block["text"] for block in self.content if block["type"] == "text")


PREWARM = Answer(
    content=(),
    stop_reason="max_tokens",
    stop_sequence=None,
    stop_details=None,
    output_tokens=0,
    thinking_tokens=0,
)


def compose(reply: Reply, call: Call, *, input_tokens: int, prefix: str, previous: str | None) -> Answer:
    """The answer to a call; `prefix` and `previous` bind its thinking block to this conversation."""
    if call.max_tokens == 0:
        return PREWARM
    reply = _filled(reply, call)
    room = call.model.context - input_tokens
    limit = min(call.max_tokens, room)
    content: list[dict[str, Any]] = []
    stop: str | None = None
    matched: str | None = None
    spent = thought = 0
    if reply.thinking:
        all_of_it = reply.stop_reason == "max_tokens" and not reply.text
        thought = limit if all_of_it else min(tokens.count(reply.thinking, call.model), limit)
        spent = thought
        shown = reply.thinking if call.display == "summarized" else ""
        signature = signatures.Signature(
            model=call.model.id,
            tokens=thought,
            prefix=prefix,
            previous=previous,
            text=signatures.digest(shown),
        )
        content.append({"type": "thinking", "thinking": shown, "signature": signature.encode()})
        if spent >= limit and (reply.text or reply.tools):
            stop = "max_tokens"
    if reply.text and stop is None:
        text, matched = _until_stop_sequence(reply.text, call.body.get("stop_sequences") or [])
        fitting = tokens.cut(text, limit - spent, call.model)
        if fitting != text:
            stop, matched = "max_tokens", None
            spent = limit
        else:
            spent += tokens.count(fitting, call.model)
            stop = "stop_sequence" if matched is not None else None
        if fitting:
            content.append({"type": "text", "text": fitting})
    if stop is None:
        for number, tool in enumerate(reply.tools):
            content.append(_tool_block(tool, number, prefix))
            spent += tokens.count_json(dict(tool.input), call.model) + 8
    if stop is None and reply.stop_reason == "max_tokens":
        spent = limit
    if stop == "max_tokens" and room < call.max_tokens:
        stop = "model_context_window_exceeded"
    natural = "tool_use" if reply.tools else "end_turn"
    return Answer(
        content=tuple(content),
        stop_reason=stop or reply.stop_reason or natural,
        stop_sequence=matched,
        stop_details=dict(reply.stop_details) if reply.stop_details else None,
        output_tokens=0 if not reply.billed else max(1, spent),
        thinking_tokens=thought,
    )


def _filled(reply: Reply, call: Call) -> Reply:
    """The reply with everything it leaves to the model decided."""
    text, thinking, tools = reply.text, reply.thinking, reply.tools
    if text is None and not tools:
        if call.forces_tool:
            text, tools = "", (_forced_tool(call),)
        else:
            text = default_text(call.body)
    if not call.thinks:
        thinking = ""
    elif thinking is None:
        broken = isinstance(reply.fault, BrokenEnding) and not reply.fault.late and not text
        thinking = "" if broken else f"The user writes: {last_user_text(call.body)[:200]}"
    return replace(reply, text=text or "", thinking=thinking, tools=tools)


def default_text(body: dict[str, Any]) -> str:
    """Markdown of moderate length that restates the last user message, or a sample of the wanted JSON schema."""
    output_format = (body.get("output_config") or {}).get("format")
    if output_format:
        return orjson.dumps(sample(output_format.get("schema", {}))).decode()
    message = " ".join(last_user_text(body).split()) or "nothing yet"
    seed = hashlib.sha256(message.encode()).digest()
    gist = message if len(message) <= 160 else message[:160].rsplit(" ", 1)[0] + "…"
    points = [POINTS[(seed[i] + i) % len(POINTS)] for i in range(2 + seed[9] % 3)]
    return "\n".join(
        (
            f"You wrote: “{gist}”",
            "",
            OPENINGS[seed[10] % len(OPENINGS)],
            "",
            *(f"- **{head}.** {tail}" for head, tail in dict(points).items()),
            "",
            f"That is message {len(body['messages'])} of our conversation, and it has {len(message.split())} words.",
        )
    )


OPENINGS = (
    "Here is how I understand it.",
    "Let me take that one step at a time.",
    "Three things matter most here.",
    "In short, it depends on what you need first.",
)
POINTS = (
    ("Where you stand", "The question is clear enough to act on, and nothing earlier contradicts it."),
    ("What to do first", "Begin with the smallest step that tells you something new."),
    ("What to watch", "If the numbers move the wrong way, stop and look before you go on."),
    ("What I left out", "There are rarer cases; ask about them and I will go into detail."),
    ("How sure I am", "Fairly sure about the main point, less so about the exact figures."),
    ("What comes next", "Tell me the result and we continue from there."),
)


def _until_stop_sequence(text: str, sequences: list[str]) -> tuple[str, str | None]:
    matches = [(text.index(sequence), sequence) for sequence in sequences if sequence in text]
    if not matches:
        return text, None
    at, sequence = min(matches)
    return text[:at], sequence


def _forced_tool(call: Call) -> ToolCall:
    choice = call.body["tool_choice"]
    tools = {tool["name"]: tool for tool in call.body.get("tools") or []}
    name = choice.get("name") or next(iter(tools))
    return ToolCall(name=name, input=sample(tools[name].get("input_schema", {})))


def _tool_block(tool: ToolCall, number: int, prefix: str) -> dict[str, Any]:
    digest = hashlib.sha256(f"{prefix}{number}{tool.name}".encode()).hexdigest()[:22]
    return {
        "type": "tool_use",
        "id": tool.id or f"toolu_01{digest}",
        "name": tool.name,
        "input": dict(tool.input),
    }
