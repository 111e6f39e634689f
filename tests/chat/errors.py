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
    for leak in ("Traceback", "sqlalchemy", "pydantic", "/tmp/", "SELECT"):
        assert leak not in answer.text
    body: dict[str, Any] = error
    return body
