"""Processes that take orders: a line of JSON on their standard input, a line of JSON back."""

import asyncio
import json
import os
import resource
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from tests.crash.server import ROOT, environment
from tests.waiting import LIMIT

LONGEST_LINE = 1 << 28  # bytes: the times of some hundred thousand deltas


def cores() -> tuple[set[int], set[int]]:
    """The core of the servers that are measured, and those of everything else. Both are empty where that cannot be chosen."""
    if not hasattr(os, "sched_setaffinity"):
        return set(), set()
    usable = sorted(os.sched_getaffinity(0))
    return ({usable[0]}, set(usable[1:])) if len(usable) > 1 else (set(), set())


def raise_file_limit() -> None:
    """Allow as many open files as the system does; processes started from here inherit it. A stream is two files in a server."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def start(argv: Iterable[str], on: set[int], **streams: Any) -> Process:
    """Start a process on some cores, in an environment without settings of Palaver's. `env`: what to add to it."""
    pin = partial(os.sched_setaffinity, 0, on) if on else None
    variables = environment(**streams.pop("env", {}))
    return await asyncio.create_subprocess_exec(*argv, cwd=ROOT, env=variables, preexec_fn=pin, **streams)


async def stop(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), LIMIT)
    except TimeoutError:
        process.kill()
        await process.wait()


@dataclass(slots=True, kw_only=True)
class Worker:
    """`async with Worker(module=...)`: a module of this package that calls `obey`, as a process of its own."""

    module: str
    on: set[int]
    process: Process | None = None

    async def __aenter__(self) -> Self:
        argv = [sys.executable, "-m", f"tests.bench.stream_path.{self.module}"]
        self.process = await start(argv, self.on, stdin=PIPE, stdout=PIPE, limit=LONGEST_LINE)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self.process is not None
        await stop(self.process)

    async def ask(self, **order: Any) -> Any:
        """Send an order and wait for what comes of it."""
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        return await self.read()

    async def read(self) -> Any:
        """The next line it prints."""
        assert self.process is not None
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        assert line, f"{self.module} has ended"
        return json.loads(line)


async def obey(carry_out: Callable[[dict[str, Any]], Awaitable[Any]]) -> None:
    """Carry out the orders on standard input until it ends."""
    orders = asyncio.StreamReader(limit=LONGEST_LINE)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while line := await orders.readline():
        answer = await carry_out(json.loads(line))
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
