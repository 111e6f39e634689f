"""Send texts to the real application and measure how long its event loop stands still.

The application has the main thread's loop to itself; the simulated model and the client run in a loop on another thread. A stall is what
one pass of the loop takes: in processor time of its thread, which a busy machine does not change, and by the clock, which includes waiting for
other threads of the process and for the machine.
"""

import asyncio
import gc
import re
import threading
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx

from chat.upstream.client import Timeouts
from tests.palaver import palaver
from tests.sse import read_events
from tests.upstream import Reply, Simulator

SHORTEST = 1_000  # characters
BEAT = 0.002  # seconds between looks at the loop
IDLE = 3.0  # seconds the loop is looked at while nobody asks for anything
PATIENCE = Timeouts(connect=30.0, write=60.0, first_byte=120.0, silence=120.0)
REFERENCE = re.compile(r"<(m\d+) person>")

CONTROL = "(nothing)"

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """The longest pass of the loop while a text was handled, in milliseconds. `step`: what was going on. `length`: characters; halved until
    the server takes the text, whose bytes and tokens it limits too. `ended`: how the turns ended.
    """

    name: str
    cpu: float
    wall: float
    step: str
    length: int
    ended: tuple[str, ...]


class Monitor:
    """Looks at the loop it runs in every BEAT."""

    def __init__(self) -> None:
        self.cpu = self.wall = 0.0

    async def run(self) -> None:
        cpu, wall = time.thread_time(), time.perf_counter()
        while True:
            await asyncio.sleep(BEAT)
            cpu_now, wall_now = time.thread_time(), time.perf_counter()
            self.cpu = max(self.cpu, cpu_now - cpu)
            self.wall = max(self.wall, wall_now - wall - BEAT)
            cpu, wall = cpu_now, wall_now

    def take(self) -> tuple[float, float]:
        """The longest pass since the last call, as seconds of processor time and of the clock."""
        longest, self.cpu, self.wall = (self.cpu, self.wall), 0.0, 0.0
        return longest


class OtherLoop:
    """An event loop on a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))


async def measure(folder: Path, inputs: Sequence[tuple[str, str]]) -> list[Stall]:
    """The longest stall for each named text: as a question in a new thread, in a thread with a summary, and as a search."""
    with OtherLoop() as other:
        sim = Simulator()
        sim.respond(_answer)
        await other.run(sim.__aenter__())
        try:
            async with (
                palaver(
                    folder, sim, timeouts=PATIENCE, titles="model", window_tokens=1_000, log_level="error"
                ) as app,
                _client(other, app.url) as client,
            ):
                return await _measured(other, client, inputs)
        finally:
            await other.run(sim.__aexit__(None, None, None))


async def _measured(
    other: OtherLoop, client: httpx.AsyncClient, inputs: Sequence[tuple[str, str]]
) -> list[Stall]:
    monitor = Monitor()
    heartbeat = asyncio.create_task(monitor.run())
    stalls = []
    try:
        await other.run(_turn(client, "warm", "Hello"))
        await asyncio.sleep(0.5)
        gc.collect()
        gc.freeze()  # as the server does once it is loaded
        await asyncio.sleep(0.05)
        monitor.take()
        await asyncio.sleep(IDLE)
        cpu, wall = monitor.take()
        stalls.append(
            Stall(name=CONTROL, cpu=cpu * 1_000, wall=wall * 1_000, step="idle", length=0, ended=())
        )
        for number, (name, text) in enumerate(inputs):
            thread, ended = f"t{number}", []
            worst = Stall(name=name, cpu=0.0, wall=0.0, step="", length=0, ended=())
            for filler in range(6):
                await other.run(_turn(client, thread, f"Fact {filler}: " + "something was said here. " * 60))
            await asyncio.sleep(0.05)
            monitor.take()
            while len(text) > SHORTEST and await other.run(_turn(client, f"{thread}-fits", text)) == "413":
                text = text[: len(text) // 2]
            await asyncio.sleep(0.05)
            refused, _ = monitor.take()
            worst = replace(worst, cpu=refused * 1_000, step="until it is short enough", length=len(text))
            steps = {
                "new thread": _turn(client, f"{thread}-new", text),
                "thread with a summary": _turn(client, thread, text),
                "the turn after it": _turn(client, thread, "And what did I ask before that?"),
                "search": _get(client, "/api/search", q=text[:200]),
                "read the thread": _get(client, f"/api/threads/{thread}/messages"),
                "read its summary": _get(client, f"/api/threads/{thread}/summary"),
                "read the turn": _read_turn(client, f"{thread}-new"),
            }
            for step, work in steps.items():
                ended.append(await other.run(work))
                await asyncio.sleep(0.05)  # what goes on behind a turn
                cpu, wall = monitor.take()
                if cpu * 1_000 > worst.cpu:
                    worst = replace(worst, cpu=cpu * 1_000, step=step)
                worst = replace(worst, wall=max(worst.wall, wall * 1_000))
            stalls.append(replace(worst, ended=tuple(ended)))
    finally:
        gc.unfreeze()
        heartbeat.cancel()
    return stalls


async def _turn(client: httpx.AsyncClient, thread: str, text: str) -> str:
    """Say something, read the answer to its end, and return how it ended."""
    accepted = await client.post(f"/api/threads/{thread}/turns", json={"input": {"text": text}})
    if accepted.status_code not in (200, 202):
        return str(accepted.status_code)
    last = ""
    async with client.stream("GET", f"/api/turns/{accepted.json()['id']}/events") as response:
        async for event in read_events(response.aiter_bytes()):
            last = event.type
    return last


async def _get(client: httpx.AsyncClient, path: str, **params: str) -> str:
    return str((await client.get(path, params=params)).status_code)


async def _read_turn(client: httpx.AsyncClient, thread: str) -> str:
    """The answer of a thread's newest turn, its context report, its events and its request."""
    messages = (await client.get(f"/api/threads/{thread}/messages")).json().get("messages", [])
    statuses = []
    if messages:
        turn = f"/api/turns/{messages[-1]['turn_id']}"
        statuses = [await _get(client, turn + path) for path in ("", "/context", "/events", "/request")]
    return " ".join(statuses)


def _answer(request: dict[str, Any]) -> Reply:
    """A summary where one is asked for, else a short answer."""
    if "You condense" not in str(request.get("system", "")):
        return Reply(text="That is so.", thinking="")
    shown = REFERENCE.findall(request["messages"][-1]["content"][0]["text"])
    return Reply(
        text="\n".join(f"- The person told something [{reference}]" for reference in shown), thinking=""
    )


@asynccontextmanager
async def _client(other: OtherLoop, url: str) -> AsyncIterator[httpx.AsyncClient]:
    client = httpx.AsyncClient(base_url=url, timeout=300, trust_env=False)
    try:
        yield client
    finally:
        await other.run(client.aclose())
