"""The model table of November 2026: windows, thinking, effort, tool choice and cache minimum of each model.

Source: upstream-facts 1.4 to 1.6. Values that page leaves open are marked `assumed`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from tests.upstream.errors import not_found

EFFORTS = ("low", "medium", "high", "xhigh", "max")
ForcedTools = Literal["accepted", "refused", "unless_enabled", "without_thinking"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What one model accepts and costs in tokens. Sizes are tokens."""

    id: str
    name: str
    line: str
    released: str
    context: int = 1_000_000
    max_output: int = 128_000
    thinking: tuple[str, ...] = ("adaptive",)
    thinking_default: Literal["adaptive", "disabled"] = "adaptive"
    limited_to_high: tuple[str, ...] = ()
    """Thinking types that are refused above effort `high`."""
    efforts: tuple[str, ...] = EFFORTS
    effort_default: str | None = "high"
    forced_tools: ForcedTools = "accepted"
    min_cache: int = 512
    new_tokenizer: bool = True
    """The tokenizer of Opus 4.7 and later: about a third more tokens for the same text."""
    prefill: bool = False
    mid_system: bool = False
    binds_thinking: bool = False
    """A thinking block is valid only behind the unchanged conversation it was made in."""
    strips_thinking: bool = False
    """A new user turn removes all older thinking from the prompt."""
    fast: bool = False
    tool_prompt: int = 320
    """Tokens of the system text the API adds when tools are sent; 320 is assumed where nothing is published."""
    deprecated: str | None = None
    retires: str | None = None
    aliases: tuple[str, ...] = ()


OLD_THINKING = ("enabled", "disabled")

MODELS = (
    Model(id="claude-fable-5-2", name="Claude Fable 5.2", line="fable", released="2026-11-09", forced_tools="refused", mid_system=True, binds_thinking=True),
    Model(id="claude-mythos-5-2", name="Claude Mythos 5.2", line="mythos", released="2026-11-09", forced_tools="refused", mid_system=True, binds_thinking=True),
    Model(id="claude-haiku-5-5", name="Claude Haiku 5.5", line="haiku", released="2026-10-07", thinking=("adaptive", "disabled"), limited_to_high=("disabled",), effort_default="medium", forced_tools="without_thinking", binds_thinking=True),
    Model(id="claude-sonnet-5-5", name="Claude Sonnet 5.5", line="sonnet", released="2026-09-28", thinking=("adaptive", "between_tools"), limited_to_high=("between_tools",), forced_tools="refused", mid_system=True, binds_thinking=True),
    Model(id="claude-opus-5-5", name="Claude Opus 5.5", line="opus", released="2026-09-22", effort_default="medium", forced_tools="refused", mid_system=True, binds_thinking=True, fast=True),
    Model(id="claude-fable-5-1", name="Claude Fable 5.1", line="fable", released="2026-09-01", forced_tools="refused", mid_system=True, binds_thinking=True),
    Model(id="claude-mythos-5-1", name="Claude Mythos 5.1", line="mythos", released="2026-09-01", forced_tools="refused", mid_system=True),
    Model(id="claude-opus-5", name="Claude Opus 5", line="opus", released="2026-07-20", thinking=("adaptive", "disabled"), limited_to_high=("disabled",), mid_system=True, tool_prompt=286),
    Model(id="claude-sonnet-5", name="Claude Sonnet 5", line="sonnet", released="2026-07-01", thinking=("adaptive", "disabled"), min_cache=1024, tool_prompt=354),
    Model(id="claude-fable-5", name="Claude Fable 5", line="fable", released="2026-06-15", mid_system=True),
    Model(id="claude-mythos-5", name="Claude Mythos 5", line="mythos", released="2026-06-15", mid_system=True),
    Model(id="claude-opus-4-8", name="Claude Opus 4.8", line="opus", released="2026-05-20", thinking=("adaptive", "disabled"), thinking_default="disabled", min_cache=1024, mid_system=True, tool_prompt=290),
    Model(id="claude-opus-4-7", name="Claude Opus 4.7", line="opus", released="2026-04-16", thinking=("adaptive", "disabled"), thinking_default="disabled", min_cache=2048),
    Model(id="claude-sonnet-4-6", name="Claude Sonnet 4.6", line="sonnet", released="2026-02-17", thinking=("adaptive", *OLD_THINKING), thinking_default="disabled", efforts=("low", "medium", "high", "max"), min_cache=1024, new_tokenizer=False),
    Model(id="claude-opus-4-6", name="Claude Opus 4.6", line="opus", released="2026-02-05", thinking=("adaptive", *OLD_THINKING), thinking_default="disabled", efforts=("low", "medium", "high", "max"), min_cache=4096, new_tokenizer=False),
    Model(id="claude-opus-4-5", name="Claude Opus 4.5", line="opus", released="2025-11-24", context=200_000, max_output=64_000, thinking=OLD_THINKING, thinking_default="disabled", efforts=("low", "medium", "high"), forced_tools="unless_enabled", min_cache=4096, new_tokenizer=False, prefill=True, aliases=("claude-opus-4-5-20251101",)),
    Model(id="claude-haiku-4-5", name="Claude Haiku 4.5", line="haiku", released="2025-10-15", context=200_000, max_output=64_000, thinking=OLD_THINKING, thinking_default="disabled", efforts=(), effort_default=None, forced_tools="unless_enabled", min_cache=4096, new_tokenizer=False, prefill=True, strips_thinking=True, tool_prompt=496, aliases=("claude-haiku-4-5-20251001",)),
    Model(id="claude-sonnet-4-5", name="Claude Sonnet 4.5", line="sonnet", released="2025-09-29", context=200_000, max_output=64_000, thinking=OLD_THINKING, thinking_default="disabled", efforts=(), effort_default=None, forced_tools="unless_enabled", min_cache=1024, new_tokenizer=False, prefill=True, strips_thinking=True, deprecated="2026-06-30T00:00:00Z", retires="2026-11-30T00:00:00Z", aliases=("claude-sonnet-4-5-20250929",)),
)  # fmt: skip

