"""Fields: which exist, which are required, and what type they have."""

from __future__ import annotations

from typing import Any

from tests.upstream.errors import invalid
from tests.upstream.models import Model

TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "array": (list,),
    "dictionary": (dict,),
    "string or array": (str, list),
    "string or dictionary": (str, dict),
}
COUNTED = {
    "model": "string",
    "messages": "array",
    "system": "string or array",
    "tools": "array",
    "tool_choice": "dictionary",
    "thinking": "dictionary",
    "output_config": "dictionary",
    "cache_control": "dictionary",
    "speed": "string",
}
"""Top-level fields of count_tokens."""
FIELDS = COUNTED | {
    "max_tokens": "integer",
    "stream": "boolean",
    "stop_sequences": "array",
    "diagnostics": "dictionary",
    "metadata": "dictionary",
    "service_tier": "string",
    "inference_geo": "string",
    "container": "string or dictionary",
}
"""Top-level fields of messages."""
NULLABLE = {"cache_control", "speed", "diagnostics", "inference_geo", "container"}
SAMPLING = {"temperature": 1, "top_p": None, "top_k": None}
"""Sampling parameters with their default, where it has one."""
CHOICES = {
    "service_tier": ("auto", "standard_only"),
    "speed": ("standard", "fast"),
}
INNER: dict[str, dict[str, tuple[str, ...]]] = {
    "metadata": {"": ("user_id",)},
    "diagnostics": {"": ("previous_message_id",)},
    "output_config": {"": ("effort", "format")},
    "cache_control": {"ephemeral": ("ttl",)},
    "thinking": {
        "adaptive": ("display",),
        "disabled": (),
        "between_tools": (),
        "enabled": ("budget_tokens", "display"),
    },
    "tool_choice": {
        "auto": ("disable_parallel_tool_use",),
        "any": ("disable_parallel_tool_use",),
        "tool": ("name", "disable_parallel_tool_use"),
        "none": (),
    },
}
"""Fields of the nested objects, by their `type` where they have one."""
MOST_MESSAGES = 100_000


def check_body(body: Any, *, counting: bool) -> None:
    if not isinstance(body, dict):
        raise invalid("The request body is not valid JSON: an object is expected")
    fields = COUNTED if counting else FIELDS
    for name in ("max_tokens", "messages", "model"):
        if name in fields and name not in body:
            raise invalid(f"{name}: Field required")
    for name, value in body.items():
        if name in SAMPLING:
            continue
        if name not in fields:
            raise invalid(f"{name}: Extra inputs are not permitted")
        check_type(name, value, fields[name], nullable=name in NULLABLE)
        if name in CHOICES and value is not None and value not in CHOICES[name]:
            raise invalid(f"{name}: Input should be {' or '.join(map(repr, CHOICES[name]))}")
        if name in INNER and value is not None:
            check_inner(name, value, INNER[name])
    _check_values(body)


def check_type(place: str, value: Any, kind: str, *, nullable: bool = False) -> None:
    if value is None and nullable:
        return
    fits = isinstance(value, TYPES[kind]) and not (kind == "integer" and isinstance(value, bool))
    if not fits:
        raise invalid(f"{place}: Input should be a valid {kind}")


def check_inner(place: str, value: dict[str, Any], shapes: dict[str, tuple[str, ...]]) -> None:
    """A nested object: its `type` is known and it has no field of another one."""
    if "" in shapes:
        allowed: tuple[str, ...] = shapes[""]
    else:
        kind = value.get("type")
        if kind not in shapes:
            expected = ", ".join(repr(name) for name in shapes)
            raise invalid(f"{place}: Input tag {kind!r} does not match any of the expected tags: {expected}")
        allowed = ("type", *shapes[kind])
    for name in value:
        if name not in allowed:
            raise invalid(f"{place}.{name}: Extra inputs are not permitted")


def check_sampling(body: dict[str, Any], model: Model, *, strict: bool) -> None:
    """400 always since API version 2026-10-21; before it, on Opus 4.7 and later at any but the default value."""
    for name, default in SAMPLING.items():
        if name not in body:
            continue
        if strict:
            raise invalid(f"{name}: this parameter is not supported. Remove it from the request.")
        if model.new_tokenizer and body[name] != default:
            raise invalid(f"`{name}` may only be set to its default value for this model.")


def _check_values(body: dict[str, Any]) -> None:
    if body.get("max_tokens", 0) < 0:
        raise invalid("max_tokens: Input should be greater than or equal to 0")
    if not body["messages"]:
        raise invalid("messages: at least one message is required")
    if len(body["messages"]) > MOST_MESSAGES:
        raise invalid(f"messages: at most {MOST_MESSAGES} messages are allowed")
    for number, sequence in enumerate(body.get("stop_sequences") or []):
        check_type(f"stop_sequences.{number}", sequence, "string")
        if not sequence.strip():
            raise invalid("stop_sequences: each stop sequence must contain non-whitespace")
    schema = (body.get("output_config") or {}).get("format")
    if schema is not None and (
        schema.get("type") != "json_schema" or not isinstance(schema.get("schema"), dict)
    ):
        raise invalid("output_config.format: a json_schema format needs a schema")
    user = (body.get("metadata") or {}).get("user_id")
    check_type("metadata.user_id", user, "string", nullable=True)
