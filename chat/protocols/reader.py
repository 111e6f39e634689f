"""The one reader of an answer that nobody can come back to: who leaves ends it."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from chat.api.event_stream import EventStream
from chat.calls.hooks import Hooks

LEFT = 499  # the status of an answer that nobody reads, since the client has gone (nginx)


class OneReaderStream(EventStream):
    """A stream that tells when its reader is gone, also when the stream had not begun."""

    def __init__(
        self,
        frames: AsyncGenerator[bytes, None],
        *,
        on_end: Callable[[], None],
        headers: dict[str, str],
        hooks: Hooks,
    ) -> None:
        """`on_end` is called when the response has ended, in whatever way."""
        super().__init__(frames, headers=headers, hooks=hooks)
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._on_end()


async def unless_left(request: Request, answer: asyncio.Future[Any]) -> bool:
    """Wait for an answer. False: the client has left before."""

    async def left() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    leaving = asyncio.create_task(left())
    try:
        await asyncio.wait({answer, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
    return answer.done()
