"""What both drivers share of httpx."""

from typing import Any

import httpx
from httpx_sse import SSEError

from chat.client.steps import Reply, Request

LOST = (httpx.TransportError, httpx.StreamError, SSEError)
"""What a connection fails with. Another attempt may succeed."""


def fields_of(request: Request) -> dict[str, Any]:
    """A request as httpx takes it."""
    return {
        "method": request.method,
        "url": request.url,
        "headers": dict(request.headers),
        "params": dict(request.params) or None,
        "content": request.content,
    }


def timeout_of(usual: httpx.Timeout, silence: float) -> httpx.Timeout:
    """The time limits of a stream: the client's own, but for how long nothing may come."""
    return httpx.Timeout(connect=usual.connect, read=silence, write=usual.write, pool=usual.pool)


def reply_of(response: httpx.Response, body: bytes | None = None) -> Reply:
    """An answer that was read, or whose body is given."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(
        status=response.status_code, headers=headers, body=response.content if body is None else body
    )
