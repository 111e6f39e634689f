"""What every error looks like."""

from typing import Any

import httpx


def assert_error(answer: httpx.Response, status: int, code: str | None = None) -> dict[str, Any]:
    """An error in the one shape all errors have."""
    assert answer.status_code == status, (answer.status_code, answer.text[:300])
    assert answer.headers["content-type"] == "application/json"
    (error,) = answer.json().values()
    assert list(error) == ["message", "type", "code", "param", "retryable", "request_id"]
    assert error["request_id"] == answer.headers["x-request-id"]
    assert code is None or error["code"] == code
    assert_nothing_leaks(answer)
    body: dict[str, Any] = error
    return body


def assert_sentence(answer: httpx.Response, status: int) -> str:
    """An error as clients get it that print the body they receive: one sentence, with the headers of any error."""
    assert answer.status_code == status, (answer.status_code, answer.text[:300])
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert 0 < len(answer.text) < 300
    assert not answer.text.startswith(("{", "["))
    assert answer.headers["x-request-id"]
    assert_nothing_leaks(answer)
    return answer.text


def assert_of_anthropic(answer: httpx.Response, status: int, kind: str) -> str:
    """An error as Anthropic's clients read it; its message."""
    assert answer.status_code == status, (answer.status_code, answer.text[:300])
    body = answer.json()
    assert (body["type"], body["error"]["type"]) == ("error", kind)
    assert body["request_id"] == answer.headers["request-id"]
    assert_nothing_leaks(answer)
    message: str = body["error"]["message"]
    return message


def assert_nothing_leaks(answer: httpx.Response) -> None:
    """No traceback, no SQL, no path."""
    for leak in ("Traceback", "sqlalchemy", "pydantic", "/tmp/", "SELECT"):
        assert leak not in answer.text
