"""Make the OpenAPI 3.1 document from the routes' declarations."""

import json
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from chat import DISTRIBUTION
from chat.api import event_schemas
from chat.api.endpoint import JSON, Endpoint
from chat.api.schemas.errors import ErrorAnswer
from chat.api.schemas.fields import ID_PATTERN
from chat.errors import (
    BadRequest,
    Forbidden,
    Internal,
    PalaverError,
    RateLimited,
    StorageFull,
    TooLarge,
    Unauthorized,
    Unavailable,
    UnsupportedMedia,
)

ALWAYS: tuple[type[PalaverError], ...] = (BadRequest, Forbidden, Internal, Unavailable)
NOT_PUBLIC: tuple[type[PalaverError], ...] = (Unauthorized, RateLimited)
WITH_BODY: tuple[type[PalaverError], ...] = (TooLarge, UnsupportedMedia, StorageFull)
EVENTS = (
    "A turn's events come as `text/event-stream`: each event is one `data:` line of JSON with `type`, `seq` (from 1, without gaps, "
    "also the SSE id) and `turn_id`, of the schema `TurnEvent`. Resume with `Last-Event-ID` or `after`. The last event is `turn.completed`, `turn.failed` "
    "or `turn.cancelled`. Ignore types and fields you do not know."
)
REFERENCE = "#/components/schemas/{model}"
EVENT_REFERENCE = REFERENCE.replace("model", "name")
# By the last word of a path that is one of these.
TAGS = {
    "threads": "Conversations: create, list, change, delete; and whether somebody looks at one.",
    "turns": "One message and its answer: start it, follow its events, cancel it, see what the model was sent.",
    "messages": "The messages of a thread's branches, and ratings of answers.",
    "summary": "What stands for a thread's old messages: read it, correct it, undo it.",
    "search": "Find messages in all threads.",
    "usage": "Tokens and costs, from the ledger.",
    "budgets": "Limits of spending, and what is left of them.",
    "tokens": "Tokens of a host's end users: issue, list, revoke.",
    "ai-sdk": "The UI message stream of the AI SDK, for `useChat` and assistant-ui.",
    "v1": "A base URL for Anthropic's clients, whose requests are passed through, and for OpenAI's, in a thread or without one.",
    "server": "What this server is, and how it does.",
}


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The OpenAPI document of these routes."""
    models: set[type[BaseModel]] = {ErrorAnswer}
    for endpoint in endpoints:
        models |= {
            model
            for model in (
                endpoint.body,
                endpoint.error_body,
                *endpoint.other_bodies,
                *endpoint.answers.values(),
            )
            if model is not None
        }
    references, definitions = _schemas(tuple(sorted(models, key=lambda model: model.__name__)))
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, references)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Palaver",
            "version": version(DISTRIBUTION),
            "summary": "palaver.v1: threads, turns and their event streams",
            "description": EVENTS,
        },
        "tags": [{"name": name, "description": description} for name, description in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": {**definitions, **event_schemas.definitions(EVENT_REFERENCE)},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def as_json(described: Any) -> str:
    """The document to be read and compared: indented, with a line break at its end."""
    return json.dumps(described, ensure_ascii=False, indent=2) + "\n"


@cache
def _schemas(models: tuple[type[BaseModel], ...]) -> tuple[dict[type[BaseModel], Any], dict[str, Any]]:
    """References to the models and their definitions. A tenth of a second: applications of one process share them."""
    mapping, definitions = models_json_schema(
        [(model, "validation") for model in models], ref_template=REFERENCE
    )
    return {model: mapping[(model, "validation")] for model in models}, definitions["$defs"]


def _operation(endpoint: Endpoint, references: dict[type[BaseModel], Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "tags": [tag(endpoint.path)],
        "summary": endpoint.summary.replace("`", ""),  # plain text, where descriptions are Markdown
        "operationId": _operation_id(endpoint),
        "parameters": [*_path(endpoint), *_query(endpoint), *_headers(endpoint)],
        "responses": _responses(endpoint, references),
        "security": [] if endpoint.public else [{"bearer": []}, {}],
    }
    if endpoint.body is not None:
        operation["requestBody"] = {"required": True, "content": _json(references[endpoint.body])}
    return operation


def tag(path: str) -> str:
    """The tag of a path's operations."""
    if path.startswith("/v1/"):
        return "v1"
    return next((word for word in reversed(path.split("/")) if word in TAGS), "server")


def _operation_id(endpoint: Endpoint) -> str:
    words = [part.strip("{}") for part in endpoint.path.strip("/").split("/") if part != "api"]
    return "_".join([endpoint.method.lower(), *words])


def _path(endpoint: Endpoint) -> list[dict[str, Any]]:
    schema = {"type": "string", "pattern": ID_PATTERN}
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name in endpoint.parameters]


def _query(endpoint: Endpoint) -> list[dict[str, Any]]:
    schema = endpoint.query.model_json_schema(ref_template=REFERENCE)
    required = schema.get("required", [])
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": field.get("description", ""),
            "schema": _without_null(field),
        }
        for name, field in schema.get("properties", {}).items()
    ]


def _without_null(field: dict[str, Any]) -> dict[str, Any]:
    """A query parameter is there or not; it is never null."""
    shape = {name: value for name, value in field.items() if name not in {"title", "description", "default"}}
    choices = [choice for choice in shape.pop("anyOf", []) if choice != {"type": "null"}]
    return {**shape, **choices[0]} if choices else shape


def _headers(endpoint: Endpoint) -> list[dict[str, Any]]:
    patterns = {"Last-Event-ID": "^[0-9]{1,9}$", "Idempotency-Key": "^[!-~]{1,200}$"}
    return [
        {
            "name": name,
            "in": "header",
            "required": False,
            "description": description,
            "schema": {"type": "string", **({"pattern": patterns[name]} if name in patterns else {})},
        }
        for name, description in endpoint.headers.items()
    ]


def _responses(endpoint: Endpoint, references: dict[type[BaseModel], Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, model in endpoint.answers.items():
        content: dict[str, Any] = {} if model is None else _json(references[model])
        if status == 200 and endpoint.other_bodies:
            shapes = [references[shape] for shape in (model, *endpoint.other_bodies) if shape is not None]
            content = _json({"anyOf": shapes})
        if endpoint.streams and status == 200:
            content |= {event_schemas.MEDIA: {"schema": {"type": "string"}}}
        if endpoint.sends_events and status == 200:
            content |= event_schemas.content(EVENT_REFERENCE)
        if status == 200:
            content |= {media: {"schema": {"type": "string"}} for media in endpoint.media}
        responses[str(status)] = {"description": "OK", **({"content": content} if content else {})}
    expected = [*endpoint.errors, *ALWAYS, *(() if endpoint.public else NOT_PUBLIC)]
    expected += WITH_BODY if endpoint.body is not None else ()
    shape = references[endpoint.error_body] if endpoint.error_media == JSON else {"type": "string"}
    for error in sorted(set(expected), key=lambda error: (error.status, error.code)):
        entry = responses.setdefault(
            str(error.status), {"description": "", "content": {endpoint.error_media: {"schema": shape}}}
        )
        entry["description"] = ", ".join(filter(None, [entry["description"], error.code]))
    return responses


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {JSON: {"schema": schema}}
