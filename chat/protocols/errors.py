"""Errors before a stream, in the shapes that clients of other protocols read."""

from starlette.responses import PlainTextResponse, Response

from chat.api.middleware.request_context import error_headers
from chat.errors import PalaverError


def sentence(error: PalaverError, request_id: str) -> Response:
    """The message alone, as plain text: the AI SDK takes the whole body of an error for its message, and pages print that."""
    return PlainTextResponse(error.message, status_code=error.status, headers=error_headers(error))
