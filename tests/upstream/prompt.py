"""A request laid out as the API reads it: tools, then system, then messages, one cacheable block after another.

Each block knows its tokens, its cache mark and two cumulative hashes of everything up to and including it. `digest`
is the cache key: what upstream-facts 2.6 says invalidates a level is mixed in where that level begins. `plain` leaves
the settings and all thinking out: it tells whether two requests show the same conversation. Marks are in neither.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from tests.upstream import signatures, tokens
from tests.upstream.call import Call, blocks_of
from tests.upstream.models import Model

Level = Literal["tools", "system", "messages"]
MESSAGE_OVERHEAD = 4
"""Assumed tokens for the role frame of one message."""
THOUGHTS = ("thinking", "redacted_thinking")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One position of the prompt. `ttl` is set when a breakpoint stands here."""

    level: Level
    kind: str
    place: str
    tokens: int
    ttl: str | None
    digest: bytes
    plain: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Thought:
    """A thinking block of the request and the digest of the conversation before it."""

    place: str
    text: str
    signature: Any
    prefix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """`prefix` and `last_thought` are what a new thinking block will be bound to."""

    blocks: tuple[Block, ...]
    thoughts: tuple[Thought, ...]
    prefix: str
    last_thought: str | None
    tools: bytes
    """Digest of the tools alone, as `system` is of the system text alone."""
    system: bytes

    @property
    def tokens(self) -> int:
        return sum(block.tokens for block in self.blocks)


def lay_out(call: Call) -> Prompt:
    """The prompt of a call, in cache order."""
    layout = _Layout(call)
    layout.add_tools()
    layout.add_system()
    layout.add_messages()
    return layout.finish()


def canonical(value: Any) -> bytes:
    """JSON bytes without `cache_control`. Key order is kept: changing it is a change."""
    return orjson.dumps(_unmarked(value))


def count_block(block: dict[str, Any], model: Model) -> int:
    """Tokens of one content block."""
    match block.get("type"):
        case "text":
            return tokens.count(block["text"], model)
        case "image":
            return tokens.count_image(block, model)
        case "document":
            return tokens.count_document(block, model)
        case "thinking":
            return signatures.thinking_tokens(block) or tokens.count(block["thinking"], model)
        case "tool_result":
            inner = blocks_of(block.get("content"))
            return MESSAGE_OVERHEAD + sum(count_block(part, model) for part in inner)
        case _:
            return tokens.count(canonical(block).decode(), model)


@dataclass(slots=True)
class _Layout:
    """The running hashes while the blocks are laid down."""

    call: Call
    blocks: list[Block] = field(default_factory=list)
    thoughts: list[Thought] = field(default_factory=list)
    keyed: Any = None
    plain: Any = None
    tools: bytes = b""
    system: bytes = b""
    last_markable: int | None = None

    def __post_init__(self) -> None:
        call = self.call
        self.keyed = hashlib.sha256(orjson.dumps([call.workspace, call.model.id, call.speed]))
        self.plain = hashlib.sha256()

    def add_tools(self) -> None:
        model = self.call.model
        listed = self.call.body.get("tools") or []
        for number, tool in enumerate(listed):
            material = canonical(tool)
            own = tokens.count(material.decode(), model) + (model.tool_prompt if number == 0 else 0)
            self._add("tools", "tool", f"tools.{number}", own, tool, b"\x00tool" + material)
        self.tools = hashlib.sha256(canonical(listed)).digest()

    def add_system(self) -> None:
        self.keyed.update(b"\x00system" + orjson.dumps(_cites(self.call.body)))
        listed = blocks_of(self.call.body.get("system"))
        for number, block in enumerate(listed):
            own = count_block(block, self.call.model)
            self._add("system", "text", f"system.{number}", own, block, b"\x00system" + canonical(block))
        self.system = hashlib.sha256(canonical(listed)).digest()

    def add_messages(self) -> None:
        call = self.call
        self.keyed.update(b"\x00messages" + orjson.dumps(_settings(call)))
        stripped_before = _strip_line(call)
        for index, message in enumerate(call.body["messages"]):
            frame = MESSAGE_OVERHEAD
            for number, block in enumerate(blocks_of(message["content"])):
                kind, place = str(block["type"]), f"messages.{index}.content.{number}"
                if kind == "thinking":
                    self._remember(block, place)
                if kind in THOUGHTS and (index < stripped_before or not _readable(block, call.model)):
                    continue
                own = count_block(block, call.model) + frame
                material = b"\x00" + message["role"].encode() + b"\x00" + canonical(block)
                self._add("messages", kind, place, own, block, material)
                frame = 0

    def finish(self) -> Prompt:
        automatic = self.call.body.get("cache_control")
        if automatic is not None and self.last_markable is not None:
            self._mark(self.last_markable, automatic.get("ttl") or "5m")
        last = signatures.digest(self.thoughts[-1].signature) if self.thoughts else None
        return Prompt(
            blocks=tuple(self.blocks),
            thoughts=tuple(self.thoughts),
            prefix=self.plain.hexdigest(),
            last_thought=last,
            tools=self.tools,
            system=self.system,
        )

    def _add(
        self, level: Level, kind: str, place: str, own: int, source: dict[str, Any], material: bytes
    ) -> None:
        self.keyed.update(material)
        if kind not in THOUGHTS:
            self.plain.update(material)
            if kind != "text" or source.get("text"):
                self.last_markable = len(self.blocks)
        mark = source.get("cache_control")
        self.blocks.append(
            Block(
                level=level,
                kind=kind,
                place=place,
                tokens=own,
                ttl=None if mark is None else mark.get("ttl") or "5m",
                digest=self.keyed.digest(),
                plain=self.plain.digest(),
            )
        )

    def _remember(self, block: dict[str, Any], place: str) -> None:
        thought = Thought(
            place=place, text=block["thinking"], signature=block["signature"], prefix=self.plain.hexdigest()
        )
        self.thoughts.append(thought)

    def _mark(self, position: int, ttl: str) -> None:
        block = self.blocks[position]
        self.blocks[position] = Block(
            level=block.level,
            kind=block.kind,
            place=block.place,
            tokens=block.tokens,
            ttl=block.ttl or ttl,
            digest=block.digest,
            plain=block.plain,
        )


def _cites(body: dict[str, Any]) -> bool:
    """Citations switched on or off anywhere lose the system level."""
    return any(
        (block.get("citations") or {}).get("enabled")
        for message in body["messages"]
        for block in blocks_of(message["content"])
        if block["type"] in ("document", "search_result")
    )


def _settings(call: Call) -> list[Any]:
    """Thinking, effort, output format, tool choice and the presence of images lose the messages level."""
    body = call.body
    images = any(
        block["type"] == "image" for message in body["messages"] for block in blocks_of(message["content"])
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
        kinds = {block["type"] for block in blocks_of(message["content"])}
        if message["role"] == "user" and "tool_result" not in kinds:
            return index
    return 0


def _readable(block: dict[str, Any], model: Model) -> bool:
    return signatures.readable_by(block, model)


def _unmarked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _unmarked(inner) for key, inner in value.items() if key != "cache_control"}
    if isinstance(value, list):
        return [_unmarked(inner) for inner in value]
    return value
