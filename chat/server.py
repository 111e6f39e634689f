"""Serve HTTP: signals, and a graceful stop.

On SIGTERM or SIGINT: no new connections and no new turns; running turns get their grace, while their streams go on; what is
left then ends as interrupted; streams end; uvicorn closes. A second signal ends the grace and waits for no connection; a third ends
the process. SIGHUP (a closed terminal) is as SIGTERM.
"""

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import structlog
import uvicorn
from sse_starlette.sse import AppStatus
from starlette.applications import Starlette

from chat.config.settings import Settings
from chat.turns.runner import Runner

log = structlog.get_logger()

CONNECTIONS = 10_000  # open at once; more are answered 503 before they cost anything


class Server(uvicorn.Server):
    """uvicorn that lets running turns finish before it waits for connections. Made on the event loop that it serves."""

    def __init__(self, config: uvicorn.Config, runner: Runner, grace: float) -> None:
        super().__init__(config)
        self._runner = runner
        self._grace = grace
        self._signals = 0
        self._loop = asyncio.get_running_loop()
        self._draining: asyncio.Task[None] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """First signal: drain. Second: end the turns now. Third: end the process; what was acknowledged is on disk.

        A signal handler interrupts the main thread anywhere, also while it holds the log's lock, so it must not log; the event loop does that.
        """
        self._signals += 1
        if self._signals > 2:
            os._exit(128 + sig)
        self._loop.call_soon_threadsafe(self._stop, sig)

    def _stop(self, sig: int) -> None:
        if self._draining is not None:
            log.warning("server.stopping_now", signal=sig)
            self._draining.cancel()
            self.force_exit = self.should_exit = True
            return
        log.info("server.stopping", signal=sig)
        self._draining = asyncio.create_task(self._drain())

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle SIGHUP as uvicorn handles SIGTERM."""
        with super().capture_signals():
            if not hasattr(signal, "SIGHUP") or threading.current_thread() is not threading.main_thread():
                yield
                return
            before = signal.signal(signal.SIGHUP, self.handle_exit)
            try:
                yield
            finally:
                signal.signal(signal.SIGHUP, before)

    async def _drain(self) -> None:
        await self._runner.drain(self._grace)
        self.should_exit = True


async def serve(app: Starlette, runner: Runner, bound: socket.socket, settings: Settings) -> None:
    """Serve until a signal says stop."""
    AppStatus.enable_automatic_graceful_drain = (
        False  # streams end when the runner has drained, not at the signal
    )
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,  # it prints query strings; chat.api.middleware.request_context logs requests without them
        server_header=False,
        date_header=True,
        lifespan="off",
        proxy_headers=False,  # chat.api.middleware.base_path reads them
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=10,
        h11_max_incomplete_event_size=65_536,
    )
    await Server(config, runner, settings.grace_seconds).serve(sockets=[bound])
