"""Send a turn's events to one reader as server-sent events: the log after a cursor, then live, until the terminal event.

A cursor is the last `seq` the reader has (`after`, or the `Last-Event-ID` header). Every way a stream can end:

    GET /api/turns/{turn}/events, or the POST that asks for a stream (the first two are decided in chat.api.turns)
     ├── 204, no body ................ the turn has ended and the cursor is at its end: an EventSource stops
     ├── 410 log_gone ................ the log was deleted (PALAVER_LOG_HOURS): read GET /api/turns/{turn}
     └── 200, frames
          ├── terminal event sent .... the body ends; the reader is done
          ├── reader disconnects ..... the generator is cancelled; the turn goes on
          ├── reader stops reading ... SEND_TIMEOUT passes; the connection closes; the reader resumes from its cursor
          ├── server drains .......... the body ends without a terminal event; the reader resumes, here or at another replica
          ├── token expires .......... the body ends without a terminal event; resuming answers 401
          ├── thread is deleted ...... the body ends without a terminal event; resuming answers 404
          └── database fails ......... the connection breaks inside the body; the reader resumes from its cursor

The turn runs in a task of its own (`chat.turns.runner`), so none of these touches the turn or its log.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from functools import partial

from sqlalchemy import Connection
from sse_starlette import EventSourceResponse
from sse_starlette.sse import SendTimeoutError
from starlette.types import Message, Receive, Scope, Send

from chat.calls.hooks import Hooks
from chat.renewed_timeout import RenewedTimeout
from chat.stream.events import frame, is_terminal
from chat.stream.journal import TurnLog
from store import events as store_events
from store import turns
from store.database import Database

RETRY = b"retry: 1500\n"  # milliseconds an EventSource waits before it reconnects
HEARTBEAT = b": ka\n"  # one newline: a comment inside the next block, so that no parser sees an empty event
SILENCE = (
    15.0  # seconds without bytes after which a comment is sent (nginx closes a silent connection after 60)
)
SEND_TIMEOUT = 30.0  # seconds a reader may take for one write
POLL = 0.4  # seconds between two reads of the log of a turn that another process runs

Rows = list[tuple[int, str]]
"""Stored events: pairs of sequence number and payload."""

HEADERS = {
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
    "x-content-type-options": "nosniff",
}


class EventStream(EventSourceResponse):
    """sse-starlette's response with our own frames: LF only, `data:` before `id:`, a comment only after silence.

    Its periodic ping is off because it sends a block of its own whether or not there was silence. Its shutdown watcher is off
    because `chat.server` ends streams itself, after running turns had their grace period.
    """

    def __init__(
        self,
        frames: AsyncIterator[bytes],
        *,
        headers: dict[str, str] | None = None,
        hooks: Hooks | None = None,
        send_timeout: float = SEND_TIMEOUT,
    ) -> None:
        super().__init__(
            frames, headers={**HEADERS, **(headers or {})}, ping=0, sep="\n", send_timeout=send_timeout
        )
        self._hooks = hooks or Hooks()
        self._timeout = RenewedTimeout(send_timeout)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with self._hooks.stream():
                await super().__call__(scope, receive, send)
        finally:
            self._timeout.close()

    async def _send_with_timeout(self, send: Send, message: Message) -> None:
        """Send with a time limit. sse-starlette's own makes a cancel scope and a timer for each message."""
        try:
            with self._timeout:
                await send(message)
        except TimeoutError:
            raise SendTimeoutError from None

    def init_headers(self, headers: object = None) -> None:
        super().init_headers(headers)  # type: ignore[arg-type]  # sse-starlette leaves the parameter untyped
        # `Connection` is a hop-by-hop header, which an application must not send and HTTP/2 forbids.
        self.raw_headers = [(name, value) for name, value in self.raw_headers if name != b"connection"]

    async def _ping(self, send: Send) -> None:
        """No pings: `follow` sends a comment when there was silence."""


async def follow(
    database: Database,
    owner_id: str,
    turn_id: str,
    after: int,
    *,
    find_live: Callable[[], TurnLog | None],
    draining: asyncio.Event,
    access_ended: Callable[[], bool] = lambda: False,
    silence: float = SILENCE,
) -> AsyncGenerator[bytes, None]:
    """SSE bytes of a turn's events with a `seq` above `after`. The caller has checked that the turn may be read.

    `find_live` returns the log of a turn that runs in this process; any other turn is read from the database.
    `access_ended` says whether the reader's token no longer counts; whoever changes that wakes the turn's log.
    """
    yield RETRY
    loop = asyncio.get_running_loop()

    async def read(cursor: int) -> tuple[Rows, bool]:
        return await database.read(partial(_stored, owner_id=owner_id, turn_id=turn_id, cursor=cursor))

    cursor, silent_since = after, loop.time()
    while not access_ended():
        log = find_live()
        if log is not None:
            async for chunk in _follow_live(log, cursor, read, draining, access_ended, silence):
                yield chunk
            return
        rows, ended = await read(cursor)
        if ended:
            return
        if rows:
            cursor, silent_since = rows[-1][0], loop.time()
            yield _frames(rows)
            if is_terminal(rows[-1][1]):
                return
            continue
        if draining.is_set():
            return
        if loop.time() - silent_since >= silence:
            silent_since = loop.time()
            yield HEARTBEAT
        await asyncio.sleep(POLL)


def _stored(connection: Connection, owner_id: str, turn_id: str, cursor: int) -> tuple[Rows, bool]:
    """The next stored events after a cursor, and whether none are left of a turn that has ended."""
    rows = store_events.after(connection, owner_id, turn_id, cursor)
    return rows, not rows and not turns.is_running(connection, owner_id, turn_id)


def _frames(rows: Rows) -> bytes:
    return b"".join(frame(seq, payload) for seq, payload in rows)


async def _follow_live(
    log: TurnLog,
    cursor: int,
    read: Callable[[int], Awaitable[tuple[Rows, bool]]],
    draining: asyncio.Event,
    access_ended: Callable[[], bool],
    silence: float,
) -> AsyncIterator[bytes]:
    """The events of a turn of this process: from memory, and what is older than the log's tail by `read`."""
    timeout = RenewedTimeout(silence)
    try:
        while not access_ended():
            frames = log.after(cursor)
            if frames is None:
                rows, _ = await read(cursor)
                if not rows:
                    return  # the thread was deleted
                cursor = rows[-1][0]
                yield _frames(rows)
                continue
            if frames:
                cursor += len(frames)
                yield b"".join(frames)
                continue
            if log.ended or draining.is_set():
                return
            try:
                with timeout:
                    await log.wait()
            except TimeoutError:
                yield HEARTBEAT
    finally:
        timeout.close()
