"""The schemas of events as the OpenAPI document has them, made strict: what is sent has no field that they lack."""

from typing import Any, Final

import jsonschema_rs

from chat.api import event_schemas


def strict(schema: Any) -> Any:
    """The schema without room for fields it does not name, and without discriminators, which are not JSON Schema's."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: strict(part) for name, part in schema.items() if name != "discriminator"}
    if isinstance(closed.get("properties"), dict):
        closed["unevaluatedProperties"] = False
    return closed


DEFINITIONS: Final = strict(event_schemas.definitions("#/$defs/{name}"))
EVENT: Final = jsonschema_rs.validator_for({"$ref": "#/$defs/TurnEvent", "$defs": DEFINITIONS})


def check_event(event: dict[str, Any]) -> None:
    """Assert that an event is described."""
    if not EVENT.is_valid(event):
        name = event.get("name") if event.get("type") == "note" else event.get("type")
        problems = "; ".join(error.message for error in EVENT.iter_errors(event))
        raise AssertionError(f"{name} is not as described: {problems}")
