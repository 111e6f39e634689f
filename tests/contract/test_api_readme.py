"""The tables of chat/api/README.md are complete and exact: routes, events and notes."""

import re
from types import SimpleNamespace
from typing import Any

import msgspec
from starlette.routing import Mount, Route

from chat.api import page
from chat.api.routes import RESOURCES
from chat.stream import events, notes
from tests.markdown import rows, section

API = "chat/api/README.md"
COMMON = {"seq", "turn_id"}
OBJECTS: dict[str, type[msgspec.Struct]] = {"error": events.TurnError, "usage": events.TokenUsage}


def listed(title: str, cells: int) -> dict[str, set[str]]:
    """Tables of a section: the first cell's name, and the fields of the second one (`name`?: may be absent)."""
    table = [row for row in rows(section(API, title)) if len(row) == cells]
    fields = {row[0].strip("`"): re.findall(r"`([^`]+)`(\??)", row[1]) for row in table}
    assert len(fields) == len(table), "a name stands twice"
    return {name: {"".join(field) for field in matches} for name, matches in fields.items()}


def defined_fields(struct: type[msgspec.Struct]) -> set[str]:
    fields = [field for field in msgspec.structs.fields(struct) if field.name not in COMMON]
    return {field.encode_name + ("" if field.required else "?") for field in fields}


def test_the_table_of_routes_is_complete() -> None:
    deps: Any = SimpleNamespace()
    endpoints = [endpoint for resource in RESOURCES for endpoint in resource(deps).endpoints()]
    table = rows(section(API, "Routes"))
    described = [(f"`{endpoint.method} {endpoint.path}`", endpoint.summary) for endpoint in endpoints]
    assert table[: len(described)] == described
    others = {route.path for route in page.routes(endpoints) if isinstance(route, Route | Mount)}
    assert {name for name, _ in table[len(described) :]} == {f"`GET {path}`" for path in others | {"/assets"}}


def test_the_tables_of_events_and_their_objects_are_complete() -> None:
    kinds: list[type[msgspec.Struct]] = list(events.TurnEvent.__args__)
    expected = {str(kind.__struct_config__.tag): defined_fields(kind) for kind in kinds}
    expected |= {name: defined_fields(kind) for name, kind in OBJECTS.items()}
    assert listed("Events", 3) == expected


def test_the_table_of_notes_is_complete() -> None:
    assert listed("Notes", 3) == {name: defined_fields(kind) for name, kind in notes.KINDS.items()}
