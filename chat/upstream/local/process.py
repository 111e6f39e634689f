"""Keep the local model running: one child process, restarted when it ends, given up when it ends again and again.

stopped → starting → ready → restarting → ready …
              └→ stopped (start raises)   └→ failed (too many ends in a short time; stays so until start)
"""

import asyncio
import os
import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Literal

import structlog

from chat.upstream.local import capabilities
from chat.upstream.local.child import Child, launch
from chat.upstream.local.errors import LocalModelUnavailable

log = structlog.get_logger()

# By its path and without the working directory on the import path: a folder named `chat` there must not be imported.
SERVER: Sequence[str] = (sys.executable, "-P", str(Path(__file__).with_name("server.py")))

State = Literal["stopped", "starting", "ready", "restarting", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarts:
    """When to restart an ended child. Seconds; after more than `most` ends within `window` it is given up."""

    first_delay: float = 0.25
    longest_delay: float = 10.0
    most: int = 5
    window: float = 60.0

    def delay(self, ends: int) -> float:
        """The wait after this many ends within the window."""
        return min(self.longest_delay, self.first_delay * 2.0 ** (ends - 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What /readyz and `palaver doctor` may tell. `restarts` counts since start; `detail` says what went wrong last."""

    state: State
    detail: str | None = None
    pid: int | None = None
    restarts: int = 0


class LocalModel:
    """The embedded model behind a Messages endpoint on loopback. Start it, use `base_url`, stop it."""

    def __init__(
        self,
        weights: Path,
        *,
        slots: int = capabilities.SLOTS,
        context_tokens: int = capabilities.CONTEXT_TOKENS,
        max_output_tokens: int = capabilities.MAX_OUTPUT_TOKENS,
        threads: int | None = None,
        startup_timeout: float = 120.0,
        restarts: Restarts | None = None,
        command: Sequence[str] = SERVER,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.model_id = weights.stem
        self.max_input_tokens = context_tokens  # prompt and answer together, as Claude's context window
        self.max_output_tokens = max_output_tokens
        self.slots = slots  # answers it writes at the same time
        self.api_key = capabilities.API_KEY
        self._command = (
            *command,
            f"--model={weights}",
            f"--model-id={self.model_id}",
            f"--api-key={self.api_key}",
            f"--slots={slots}",
            f"--context-tokens={context_tokens}",
            f"--max-output-tokens={max_output_tokens}",
            f"--prompt-cache-mib={capabilities.PROMPT_CACHE_MIB}",
            f"--threads={threads or sensible_threads(usable_cores())}",
        )
        self._startup_timeout = startup_timeout
        self._restarts = restarts or Restarts()
        self._clock = clock
        self._status = Status(state="stopped")
        self._port = 0
        self._child: Child | None = None
        self._supervisor: asyncio.Task[None] | None = None

    @property
    def base_url(self) -> str:
        """Where it listens. The same after a restart, unless another program took the port meanwhile (which is logged)."""
        if self._port == 0:
            raise RuntimeError("the local model has not been started")
        return f"http://127.0.0.1:{self._port}"

    @property
    def status(self) -> Status:
        return self._status

    async def start(self) -> None:
        """Start it and wait until it can answer. Raises LocalModelUnavailable."""
        if self._supervisor is not None:
            await self.stop()
        self._status = Status(state="starting")
        try:
            await self._launch()
        except BaseException as problem:
            self._status = Status(state="stopped", detail=str(problem) or None)
            raise
        self._supervisor = asyncio.create_task(self._supervise(), name="local_model")

    async def stop(self) -> None:
        """End it; nothing happens when it does not run."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.wait({self._supervisor})
            self._supervisor = None
        if self._child is not None:
            await self._child.end()
            self._child = None
        self._status = Status(state="stopped")

    async def _launch(self) -> None:
        command = (*self._command, f"--port={self._port}")
        child = await launch(command, self._startup_timeout)
        self._child = child
        if self._port not in (0, child.port):
            log.warning("local_model.port_changed", port=child.port, before=self._port)
        self._port = child.port
        restarts = self._status.restarts + (self._status.state == "restarting")
        self._status = Status(state="ready", pid=child.process.pid, restarts=restarts)
        log.info("local_model.ready", model=self.model_id, port=child.port, pid=child.process.pid)

    async def _supervise(self) -> None:
        ends: deque[float] = deque()
        while True:
            reason = await self._until_it_ends()
            now = self._clock()
            ends.append(now)
            while ends[0] < now - self._restarts.window:
                ends.popleft()
            if len(ends) > self._restarts.most:
                self._status = Status(state="failed", detail=reason, restarts=self._status.restarts)
                log.error("local_model.given_up", reason=reason, ends=len(ends))
                return
            delay = self._restarts.delay(len(ends))
            self._status = Status(state="restarting", detail=reason, restarts=self._status.restarts)
            log.warning("local_model.restarting", reason=reason, delay=delay)
            await asyncio.sleep(delay)

    async def _until_it_ends(self) -> str:
        """Wait for the child to end; returns why it ended, or why it could not be started."""
        if self._child is None:
            try:
                await self._launch()
            except LocalModelUnavailable as problem:
                return str(problem)
        assert self._child is not None  # noqa: S101 - launched just now
        reason = await self._child.ended()
        self._child = None
        return reason


def sensible_threads(cores: int) -> int:
    """Half the cores, at most four: the threads wait for each other by spinning, and with one too many each token takes ten
    times as long as soon as anything else runs (measured: 2 threads on 2 busy cores 2 tokens/s, 1 thread 18)."""
    return max(1, min(4, cores // 2))


def usable_cores() -> int:
    """The cores this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
