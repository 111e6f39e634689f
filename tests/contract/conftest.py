"""A running server for tests that are not coroutines: its own event loop, in a thread of its own."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import pytest

from tests.palaver import Palaver, palaver
from tests.upstream import Reply, Simulator


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Palaver]:
    """Palaver over real HTTP; the model answers at once, so that every stream ends soon."""
    folder = tmp_path_factory.mktemp("contract")
    started: Future[tuple[Palaver, Callable[[], object]]] = Future()

    async def serve() -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        async with Simulator() as sim:
            sim.respond(lambda _: Reply(text="Short and sweet.", thinking=""))
            async with palaver(folder, sim, log_level="error") as running:
                await running.get("/healthz")
                started.set_result((running, lambda: loop.call_soon_threadsafe(stop.set)))
                await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    running, stop = started.result(60)
    yield running
    stop()
    thread.join(30)
