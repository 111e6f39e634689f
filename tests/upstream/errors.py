"""The one exception of the simulator: an error the API would answer with, in its wire shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ApiError(Exception):
    """An HTTP error of the API: status, `error.type`, message and the optional `error_code`."""

    def __init__(
        self,
        *,
        status: int,
        type: str,
        message: str,
        error_code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {type}: {message}")
        self.status = status
        self.type = type
        self.message = message
        self.error_code = error_code
        self.headers = dict(headers or {})

    def body(self, request_id: str) -> dict[str, Any]:
        error: dict[str, Any] = {"type": self.type, "message": self.message}
        if self.error_code is not None:
            error["details"] = {"error_code": self.error_code}
        return {"type": "error", "error": error, "request_id": request_id}


def invalid(message: str) -> ApiError:
    """400: the request is at fault."""
    return ApiError(status=400, type="invalid_request_error", message=message)


def not_found(message: str) -> ApiError:
    return ApiError(status=404, type="not_found_error", message=message)


def too_large() -> ApiError:
    return ApiError(status=413, type="request_too_large", message="Request exceeds the maximum size")
