"""Start the three servers, read them under the same load, and take their CPU time and memory from the kernel."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from tests.bench.stream_path.load import LAST, StreamRequest, read_all
from tests.crash.server import ROOT, Server, environment, free_port, settings_for
from tests.waiting import until

CHUNK = 8  # characters per delta of the model
PACE = 0.02  # seconds between two deltas of one stream
KEY = "sk-ant-test-key-0123456789"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A server to be measured: its process, and the request for stream number n."""

    name: str
    pid: int
    request: Callable[[int], StreamRequest]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """CPU microseconds (user and system) per delta of the model, and bytes of memory per open stream."""

    subject: str
    streams: int
    cpu: float
    memory: float


async def measure(folder: Path, counts: tuple[int, ...], deltas: int) -> list[Cost]:
    """Every server under every number of streams, one after the other; each answers a few streams first, to be warm."""
    costs: list[Cost] = []
    async with simulator() as (process, port), httpx.AsyncClient(trust_env=False) as http:
        base = f"http://127.0.0.1:{port}"
        async with relay(base) as relayed, palaver(folder, base) as own:
            subjects = [own, relayed, direct(process.pid, port)]
            for subject in subjects:
                for streams in (min(5, max(counts)), *counts):
                    await script(http, base, streams, deltas)
                    costs.append(await load(subject, streams, deltas))
                del costs[-len(counts) - 1]
    return costs


async def load(subject: Subject, streams: int, deltas: int) -> Cost:
    """One measurement."""
    process = psutil.Process(subject.pid)
    before, open_breakers = spent(process), process.memory_info().rss
    most = open_breakers
    reading = asyncio.create_task(read_all([subject.request(n) for n in range(streams)]))
    while not (await asyncio.wait({reading}, timeout=0.1))[0]:
        most = max(most, process.memory_info().rss)
    await reading
    return Cost(
        subject=subject.name,
        streams=streams,
        cpu=(spent(process) - before) / (streams * deltas) * 1e6,
        memory=(most - open_breakers) / streams,
    )


def spent(process: psutil.Process) -> float:
    """CPU seconds so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


async def script(http: httpx.AsyncClient, base: str, streams: int, deltas: int) -> None:
    """Tell the simulator what to answer to the next requests."""
    text = ("words to " * deltas)[: CHUNK * deltas - len(LAST)] + LAST
    reply = {"text": text, "chunk": CHUNK, "delay": PACE, "thinking": ""}
    (await http.post(f"{base}/sim/script", json={"replies": [reply] * streams})).raise_for_status()


@asynccontextmanager
async def simulator() -> AsyncIterator[tuple[Process, int]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.upstream", "--port", "0", "--drop-bodies",
        stdout=PIPE, cwd=ROOT, env=environment(),
    )  # fmt: skip
    try:
        assert process.stdout is not None
        address = (await process.stdout.readline()).decode().strip()
        yield process, int(address.rpartition(":")[2])
    finally:
        await stop(process)


@asynccontextmanager
async def relay(base: str) -> AsyncIterator[Subject]:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.stream_path.relay", str(port),
        stdout=DEVNULL, cwd=ROOT, env=environment(ANTHROPIC_API_KEY=KEY, ANTHROPIC_BASE_URL=base),
    )  # fmt: skip
    try:
        await listening(port)
        yield Subject(
            name="relay",
            pid=process.pid,
            request=lambda n: StreamRequest(port=port, path="/chat", body={"text": f"Stream {n}"}),
        )
    finally:
        await stop(process)


@asynccontextmanager
async def palaver(folder: Path, base: str) -> AsyncIterator[Subject]:
    server = Server(folder=folder, settings=settings_for(base, PALAVER_MAX_CONCURRENT_REQUESTS="0"))
    await server.start()
    try:
        assert server.pid is not None
        threads = iter(range(1_000_000))
        yield Subject(
            name="palaver",
            pid=server.pid,
            request=lambda n: StreamRequest(
                port=server.port,
                path=f"/api/threads/bench-{next(threads)}/turns",
                body={"input": {"text": f"Stream {n}"}},
                headers=("accept: text/event-stream",),
            ),
        )
    finally:
        await server.terminate()


def direct(pid: int, port: int) -> Subject:
    """The simulator, read without anything in between."""
    return Subject(
        name="simulator",
        pid=pid,
        request=lambda n: StreamRequest(
            port=port,
            path="/v1/messages",
            body={
                "model": "claude-sonnet-5-5",
                "max_tokens": 16_000,
                "stream": True,
                "messages": [{"role": "user", "content": f"Stream {n}"}],
            },
            headers=(f"x-api-key: {KEY}", "anthropic-version: 2023-06-01"),
        ),
    )


async def listening(port: int) -> None:
    """Wait until somebody takes connections there."""

    async def answers() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        return True

    await until(answers, limit=60.0)


async def stop(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    await process.wait()
