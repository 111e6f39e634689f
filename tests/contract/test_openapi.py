"""Requests drawn from the OpenAPI document, right and wrong ones: answers keep to it, and none is a 5xx."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.palaver import Palaver
from tests.sse import read_events
from tests.waiting import LIMIT

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
NOTHING_TO_GET_WRONG = {"/api/info", "/healthz", "/readyz", "/metrics"}
DRAWN = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_right_requests_are_answered_as_described(server: Palaver) -> None:
    answers = fuzz(server, GenerationMode.POSITIVE)
    assert {200, 201, 204, 404} <= answers.keys()


def test_wrong_requests_are_refused_as_described(server: Palaver) -> None:
    answers = fuzz(server, GenerationMode.NEGATIVE)
    assert answers[400] + answers[404] > answers.total() // 2


def test_requests_about_what_exists_are_answered_as_described(server: Palaver) -> None:
    """Ids drawn at random never exist; here they name a real thread, a real message and a real turn."""
    thread = server_call(server, "POST", "/api/threads", json={"id": "here"})["id"]
    turn = server_call(server, "POST", f"/api/threads/{thread}/turns", json={"input": {"text": "Hello"}})
    known = {"thread": thread, "turn": turn["id"], "message": turn["message_id"], "model": "simple"}
    answers = fuzz(server, GenerationMode.POSITIVE, known)
    assert {200, 201, 202, 204} <= answers.keys()


def fuzz(server: Palaver, mode: GenerationMode, known: dict[str, str] | None = None) -> Counter[int]:
    """Try every operation; how often each status was the answer. With `known` ids, deleting is left out."""
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    answers: Counter[int] = Counter()
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()
        if known is not None and operation.method.upper() == "DELETE":
            continue

        if mode is GenerationMode.NEGATIVE and operation.path in NOTHING_TO_GET_WRONG:
            continue

        @DRAWN
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: schemathesis.Case[Any]) -> None:
            for name in case.path_parameters or {}:
                if known is not None:
                    case.path_parameters[name] = known[name]
            response = case.call(timeout=LIMIT)
            streams = response.headers.get("content-type", [""])[0].startswith("text/event-stream")
            case.validate_response(response, checks=CHECKS[:-1] if streams else CHECKS)
            if streams and case.operation.path.startswith(("/api/ai-sdk/", "/v1/chat/")):
                assert response.content.endswith(b"\n\ndata: [DONE]\n\n")
            elif streams and case.path.startswith("/v1/"):
                last = response.content.rpartition(b"event: ")[2]
                assert last.startswith((b"message_stop\n", b"error\n"))
            elif streams:
                asyncio.run(read(response.content))
            assert response.headers["x-request-id"]
            answers[response.status_code] += 1

        ask()
    return answers


async def read(body: bytes) -> None:
    """Check the framing and the numbers of a stream, and that it came to its end."""

    async def chunks() -> AsyncIterator[bytes]:
        yield body

    events = [event async for event in read_events(chunks())]
    assert events[-1].type in {"turn.completed", "turn.failed", "turn.cancelled"}


def server_call(server: Palaver, method: str, path: str, **rest: Any) -> dict[str, str]:
    """One plain request."""
    answer = httpx.request(method, server.url + path, timeout=LIMIT, trust_env=False, **rest)
    assert answer.is_success, answer.text
    body: dict[str, str] = answer.json()
    return body
