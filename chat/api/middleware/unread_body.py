"""Hanging up on a body nobody wants: the answer goes out, the rest of the body is read for a moment, then the connection is closed.

uvicorn reads a refused body to its end, and an endless one has none. Closing at once would be no better: the kernel resets a
connection with unread bytes, and a client that is still sending may lose the answer (RFC 9112, 9.6).
"""

import asyncio

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BOUND = 1_048_576  # bytes of a body announced as so long: it is read to its end, whoever wants it
LINGER = 5.0  # seconds a longer one is read after its answer: a client that notices is gone by then
MOST = 16_777_216  # bytes of it that are read in that time


class UnreadBody:
    """ASGI middleware around all others: no answer leaves a connection on which an unread body may go on for ever."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not may_be_endless(Headers(scope=scope)):
            await self.app(scope, receive, send)
            return
        unread = True

        async def noting_the_end() -> Message:
            nonlocal unread
            message = await receive()
            unread = message["type"] == "http.request" and message.get("more_body", False)
            return message

        closing = False

        async def hanging_up(message: Message) -> None:
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

        await self.app(scope, noting_the_end, hanging_up)


def may_be_endless(headers: Headers) -> bool:
    """Whether a request does not say how long its body is, or says that it is very long."""
    announced = headers.get("content-length", "0")
    return "transfer-encoding" in headers or not announced.isdecimal() or int(announced[:20]) > BOUND


async def _linger(receive: Receive) -> None:
    """Read on until the client has heard the answer and stops, or its time is up."""
    left = MOST
    try:
        async with asyncio.timeout(LINGER):
            while left > 0:
                message = await receive()
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
                left -= len(message.get("body", b""))
    except TimeoutError:
        return
