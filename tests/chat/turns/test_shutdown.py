"""Stopping a real process: running turns get their grace, streams end, nothing is left running, exit code 0."""

import asyncio
import signal
import sys
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from store import sqlite
from tests.chat.process import Serving, environment, serving
from tests.sse import Event, read_events
from tests.upstream import Gate, Reply, Simulator
from tests.waiting import LIMIT, until

SIGNALLED_WHILE_LOGGING = """
import signal, sys

class Interrupted:
    def __init__(self, stream):
        self.stream = stream

    def write(self, text):
        if '"request.finished"' in text:
            for number in SIGNALS:
                signal.raise_signal(number)
        return self.stream.write(text)

    def __getattr__(self, name):
        return getattr(self.stream, name)

sys.stderr = Interrupted(sys.stderr)
from chat.cli.main import main
main()
"""
"""`palaver`, with signals that arrive in the middle of writing the log."""


async def begin(server: Serving, thread: str) -> tuple[str, asyncio.Task[list[Event]], asyncio.Event]:
    """A turn that is being followed; the event is set when its first words have arrived."""
    accepted = (
        await server.http.post(
            f"/api/threads/{thread}/turns",
            json={"input": {"text": thread}},
            headers={"idempotency-key": thread},
        )
    ).json()
    spoken = asyncio.Event()

    async def follow() -> list[Event]:
        events = []
        async with server.http.stream("GET", f"/api/turns/{accepted['id']}/events") as response:
            async for event in read_events(response.aiter_bytes()):
                events.append(event)
                if event.type == "part.delta":
                    spoken.set()
        return events

    return accepted["id"], asyncio.create_task(follow()), spoken


def statuses(folder: Path) -> dict[str, tuple[str, str]]:
    """Status of each turn and of its answer, by thread."""
    disk = sqlite.driver().connect(folder / "data" / "palaver.db")
    rows = disk.execute(
        "SELECT t.thread_id, t.status, m.status FROM turns t JOIN messages m ON m.id = t.message_id"
    ).fetchall()
    disk.close()
    return {thread: (status, message) for thread, status, message in rows}


async def test_a_stop_waits_for_turns_that_end_in_time_and_ends_the_others(tmp_path: Path) -> None:
    gates = {"ends": Gate(), "stays": Gate()}
    async with Simulator() as sim:
        sim.respond(
            lambda request: Reply(
                text="one two three",
                chunk=4,
                thinking="",
                gate=gates[request["messages"][-1]["content"][0]["text"]],
            )
        )
        async with serving(tmp_path, environment(tmp_path, sim, PALAVER_GRACE_SECONDS="2")) as server:
            _, ends, ends_spoke = await begin(server, "ends")
            _, stays, stays_spoke = await begin(server, "stays")
            for gate in gates.values():
                gate.release(1)
            await ends_spoke.wait()
            await stays_spoke.wait()
            stopping = asyncio.create_task(server.stop(signal.SIGTERM))
            refused = await refusal(server)
            again = await server.http.post(
                "/api/threads/stays/turns",
                json={"input": {"text": "stays"}},
                headers={"idempotency-key": "stays"},
            )
            assert (again.status_code, again.headers["idempotency-replayed"]) == (200, "true"), again.text
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "unavailable")
            assert refused.headers["retry-after"]
            assert (await server.http.get("/readyz")).status_code == 503
            assert (await server.http.get("/healthz")).status_code == 200
            gates["ends"].open()
            assert await stopping == 0
            assert (await ends)[-1].type == "turn.completed"
            last = (await stays)[-1]
            assert last.type == "turn.failed"
            assert last.data["error"]["code"] == "interrupted"
    assert statuses(tmp_path) == {"ends": ("completed", "complete"), "stays": ("failed", "interrupted")}
    assert "Traceback" not in "".join(server.lines)


async def refusal(server: Serving) -> httpx.Response:
    """The answer to a new turn as soon as the server has noticed that it is to stop."""
    async with asyncio.timeout(LIMIT):
        for number in range(1_000):
            answer = await server.http.post(f"/api/threads/late{number}/turns", json={"input": {"text": " "}})
            ready = await server.http.get("/readyz")
            if ready.status_code == 503:
                return await server.http.post("/api/threads/late/turns", json={"input": {"text": "x"}})
            assert answer.status_code == 400, "blank: refused before anything else"
    raise AssertionError("it never stopped taking turns")


async def test_a_stop_with_nothing_to_do_is_quick_even_if_connections_stay_open(tmp_path: Path) -> None:
    async with Simulator() as sim:
        async with serving(tmp_path, environment(tmp_path, sim, PALAVER_GRACE_SECONDS="600")) as server:
            assert (await server.http.get("/readyz")).status_code == 200
            assert await server.stop(signal.SIGINT) == 0  # long before the grace that running turns would get


@pytest.mark.parametrize("signals", [2, 3])
async def test_further_signals_end_the_server_at_once(tmp_path: Path, signals: int) -> None:
    gate = Gate()
    async with Simulator() as sim:
        sim.respond(lambda request: Reply(text="one two three", chunk=4, thinking="", gate=gate))
        async with serving(tmp_path, environment(tmp_path, sim, PALAVER_GRACE_SECONDS="600")) as server:
            _, following, _ = await begin(server, "stays")
            for heard in ("server.stopping", "server.stopping_now")[: signals - 1]:
                server.process.send_signal(signal.SIGTERM)
                await until(lambda heard=heard: heard in "".join(server.lines))
            await server.stop(signal.SIGTERM)
            following.cancel()
            with suppress(asyncio.CancelledError, httpx.HTTPError):
                await following


async def test_a_closed_terminal_drains_as_sigterm_does(tmp_path: Path) -> None:
    async with Simulator() as sim:
        async with serving(tmp_path, environment(tmp_path, sim)) as server:
            assert (await server.http.get("/healthz")).status_code == 200, "who serves handles signals"
            assert await server.stop(signal.SIGHUP) == 0
    assert any("server.stopping" in line for line in server.lines)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
async def test_a_signal_that_arrives_while_the_log_is_written_stops_the_server(
    tmp_path: Path, name: str
) -> None:
    program = SIGNALLED_WHILE_LOGGING.replace("SIGNALS", f"[signal.{name}]")
    async with Simulator() as sim:
        async with serving(tmp_path, environment(tmp_path, sim), (sys.executable, "-c", program)) as server:
            await server.http.get("/api/info")
            async with asyncio.timeout(LIMIT):
                assert await server.process.wait() == 0


async def test_two_signals_while_the_log_is_written_end_running_turns(tmp_path: Path) -> None:
    program = SIGNALLED_WHILE_LOGGING.replace("SIGNALS", "[signal.SIGTERM] * 2")
    async with Simulator() as sim:
        sim.respond(lambda request: Reply(text="one two three", thinking="", gate=Gate()))
        variables = environment(tmp_path, sim, PALAVER_GRACE_SECONDS="600")
        async with serving(tmp_path, variables, (sys.executable, "-c", program)) as server:
            await server.http.post("/api/threads/stays/turns", json={"input": {"text": "stays"}})
            async with asyncio.timeout(LIMIT):
                await server.process.wait()
    assert statuses(tmp_path) == {"stays": ("failed", "interrupted")}
