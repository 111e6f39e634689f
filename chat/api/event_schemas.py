"""Describe the events of a turn for the OpenAPI document: JSON schemas of what a client receives, and an example stream.

On the wire every event has its `seq` and `turn_id`, and a field without a value is left out, never null.
"""

from functools import cache
from typing import Any, Final

import msgspec

from chat.stream import events, notes

UNION: Final = "TurnEvent"
ALL_NOTES: Final = "Note"
MEDIA: Final = "text/event-stream"

EXAMPLE: Final[tuple[events.TurnEvent, ...]] = (
    events.TurnStarted(
        protocol=events.PROTOCOL,
        thread_id="thread_1",
        message_id="message_2",
        user_message_id="message_1",
        created_at="2026-12-02T09:30:00.000Z",
    ),
    notes.to_event(
        notes.RouteNote(
            model="claude-haiku-4-5",
            label="Claude Haiku 4.5",
            tier="simple",
            reason="a greeting",
        )
    ),
    events.PartStarted(part_id="part_1", kind="text"),
    events.PartDelta(part_id="part_1", text="Good morning!"),
    events.PartEnded(part_id="part_1"),
    events.TurnCompleted(
        finish_reason="stop",
        usage=events.TokenUsage(input_tokens=31, output_tokens=5, total_tokens=36),
    ),
)


@cache
def definitions(reference: str) -> dict[str, Any]:
    """The schema of each event by name, with their union `TurnEvent`. `reference`: how schemas refer to each other, with `{name}`."""
    (union, *_), found = msgspec.json.schema_components(
        [events.TurnEvent, *notes.KINDS.values()], ref_template=reference
    )
    schemas = {name: _sent(schema) for name, schema in found.items()}
    event = schemas.pop(events.Note.__name__)
    for name, kind in notes.KINDS.items():
        schemas[kind.__name__] = _note(event, name, schemas[kind.__name__])
    schemas[ALL_NOTES] = {
        "description": event["description"],
        "type": "object",
        "properties": {"type": event["properties"]["type"]},
        "required": ["type"],
        "oneOf": [{"$ref": reference.format(name=kind.__name__)} for kind in notes.KINDS.values()],
        "discriminator": {
            "propertyName": "name",
            "mapping": {name: reference.format(name=kind.__name__) for name, kind in notes.KINDS.items()},
        },
    }
    schemas[UNION] = {
        "description": "One event of a turn. Ignore types, kinds and fields that you do not know.",
        "oneOf": union["anyOf"],
        "discriminator": union["discriminator"],
    }
    return schemas


def content(reference: str) -> dict[str, Any]:
    """The content of a response that is a turn's event stream: the schema is that of one event's `data`."""
    return {
        MEDIA: {
            "schema": {"$ref": reference.format(name=UNION)},
            "examples": {"turn": {"summary": "A short answer", "value": example()}},
        }
    }


def example() -> str:
    """A whole stream as it stands on the wire."""
    encoded = (
        events.encode(event, seq=number, turn_id="turn_1") for number, event in enumerate(EXAMPLE, start=1)
    )
    return b"".join(events.frame(number, payload) for number, payload in enumerate(encoded, start=1)).decode()


def _sent(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of what is sent: `omit_defaults` leaves a field out where msgspec's own schema says null."""
    if "properties" not in schema:
        return schema
    properties = {name: _without_null(field) for name, field in schema["properties"].items()}
    if "enum" in properties.get("type", {}):
        properties["type"] = {"type": "string", **properties["type"]}
    required = list(schema.get("required", []))
    if "seq" in properties:
        properties["seq"] = {"type": "integer", "minimum": 1, "description": "Counts from 1 without gaps."}
        required += ["seq", "turn_id"]
    return {**schema, "properties": properties, "required": required}


def _without_null(field: dict[str, Any]) -> dict[str, Any]:
    if "default" not in field:
        return field
    rest = {name: value for name, value in field.items() if name not in {"default", "anyOf"}}
    return {**rest, **next((choice for choice in field.get("anyOf", []) if choice != {"type": "null"}), {})}


def _note(event: dict[str, Any], name: str, data: dict[str, Any]) -> dict[str, Any]:
    """The event that carries a note."""
    shape = {key: value for key, value in data.items() if key not in {"title", "description"}}
    properties = {**event["properties"], "name": {"type": "string", "enum": [name]}, "data": shape}
    return {**event, "title": data["title"], "description": data["description"], "properties": properties}
