"""Following a turn: its log after a cursor, then live, until the terminal event.

How a stream can end:

    terminal event sent ............ end of body; the client is done
    client goes away ............... the body iterator is cancelled; the turn goes on
    client stops reading ........... send timeout; the connection is closed; the client resumes from its cursor
    server drains .................. end of body without terminal event; the client resumes elsewhere
    token ends ..................... end of body without terminal event; who comes back is asked for a token (401)

A follower holds no duty: whatever happens to it, the turn and its log do not notice.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

from sse_starlette import EventSourceResponse
from starlette.types import Receive, Scope, Send

from chat.calls.hooks import Hooks
from chat.stream.events import frame, is_terminal
from chat.stream.journal import TurnLog
from store import events as store_events
from store import turns
from store.database import Database

RETRY = b"retry: 1500\n"  # milliseconds an EventSource waits before it comes back
KEEP_ALIVE = b": ka\n"  # one newline: a comment inside the next block, so that no parser sees an empty event
SILENCE = 15.0  # seconds without bytes after which a comment goes out (nginx cuts after 60)
SEND_TIMEOUT = 30.0  # seconds a reader may take for one write
ELSEWHERE_POLL = 0.4  # seconds between looks at the log of a turn that another process runs

HEADERS = {
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
    "x-content-type-options": "nosniff",
}


class EventStream(EventSourceResponse):
    """sse-starlette's response with our own frames: LF only, `data:` before `id:`, a comment only after silence.

    Its periodic ping is off because it sends a block of its own whether or not there was silence, and its shutdown watcher
    never fires because `chat.server` ends streams itself, after running turns had their grace.
    """

    def __init__(
        self,
        frames: AsyncIterator[bytes],
        *,
        headers: dict[str, str] | None = None,
        hooks: Hooks | None = None,
    ) -> None:
        super().__init__(
            frames, headers={**HEADERS, **(headers or {})}, ping=0, sep="\n", send_timeout=SEND_TIMEOUT
        )
        self._watch = hooks or Hooks()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._watch.stream():
            await super().__call__(scope, receive, send)

    def init_headers(self, headers: object = None) -> None:
        super().init_headers(headers)  # type: ignore[arg-type]  # sse-starlette leaves the parameter untyped
        # A hop-by-hop header is not ours to send, and is forbidden on HTTP/2.
        self.raw_headers = [(name, value) for name, value in self.raw_headers if name != b"connection"]

    async def _ping(self, send: Send) -> None:
        """No pings: `follow` knows when there was silence."""


async def follow(
    database: Database,
    owner_id: str,
    turn_id: str,
    after: int,
    *,
    find_live: Callable[[], TurnLog | None],
    draining: asyncio.Event,
    barred: Callable[[], bool] = lambda: False,
    silence: float = SILENCE,
) -> AsyncIterator[bytes]:
    """SSE bytes of a turn's events with a number above `after`. The caller has checked that the turn may be read.

    `barred`: whether it no longer may; who says so wakes the turn's log.
    """
    yield RETRY
    cursor, silent_since = after, asyncio.get_running_loop().time()
    while True:
        log = find_live()
        if log is not None:
            async for chunk in _live(log, cursor, draining, barred, silence):
                yield chunk
            return
        while True:
            async with database.reading() as connection:
                found = await store_events.after(connection, owner_id, turn_id, cursor)
                over = not found and not await turns.is_running(connection, owner_id, turn_id)
            if over:
                return
            if not found:
                break
            cursor = found[-1][0]
            yield b"".join(frame(seq, payload) for seq, payload in found)
            if is_terminal(found[-1][1]):
                return
            silent_since = asyncio.get_running_loop().time()
        if draining.is_set() or barred():
            return
        if asyncio.get_running_loop().time() - silent_since >= silence:
            silent_since = asyncio.get_running_loop().time()
            yield KEEP_ALIVE
        await asyncio.sleep(ELSEWHERE_POLL)


async def _live(
    log: TurnLog, cursor: int, draining: asyncio.Event, barred: Callable[[], bool], silence: float
) -> AsyncIterator[bytes]:
    while not barred():
        if len(log.frames) > cursor:
            fresh = log.frames[cursor:]
            cursor += len(fresh)
            yield b"".join(fresh)
            continue
        if log.ended or draining.is_set():
            return
        try:
            async with asyncio.timeout(silence):
                await log.wait()
        except TimeoutError:
            yield KEEP_ALIVE
