"""The OpenAPI document: events have schemas, operations have tags, bodies have examples, and examples are right."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, get_args

import pytest

from chat.api import event_schemas, openapi
from chat.app import described
from chat.stream import events, notes
from tests.event_schema import check_event
from tests.palaver import Palaver
from tests.sse import read_events

NATIVE = {
    ("post", "/api/threads/{thread}/turns"),
    ("get", "/api/turns/{turn}/events"),
}


@pytest.fixture
async def document(app: Palaver) -> dict[str, Any]:
    return await app.get("/openapi.json")


async def test_every_event_and_every_note_has_a_schema_named_by_its_discriminator(
    document: dict[str, Any],
) -> None:
    schemas = document["components"]["schemas"]
    union = schemas["TurnEvent"]["discriminator"]
    assert union["propertyName"] == "type"
    assert union["mapping"].keys() == {event.__struct_config__.tag for event in get_args(events.TurnEvent)}
    named = schemas["Note"]["discriminator"]
    assert named["propertyName"] == "name"
    assert named["mapping"].keys() == notes.KINDS.keys()
    mapped = {**union["mapping"], **named["mapping"]}
    for reference in (reference for tag, reference in mapped.items() if tag != "note"):
        assert {"seq", "turn_id", "type"} <= set(schemas[reference.rpartition("/")[2]]["required"])


async def test_our_own_streams_are_described_as_events_and_no_other(document: dict[str, Any]) -> None:
    described = {
        (method, path)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if operation["responses"].get("200", {}).get("content", {}).get(event_schemas.MEDIA, {}).get("schema")
        == {"$ref": "#/components/schemas/TurnEvent"}
    }
    assert described == NATIVE


async def test_the_example_of_a_stream_reads_as_one() -> None:
    async def wire() -> AsyncIterator[bytes]:
        yield event_schemas.example().encode()

    read = [event async for event in read_events(wire())]
    assert read[0].type == "turn.started"
    assert read[-1].type == "turn.completed"


@pytest.mark.parametrize(
    "event",
    [
        {"type": "part.delta", "seq": 1, "turn_id": "t", "part_id": "p"},
        {"type": "part.delta", "seq": 0, "turn_id": "t", "part_id": "p", "text": ""},
        {"type": "part.ended", "seq": 1, "turn_id": "t", "part_id": "p", "seconds": None},
        {"type": "note", "seq": 1, "turn_id": "t", "name": "title", "data": {"title": "x", "more": 1}},
        {"type": "note", "seq": 1, "turn_id": "t", "name": "unheard", "data": {}},
        {"type": "turn.paused", "seq": 1, "turn_id": "t"},
    ],
)
def test_what_is_not_described_is_noticed(event: dict[str, Any]) -> None:
    with pytest.raises(AssertionError, match="is not as described"):
        check_event(event)


async def test_every_operation_has_one_tag_and_every_tag_a_description(document: dict[str, Any]) -> None:
    used = {
        name
        for operations in document["paths"].values()
        for operation in operations.values()
        for name in operation["tags"]
    }
    assert used == {tag["name"] for tag in document["tags"]}
    assert all(tag["description"] for tag in document["tags"])


def test_the_last_word_of_a_path_that_is_a_tag_names_it() -> None:
    assert openapi.tag("/api/threads/{thread}/summary/compact") == "summary"
    assert openapi.tag("/api/threads/{thread}/presence") == "threads"
    assert openapi.tag("/v1/messages") == "v1"
    assert openapi.tag("/healthz") == "server"


async def test_no_two_schemas_share_a_name(document: dict[str, Any]) -> None:
    """Pydantic would put the module before the names of both, and the page's types would lose them."""
    assert [name for name in document["components"]["schemas"] if "__" in name] == []


def test_every_body_has_examples_and_they_are_right() -> None:
    bodies = {endpoint.body for endpoint in described() if endpoint.body is not None}
    assert len(bodies) > 5
    for body in bodies:
        examples = body.model_json_schema().get("examples", [])
        assert examples, body
        for example in examples:
            body.model_validate_json(json.dumps(example))


def test_the_document_that_the_page_is_built_from_is_current() -> None:
    """If this fails: `palaver openapi > web/openapi.json`."""
    stored = (Path(__file__).parents[3] / "web" / "openapi.json").read_text()
    assert stored == openapi.as_json(openapi.document(described()))


async def test_a_server_has_the_same_document_with_its_own_address(document: dict[str, Any]) -> None:
    assert document.pop("servers") == [{"url": "/"}]
    assert document == openapi.document(described())
