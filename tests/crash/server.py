"""Server processes for tests: the real command on a fixed port and folder, started, killed, and started again."""

import asyncio
import json
import os
import random
import signal
import socket
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import psutil

from tests.waiting import LIMIT, until

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 90.0  # seconds a start may take on a busy machine


def environment(**more: str) -> dict[str, str]:
    """This machine's environment without anything that configures Palaver, and with what is given."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("PALAVER_", "ANTHROPIC_"))
    }
    path = os.pathsep.join(filter(None, [str(ROOT), inherited.get("PYTHONPATH")]))
    return {**inherited, "PYTHONPATH": path, **more}


def free_port() -> int:
    """A port nobody listens on, below those the kernel gives to clients, so that it stays free between two servers."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class ForkServer:
    """`async with ForkServer()`: a process that forks servers in a moment."""

    def __init__(self) -> None:
        self._process: Process | None = None
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.crash.fork_server",
            stdin=PIPE,
            stdout=PIPE,
            env=environment(),
            cwd=ROOT,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()

    async def fork(self, argv: list[str], settings: dict[str, str], log: Path) -> int:
        """Start the command in a fork; returns its process id."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._turn:
            order = {"argv": argv, "environment": settings, "log": str(log)}
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            return int(await self._process.stdout.readline())


@dataclass(slots=True, kw_only=True)
class Server:
    """One server, dead or alive. `settings` are environment variables; `fork_server` makes its starts quick."""

    folder: Path
    settings: dict[str, str]
    fork_server: ForkServer | None = None
    port: int = field(default_factory=free_port)
    patience: float = PATIENCE
    pid: int | None = None
    starts: list[float] = field(default_factory=list)
    """Seconds from each start to the first connection that was taken."""
    _process: Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def database(self) -> Path:
        return self.folder / "palaver.db"

    async def start(self) -> None:
        """Start, and wait until it serves."""
        self.folder.mkdir(parents=True, exist_ok=True)
        argv = ["serve", "--port", str(self.port), "--data-dir", str(self.folder)]
        began = time.perf_counter()
        if self.fork_server is not None:
            self.pid = await self.fork_server.fork(argv, self.settings, self.log)
        else:
            with self.log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "chat",
                    *argv,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=environment(**self.settings),
                    cwd=self.folder,
                )
            self.pid = self._process.pid
        await until(self._serves, limit=self.patience)
        self.starts.append(time.perf_counter() - began)

    async def kill(self) -> None:
        """SIGKILL, and wait until the process is gone."""
        assert self.pid is not None
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        await self._gone()

    async def terminate(self) -> None:
        """SIGTERM, and wait until it has drained and left. Raises TimeoutError, and kills it, when it does not."""
        if self.pid is None:
            return
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        try:
            async with asyncio.timeout(LIMIT):
                await self._gone()
        except TimeoutError:
            await self.kill()
            raise

    @property
    def alive(self) -> bool:
        return (
            self.pid is not None
            and psutil.pid_exists(self.pid)
            and psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE
        )

    async def _gone(self) -> None:
        if self._process is not None:
            await self._process.wait()
            self._process = None
        pid = self.pid
        await until(lambda: pid is None or not psutil.pid_exists(pid))
        self.pid = None

    async def _serves(self) -> bool:
        """Whether the port takes connections. Fails when the process has ended."""
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            assert self.alive, f"the server did not start:\n{self.log.read_text()[-3000:]}"
            return False
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        return True


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    """A started server with a client for it; stopped at the end if it still lives."""
    await server.start()
    try:
        async with client_for(server) as http:
            yield http
    finally:
        await server.terminate()


def client_for(server: Server) -> httpx.AsyncClient:
    """A client that outlives the server's processes."""
    return httpx.AsyncClient(base_url=server.url, timeout=LIMIT, trust_env=False)


def settings_for(base_url: str, **more: str) -> dict[str, str]:
    """Environment of a server whose model is the simulator."""
    return {
        "ANTHROPIC_API_KEY": "sk-ant-test-key-0123456789",
        "ANTHROPIC_BASE_URL": base_url,
        "PALAVER_TITLES": "first_words",
        "PALAVER_GRACE_SECONDS": "0",
        "PALAVER_REQUESTS_PER_MINUTE": "0",
        "PALAVER_LOG_LEVEL": "warning",
        **more,
    }
