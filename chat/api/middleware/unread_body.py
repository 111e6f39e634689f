"""Close the connection after answering a request whose body was not read to its end (a lingering close).

uvicorn reads a refused body to its end, which an endless body never reaches. Closing at once is no better: the kernel resets a
connection with unread bytes, and a client that is still sending may lose the answer (RFC 9112, section 9.6).
"""

import asyncio

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SMALL = 1_048_576  # bytes: a body with at most this Content-Length is simply read to its end
LINGER = (
    5.0  # seconds a longer body is read after its answer; a client that sees the answer has stopped by then
)
MAX_LINGER = 16_777_216  # bytes read in that time


class UnreadBody:
    """ASGI middleware around all others: closes connections on which an unread body might go on forever."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not may_be_endless(Headers(scope=scope)):
            await self.app(scope, receive, send)
            return
        unread = True

        async def receive_and_note_end() -> Message:
            nonlocal unread
            message = await receive()
            unread = message["type"] == "http.request" and message.get("more_body", False)
            return message

        closing = False

        async def send_and_close(message: Message) -> None:
            nonlocal closing
            if message["type"] == "http.response.start":
                closing = unread
                if closing:
                    MutableHeaders(raw=message["headers"])["connection"] = "close"
            elif closing and not message.get("more_body", False):
                await send({**message, "more_body": True})
                await _linger(receive)
                message = {"type": "http.response.body", "body": b"", "more_body": False}
            await send(message)

        await self.app(scope, receive_and_note_end, send_and_close)


def may_be_endless(headers: Headers) -> bool:
    """Whether the body has no declared length, or a very large one."""
    length = headers.get("content-length", "0")
    return "transfer-encoding" in headers or not length.isdecimal() or int(length[:20]) > SMALL


async def _linger(receive: Receive) -> None:
    """Read and discard until the client stops sending, or LINGER or MAX_LINGER is reached."""
    left = MAX_LINGER
    try:
        async with asyncio.timeout(LINGER):
            while left > 0:
                message = await receive()
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
                left -= len(message.get("body", b""))
    except TimeoutError:
        return
