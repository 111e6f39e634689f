"""The servers that are compared: how each is started, on a core that it has for itself, and how it is asked."""

import asyncio
import os
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.bench.stream_path.load import StreamRequest
from tests.bench.stream_path.workers import cores, start, stop
from tests.crash.server import free_port
from tests.waiting import until

KEY = "sk-ant-test-key-0123456789"
MODEL = "claude-sonnet-5-5"
MAX_TOKENS = 16_000

# Everything else is as shipped. These limit what one address may ask for, and how much is asked of one model at once.
LIMITS = {
    "PALAVER_REQUESTS_PER_MINUTE": "0",
    "PALAVER_MAX_CONCURRENT_REQUESTS": "0",
    "PALAVER_MAX_CONCURRENT_CALLS": "10000",
    "PALAVER_QUEUE_LENGTH": "10000",
}

Ask = Callable[[str, str], StreamRequest]
"""The request for a stream, by its name and the thread it is of, where there are threads."""


@dataclass(slots=True, kw_only=True)
class Server:
    """A server and its process. `argv` holds `{port}` and `{folder}`, which is new at each start."""

    name: str
    argv: tuple[str, ...]
    env: dict[str, str]
    ask: Ask
    folder: Path
    port: int = field(default_factory=free_port)
    process: Process | None = None
    starts: int = 0

    async def start(self) -> None:
        self.starts += 1
        folder = self.folder / f"{self.name}-{self.starts}"
        folder.mkdir(parents=True)
        argv = [part.format(port=self.port, folder=folder) for part in self.argv]
        with (folder / "server.log").open("ab") as log:
            self.process = await start(argv, cores()[0], env=self.env, stdin=DEVNULL, stdout=log, stderr=log)
        await until(self._listens, limit=90)

    async def restart(self) -> None:
        """Begin anew, with nothing stored and nothing on the heap."""
        await self.stop()
        await self.start()

    async def stop(self) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.kill()
            await stop(self.process)
            self.process = None

    def sample(self) -> "Sample":
        assert self.process is not None
        return sample(self.process.pid)

    async def _listens(self) -> bool:
        assert self.process is not None
        log = self.folder / f"{self.name}-{self.starts}" / "server.log"
        assert self.process.returncode is None, f"{self.name} has ended:\n{log.read_text()[-3000:]}"
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        return True


@dataclass(frozen=True, slots=True)
class Sample:
    """What a process has used at a moment: CPU seconds, resident bytes, bytes it had written to disk."""

    at: float
    cpu: float
    memory: int
    written: int


def sample(pid: int) -> Sample:
    process = psutil.Process(pid)
    return Sample(time.monotonic(), cpu_seconds(pid), process.memory_info().rss, bytes_written(pid))


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads, to the nanosecond on Linux: the kernel's clock of another process (clock_getcpuclockid(3))."""
    if sys.platform == "linux":
        return time.clock_gettime((~pid << 3) | 2)
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def bytes_written(pid: int) -> int:
    """Bytes that the process made the kernel write to storage; 0 where the kernel does not tell."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/io").read_text().splitlines():
            if line.startswith("write_bytes:"):
                return int(line.split()[1])
    return 0


@asynccontextmanager
async def servers(
    folder: Path, model_port: int, *, only: Sequence[str] = (), litellm: str | None = None
) -> AsyncIterator[list[Server]]:
    """Palaver, raw and tutorial, and LiteLLM if its command is named, or `only` some of them; killed at the end."""
    base = f"http://127.0.0.1:{model_port}"
    env = {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": base}
    everyone = [
        Server(
            name="Palaver",
            argv=(sys.executable, "-m", "chat", "serve", "--port", "{port}", "--data-dir", "{folder}"),
            env={**env, **LIMITS},
            ask=ask_palaver,
            folder=folder,
        ),
        Server(name="raw", argv=_peer("raw"), env=env, ask=ask_raw, folder=folder),
        Server(name="tutorial", argv=_peer("tutorial"), env=env, ask=ask_tutorial, folder=folder),
    ]
    if litellm is not None:
        everyone.append(
            Server(
                name="LiteLLM",
                argv=(litellm, "--config", str(_litellm_config(folder, base)), "--port", "{port}"),
                env={**env, "PATH": os.environ["PATH"], "PYTHONPATH": ""},
                ask=ask_litellm,
                folder=folder,
            )
        )
    wanted = [server for server in everyone if not only or server.name in only]
    try:
        yield wanted
    finally:
        for server in wanted:
            await server.stop()


def _peer(module: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"tests.bench.stream_path.{module}", "{port}")


def _litellm_config(folder: Path, base: str) -> Path:
    """Its proxy's configuration: one model, nothing stored."""
    config = folder / "litellm.yaml"
    config.write_text(
        f"model_list:\n- model_name: {MODEL}\n  litellm_params:\n    model: anthropic/{MODEL}\n"
        f"    api_base: {base}\n    api_key: {KEY}\nlitellm_settings:\n  telemetry: false\n"
    )
    return config


def question(name: str) -> str:
    """What a stream is asked; the model finds the stream's name in it."""
    return f"How do the tides work, in a few sentences? (stream {name})"


def ask_palaver(name: str, thread: str) -> StreamRequest:
    return StreamRequest(
        name=name,
        path=f"/api/threads/{thread}/turns",
        body={"input": {"text": question(name)}},
        headers=("accept: text/event-stream",),
    )


def ask_raw(name: str, thread: str) -> StreamRequest:
    return StreamRequest(name=name, path="/v1/messages", body=_messages_request(name))


def ask_tutorial(name: str, thread: str) -> StreamRequest:
    return StreamRequest(name=name, path="/chat", body={"message": question(name)})


def ask_litellm(name: str, thread: str) -> StreamRequest:
    return StreamRequest(name=name, path="/chat/completions", body=_messages_request(name))


def ask_model(name: str, thread: str) -> StreamRequest:
    """The model itself, with nothing in between: what simulator and readers take."""
    return StreamRequest(
        name=name, path="/v1/messages", body=_messages_request(name), headers=(f"x-api-key: {KEY}",)
    )


def _messages_request(name: str) -> dict[str, object]:
    return {
        "model": MODEL,
        "max_tokens": MAX_TOKENS,
        "stream": True,
        "messages": [{"role": "user", "content": question(name)}],
    }