BY_ID = {name: model for model in MODELS for name in (model.id, *model.aliases)}


def find_model(name: str) -> Model:
    """The model of that id or alias; 404 as the API answers it otherwise."""
    model = BY_ID.get(name)
    if model is None:
        raise not_found(f"model: {name}")
    return model


def reads_thinking_of(reader: Model, author: Model) -> bool:
    """Whether `reader` may read a thinking block `author` wrote; an unreadable block is dropped, not refused.

    Published pairs are Sonnet 5.5's and Opus 5.5's lists and the closed circle of Opus 5.5; for the other
    pairs a model reads what is older than itself (assumed).
    """
    if reader.id == author.id:
        return True
    if author.id == "claude-opus-5-5":
        return reader.id in ("claude-fable-5-1", "claude-mythos-5-1")
    match reader.id:
        case "claude-sonnet-5-5":
            ceiling = BY_ID["claude-opus-4-8"].released
            return author.id == "claude-sonnet-5" or author.released <= ceiling
        case "claude-opus-5-5":
            return author.id == "claude-sonnet-5-5" or author.released <= BY_ID["claude-opus-5"].released
        case _:
            return author.released < reader.released


def model_info(model: Model) -> dict[str, Any]:
    """The entry `GET /v1/models` shows."""
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.name,
        "created_at": f"{model.released}T00:00:00Z",
        "lifecycle": "deprecated" if model.deprecated else "active",
        "deprecated_at": model.deprecated,
        "retires_at": model.retires,
        "line": model.line,
        "max_input_tokens": model.context,
        "max_tokens": model.max_output,
        "capabilities": _capabilities(model),
    }


def _capabilities(model: Model) -> dict[str, Any]:
    yes = {"supported": True}
    compacts = {"supported": model.context == 1_000_000}
    return {
        "batch": yes,
        "citations": yes,
        "code_execution": yes,
        "image_input": yes,
        "pdf_input": yes,
        "structured_outputs": yes,
        "server_tools": {"supported": True, "code_execution": yes, "web_search": yes},
        "effort": {
            "supported": bool(model.efforts),
            **{level: {"supported": level in model.efforts} for level in EFFORTS},
        },
        "thinking": {
            "supported": True,
            "types": {
                kind: {"supported": kind in model.thinking}
                for kind in ("adaptive", "between_tools", "disabled", "enabled")
            },
        },
        "context_management": {
            "supported": True,
            "clear_tool_uses_20250919": yes,
            "clear_thinking_20251015": yes,
            "compact_20260112": compacts,
        },
    }
