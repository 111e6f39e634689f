"""The real command in a process of its own."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.upstream import Simulator
from tests.waiting import LIMIT

ROOT = Path(__file__).resolve().parents[2]


@dataclass(slots=True, kw_only=True)
class Serving:
    """A running `palaver serve`; `lines` is what it has written so far."""

    process: asyncio.subprocess.Process
    url: str
    http: httpx.AsyncClient
    lines: list[str] = field(default_factory=list)

    async def stop(self, signal: int) -> int:
        """Send a signal, unless an earlier one has ended the process, and wait for the exit code."""
        with suppress(ProcessLookupError):
            self.process.send_signal(signal)
        async with asyncio.timeout(LIMIT):
            return await self.process.wait()


def environment(folder: Path, sim: Simulator | None = None, **more: str) -> dict[str, str]:
    """Nothing of this machine's settings; everything in one folder."""
    variables = {
        name: value for name, value in os.environ.items() if not name.startswith(("PALAVER_", "ANTHROPIC_"))
    }
    variables |= {
        "PALAVER_DATA_DIR": str(folder / "data"),
        "PALAVER_CACHE_DIR": str(folder / "cache"),
        "COLUMNS": "200",
    }
    variables |= {"PYTHONPATH": str(ROOT), "PALAVER_TITLES": "first_words", "PALAVER_PORT": "0"}
    if sim is not None:
        variables |= {
            "ANTHROPIC_API_KEY": "sk-ant-planted-key-0123456789",
            "ANTHROPIC_BASE_URL": sim.base_url,
        }
    return variables | more


async def run(folder: Path, env: Mapping[str, str], *arguments: str) -> tuple[int, str]:
    """Run the command to its end: exit code, and all it wrote."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "chat", *arguments, cwd=folder, env=dict(env),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(LIMIT):
            written, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode is not None
    return process.returncode, written.decode()


def _client(url: str) -> httpx.AsyncClient:
    if not url.startswith("unix:"):
        return httpx.AsyncClient(base_url=url, timeout=LIMIT, trust_env=False)
    transport = httpx.AsyncHTTPTransport(uds=url.removeprefix("unix:"))
    return httpx.AsyncClient(base_url="http://localhost", transport=transport, timeout=LIMIT, trust_env=False)


@asynccontextmanager
async def serving(
    folder: Path, env: Mapping[str, str], command: Sequence[str] = (sys.executable, "-m", "chat")
) -> AsyncIterator[Serving]:
    """`palaver serve` until the block ends."""
    process = await asyncio.create_subprocess_exec(
        *command, "serve", cwd=folder, env=dict(env),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    lines: list[str] = []
    stderr = process.stderr

    async def read(until: str | None) -> str:
        async for raw in stderr:
            lines.append(raw.decode())
            match = re.search(until, lines[-1]) if until else None
            if match:
                return match.group()
        return ""

    reading: asyncio.Task[str] | None = None
    try:
        async with asyncio.timeout(LIMIT):
            url = await read(r"http://[\w.]+:\d+/\S*|unix:/\S+")
        assert url, "".join(lines)
        reading = asyncio.create_task(read(None))
        async with _client(url) as http:
            yield Serving(process=process, url=url, http=http, lines=lines)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        if reading is not None:
            await reading
