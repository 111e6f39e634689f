"""The simulator: a real socket on loopback that answers as the Claude Messages API does."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import partial
from types import TracebackType
from typing import Any, Self

import uvicorn
from uvicorn.server import ServerState

from tests.upstream.batches import Batch
from tests.upstream.cache import PromptCache
from tests.upstream.chaos import Chaos
from tests.upstream.clock import SimClock
from tests.upstream.diagnostics import Fingerprints
from tests.upstream.gate import Gate
from tests.upstream.limits import Limits, Meter
from tests.upstream.log import Log
from tests.upstream.replies import Reply
from tests.upstream.routes import build_app
from tests.upstream.wire import Protocol

Predicate = Callable[[dict[str, Any]], bool]
Responder = Callable[[dict[str, Any]], Reply | None]


class Simulator:
    """`async with Simulator() as sim:` serves until the block ends.

    `keys` lists the API keys that are let in (None: any non-empty key), mapped to their workspace when given as a
    mapping. `check_thinking` switches the prefix check of thinking blocks for accounts that have it; the 5.2 models
    check always. `limits` are reported in headers and refuse requests only when they say `enforced`. A batch ends
    `batch_seconds` of the clock after it was made. `seed` makes message ids repeatable.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        clock: SimClock | None = None,
        keys: Mapping[str, str] | None = None,
        check_thinking: bool = True,
        limits: Limits | None = None,
        batch_seconds: float = 60.0,
        seed: str | None = None,
        log: Log | None = None,
    ) -> None:
        self.clock = clock or SimClock()
        self.keys = keys
        self.check_thinking = check_thinking
        self.batch_seconds = batch_seconds
        self.log = Log() if log is None else log
        self.cache = PromptCache()
        self.fingerprints = Fingerprints()
        self.meter = Meter(limits or Limits(), self.clock)
        self.batches: dict[str, Batch] = {}
        self.held = Gate()
        """The gate of every `Reply(hold=True)`."""
        self.gates: dict[str, Gate] = {"held": self.held}
        """Gates by name, for scripts that arrive over HTTP."""
        self._seed = seed or secrets.token_hex(8)
        self._port = port
        self._script: deque[tuple[Reply, Predicate | None]] = deque()
        self._responder: Responder | None = None
        self._chaos: Chaos | None = None
        self._serial = 0
        self._silence_over = asyncio.Event()
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._state = ServerState()

    # What a test says

    def script(self, *replies: Reply, when: Predicate | None = None) -> None:
        """Queue replies, used in order by the requests that pass validation (and `when`, given their JSON)."""
        self._script.extend((reply, when) for reply in replies)

    def respond(self, responder: Responder | None) -> None:
        """Answer what no script covers with `responder(request_json)`; None from it means the default reply."""
        self._responder = responder

    def gate(self, name: str | None = None) -> Gate:
        """A gate for `Reply(gate=...)`; a named one can be released over HTTP."""
        if name is None:
            return Gate()
        return self.gates.setdefault(name, Gate())

    def chaos(self, seed: int | str = 0, rate: float = 0.1, kinds: tuple[str, ...] | None = None) -> None:
        """Let a share of the unscripted requests go wrong, the same ones every time for one seed; rate 0 ends it."""
        self._chaos = Chaos(seed=seed, rate=rate, kinds=kinds) if rate else None

    def release_silence(self) -> None:
        """End every silence; those connections close."""
        self._silence_over.set()
        self._silence_over = asyncio.Event()

    def reset(self) -> None:
        """Forget scripts, responder, chaos and log; the clock and the prompt cache stay."""
        self._script.clear()
        self._responder = None
        self._chaos = None
        self.log.clear()

    async def idle(self) -> None:
        """Wait until no API request is in flight: what clients left behind has been noticed and logged."""
        while self._in_flight:
            self._idle.clear()
            await self._idle.wait()

    @property
    def pending(self) -> int:
        """Scripted replies nobody has asked for yet."""
        return len(self._script)

    @property
    def requests(self) -> list[Any]:
        """The JSON of every POST to /v1/messages, accepted or not, in order of arrival."""
        return [entry.json for entry in self.log if (entry.method, entry.path) == ("POST", "/v1/messages")]

    # What the routes ask

    def next_reply(self, request: dict[str, Any], *, scripted: bool = True) -> Reply:
        """The reply to an accepted request: the script's, else the responder's or the default, seen by chaos.

        Batch items are not `scripted`: they come at any time and would take what a test meant for another.
        """
        for position, (reply, when) in enumerate(self._script if scripted else ()):
            if when is None or when(request):
                del self._script[position]
                return reply
        reply = (self._responder(request) if self._responder else None) or Reply()
        return self._chaos.disturb(reply) if self._chaos and scripted else reply

    @contextlib.contextmanager
    def in_flight(self) -> Iterator[None]:
        """Around each API request; `idle` waits for all of them."""
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1
            self._idle.set()

    def new_id(self, prefix: str) -> str:
        self._serial += 1
        digest = hashlib.sha256(f"{self._seed}:{self._serial}".encode()).hexdigest()
        return f"{prefix}_01{digest[:22]}"

    @property
    def silence_over(self) -> asyncio.Event:
        return self._silence_over

    # The socket

    @property
    def port(self) -> int:
        return self._port

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; a port of 0 becomes a free one and is kept from then on."""
        config = uvicorn.Config(
            build_app(self),
            http=Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            timeout_keep_alive=60,
        )
        config.load()
        make = partial(Protocol, config=config, server_state=self._state, app_state={})
        loop = asyncio.get_running_loop()
        # Without the pause of uvicorn's own main loop, hundreds of tests start and stop in no time.
        self._server = await loop.create_server(make, "127.0.0.1", self._port, family=socket.AF_INET)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and cut every connection."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._state.connections):
            connection.transport.abort()
        tasks = list(self._state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    @contextlib.asynccontextmanager
    async def offline(self) -> AsyncIterator[None]:
        """Refuse connections for the length of the block, then listen on the same port again."""
        await self.stop()
        try:
            yield
        finally:
            await self.start()
