"""Errors before a stream, in the shapes that clients of other protocols read."""

from starlette.responses import PlainTextResponse, Response

from chat.api.middleware.request_context import error_headers, error_response
from chat.errors import ContextTooLong, PalaverError


def sentence(error: PalaverError, request_id: str) -> Response:
    """The message alone, as plain text: the AI SDK takes the whole body of an error for its message, and pages print that."""
    return PlainTextResponse(error.message, status_code=error.status, headers=error_headers(error))


class ContextLengthExceeded(PalaverError):
    """The conversation does not fit the model, under the status and the code that OpenAI's clients know for it."""

    status, code, type = 400, "context_length_exceeded", "invalid_request_error"


def openai_error(error: PalaverError, request_id: str) -> Response:
    """Our own JSON, which has the fields of OpenAI's, and its code where clients act upon that."""
    if isinstance(error, ContextTooLong):
        error = ContextLengthExceeded(error.message, param=error.param)
    return error_response(error, request_id)
