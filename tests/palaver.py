"""A Palaver under test: the real application on a real socket, talking to the simulator through the real SDK."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from chat.api.deps import Deps
from chat.app import application, running
from chat.background.jobs import DUE_KEEPALIVES
from chat.cli.listen import listen
from chat.clock import Clock
from chat.config.settings import Settings
from chat.telemetry.otel import Providers
from chat.upstream.client import Timeouts
from chat.upstream.local.process import LocalModel
from tests.migrated import copy_migrated
from tests.sse import Event, read_events
from tests.upstream import Simulator
from tests.waiting import LIMIT

# All requests go to loopback in plain text; certificates that httpx would load each time cost 50 ms.
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stopping = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # the test runner's signals are not ours

    async def main_loop(self) -> None:
        """Until it is to stop: uvicorn's own looks every tenth of a second, which hundreds of tests would wait for."""
        await self.on_tick(0)
        await self.stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does, but for its pause of a tenth of a second where nothing is left to wait for."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        for _ in range(10):
            if not self.server_state.connections and not self.server_state.tasks:
                return
            await asyncio.sleep(0.002)
        await super().shutdown(sockets)


@dataclass(slots=True)
class Palaver:
    """A running server with a client for it. `sim` is the model behind it."""

    url: str
    http: httpx.AsyncClient
    deps: Deps
    sim: Simulator

    async def say(
        self, thread: str, text: str, *, headers: dict[str, str] | None = None, **fields: Any
    ) -> dict[str, Any]:
        """Post a turn and return what was accepted."""
        answer = await self.http.post(
            f"/api/threads/{thread}/turns", json={"input": {"text": text}, **fields}, headers=headers
        )
        assert answer.status_code in (200, 202), answer.text
        accepted: dict[str, Any] = answer.json()
        return accepted

    async def regenerate(self, thread: str, message_id: str) -> dict[str, Any]:
        """Ask for another answer."""
        answer = await self.http.post(f"/api/threads/{thread}/turns", json={"regenerate": message_id})
        assert answer.status_code == 202, answer.text
        accepted: dict[str, Any] = answer.json()
        return accepted

    async def continue_answer(self, thread: str, message_id: str, **fields: Any) -> dict[str, Any]:
        """Ask for the rest of an answer that broke off."""
        answer = await self.http.post(f"/api/threads/{thread}/turns", json={"continue": message_id, **fields})
        assert answer.status_code == 202, answer.text
        accepted: dict[str, Any] = answer.json()
        return accepted

    async def follow(self, turn_id: str, after: int = 0, *, described: bool = True) -> list[Event]:
        """All events of a turn after a cursor, read to the end of the stream."""
        return [event async for event in self.stream(turn_id, after, described=described)]

    async def stream(self, turn_id: str, after: int = 0, *, described: bool = True) -> AsyncIterator[Event]:
        """The events of a turn as they come. `described`: each is one that the OpenAPI document has."""
        async with self.http.stream(
            "GET", f"/api/turns/{turn_id}/events", params={"after": after}
        ) as response:
            if response.status_code == 204:
                return
            assert response.status_code == 200, await response.aread()
            async for event in read_events(response.aiter_bytes(), described=described):
                yield event

    async def chat(self, thread: str, text: str, **fields: Any) -> dict[str, Any]:
        """Say something, wait for the end, and return the turn."""
        accepted = await self.say(thread, text, **fields)
        await self.follow(accepted["id"])
        return await self.turn(accepted["id"])

    async def settled(self) -> None:
        """Wait until no turn runs and nothing is under way behind one: compactions, titles, vectors, causes of cache misses."""
        while turns := [task for task in asyncio.all_tasks() if task.get_name().startswith("turn ")]:
            await asyncio.wait(turns)
        await self.deps.scheduler.settled()

    def stop_timers(self) -> None:
        """Cache states are looked at when the test says so, and at no other time."""
        for task in asyncio.all_tasks():
            if task.get_name() == DUE_KEEPALIVES.name:
                task.cancel()

    def stop_leases(self) -> list[asyncio.Task[None]]:
        """No lease is renewed or taken over unless the test does it. Returns the tasks that end."""
        for timer in self.deps.runner._timers:
            timer.cancel()
        return self.deps.runner._timers

    async def look_after_leases(self) -> None:
        """Renew this server's leases, then take over those that have expired."""
        await self.deps.runner.renew_leases()
        await self.deps.runner.take_over()

    async def turn(self, turn_id: str) -> dict[str, Any]:
        return await self.get(f"/api/turns/{turn_id}")

    async def messages(self, thread: str, **params: Any) -> list[dict[str, Any]]:
        page: list[dict[str, Any]] = (await self.get(f"/api/threads/{thread}/messages", **params))["messages"]
        return page

    async def get(self, path: str, **params: Any) -> dict[str, Any]:
        answer = await self.http.get(path, params=params)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body


def settings_for(folder: Path, sim: Simulator, **more: Any) -> Settings:
    """Settings for one test: nothing from this machine's environment, everything in one folder."""
    fields: dict[str, Any] = {
        "data_dir": folder,
        "anthropic_api_key": "sk-ant-test-key-0123456789",
        "anthropic_base_url": sim.base_url,
        "titles": "first_words",
        "default_tier": "standard",
        "requests_per_minute": 0,
        "port": 0,
        **more,
    }
    assert fields.keys() <= Settings.model_fields.keys(), fields.keys() - Settings.model_fields.keys()
    return Settings(_env_file=None, **fields)


@asynccontextmanager
async def palaver(
    folder: Path,
    sim: Simulator,
    *,
    clock: Clock | None = None,
    timeouts: Timeouts | None = None,
    local_model: LocalModel | None = None,
    telemetry: Providers | None = None,
    **settings: Any,
) -> AsyncIterator[Palaver]:
    """Start Palaver in this process on a free port of loopback."""
    chosen = settings_for(folder, sim, **settings)
    database = folder / "palaver.db"
    if chosen.database == f"sqlite:///{database}" and not database.exists():
        await copy_migrated(database)
    async with (
        running(chosen, clock=clock, local_model=local_model, timeouts=timeouts, telemetry=telemetry) as deps,
        serving(deps) as url,
    ):
        headers = (
            {} if chosen.token is None else {"authorization": f"Bearer {chosen.token.get_secret_value()}"}
        )
        async with httpx.AsyncClient(
            base_url=url, headers=headers, timeout=LIMIT, trust_env=False, verify=PLAIN
        ) as http:
            yield Palaver(url, http, deps, sim)


@asynccontextmanager
async def serving(deps: Deps) -> AsyncIterator[str]:
    """The application of started parts on a real socket."""
    bound = listen("127.0.0.1", 0)
    config = uvicorn.Config(
        application(deps),
        log_config=None,
        access_log=False,
        lifespan="off",
        proxy_headers=False,
        timeout_graceful_shutdown=2,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        yield f"http://127.0.0.1:{bound.getsockname()[1]}{deps.settings.path_prefix}"
    finally:
        deps.runner.draining.set()
        server.should_exit = True
        server.stopping.set()
        await task
        bound.close()
