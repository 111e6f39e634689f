"""Send tens of thousands of mixed requests to a server in a process of its own, and watch its memory.

The server is the real command with a fresh SQLite file; its model is the simulator in another process.
"""

import asyncio
import json
import random
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

import httpx
import psutil

from tests.bench.soak.visitors import USERS, Mixed, Visitors, token
from tests.crash.server import ROOT, Server, environment, serving, settings_for

MIB = 1024 * 1024
STEP = 1_000  # requests between two looks at the memory
AT_ONCE = 24
FAULTS = ("no_response", "reset", "eof", "error", "no_message_stop")  # none that holds a model for others


@asynccontextmanager
async def simulator() -> AsyncIterator[str]:
    """The simulated provider in a process of its own; its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.upstream", "--port", "0", "--drop-bodies", "--log-limit", "100"),
        stdout=asyncio.subprocess.PIPE,
        env=environment(),
        cwd=ROOT,
    )
    try:
        assert process.stdout is not None
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.terminate()
        await process.wait()


def server(folder: Path, base_url: str) -> Server:
    """A server for the visitors' tokens, behind a proxy that names their addresses."""
    tokens = [
        {
            "name": f"t{user}",
            "user": f"u{user}",
            "sha256": sha256(token(str(user)).encode()).hexdigest(),
            "admin": True,
        }
        for user in range(USERS)
    ]
    return Server(
        folder=folder,
        settings=settings_for(
            base_url,
            PALAVER_TOKENS=json.dumps(tokens),
            PALAVER_TRUSTED_PROXIES="127.0.0.1",
            PALAVER_REQUESTS_PER_MINUTE="100000",
            PALAVER_METRICS="true",
            PALAVER_LOG_LEVEL="error",
            PALAVER_WINDOW_TOKENS="4000",
            PALAVER_TITLES="model",
        ),
    )


async def run(
    folder: Path,
    requests: int,
    *,
    seed: int = 1,
    step: int = STEP,
    on_step: Callable[[int, float], None] = lambda at, size: None,
) -> Mixed:
    """Send so many requests, and look at the memory every `step`."""
    async with simulator() as base_url, httpx.AsyncClient(base_url=base_url, trust_env=False) as control:
        await control.post("/sim/chaos", json={"seed": seed, "rate": 0.03, "kinds": FAULTS})
        started = server(folder, base_url)
        async with serving(started) as http:
            assert started.pid is not None
            process = psutil.Process(started.pid)
            visitors = Visitors(http=http, until=0, dice=random.Random(f"mixed {seed}"))
            while visitors.until < requests:
                visitors.until += step
                await asyncio.gather(*(visitors.visit() for _ in range(AT_ONCE)))
                size = process.memory_info().rss / MIB
                visitors.result.memory.append((visitors.result.requests, size))
                on_step(visitors.result.requests, size)
        return visitors.result


def main(requests: int, seed: int) -> int:
    """Run one, and print a line for each step."""

    def show(at: int, size: float) -> None:
        print(f"{at:>7,} requests: {size:6.1f} MiB", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        result = asyncio.run(run(Path(folder), requests, seed=seed, on_step=show))
    print(dict(result.kinds), dict(result.statuses))
    print(
        f"{result.slope(0, 0.2):+.0f} KiB per 1,000 requests over the first fifth, {result.slope(0.5):+.0f} over the second half"
    )
    return 0
