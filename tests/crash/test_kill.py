"""The server is killed at random moments, many times; nothing acknowledged is lost, nothing is said twice.

`PALAVER_LONG=1 pytest -s tests/crash` kills 200 times and prints what it exercised.
"""

import asyncio
import os
import random
import shutil
import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from store import sqlite
from store.database import Database
from tests.bench.soak.reconcile import Books, reconcile, rows_of
from tests.crash.clients import TERMINAL, Client, Promise, Shared
from tests.crash.server import ForkServer, Server, client_for, settings_for
from tests.sse import parts_of, read_events
from tests.upstream import Reply, Simulator
from tests.waiting import until

LONG = "PALAVER_LONG" in os.environ
KILLS = 200 if LONG else 12
SERVERS = 2
CLIENTS = 4  # per server
LONGEST_LIFE = 0.9  # seconds from serving to the kill


@dataclass(slots=True)
class Tally:
    """What one server's kills exercised."""

    kills: int = 0
    mid_answer: int = 0
    promises: int = 0
    events: int = 0
    interrupted: int = 0
    repeats: int = 0
    resumes: int = 0
    starts: list[float] = field(default_factory=list)


async def test_no_kill_loses_or_doubles_anything(tmp_path: Path) -> None:
    async with Simulator() as sim, ForkServer() as fork_server:
        sim.respond(answer())
        sim.chaos(seed=11, rate=0.06, kinds=("reset", "error"))
        killed = [
            killed_often(
                tmp_path / f"server{n}", sim, fork_server, KILLS // SERVERS, random.Random(f"kill {n}")
            )
            for n in range(SERVERS)
        ]
        tallies = await asyncio.gather(*killed)
        await sim.idle()
        books = await accounts([tmp_path / f"server{n}" for n in range(SERVERS)], sim)
    summary = f"{report(tallies)}\n{books}"
    print(f"\n{summary}")
    assert sum(tally.kills for tally in tallies) == KILLS
    assert sum(tally.mid_answer for tally in tallies) >= KILLS // 4, summary
    assert sum(tally.interrupted for tally in tallies) >= KILLS // 4, summary
    assert not books.wrong, "\n".join(books.wrong[:20])
    assert books.paid == books.actual_usage > 0


async def test_the_real_command_is_killed_and_comes_back(tmp_path: Path) -> None:
    async with Simulator() as sim:
        gate = sim.gate()
        sim.script(Reply(text="one two three four five", chunk=4, gate=gate))
        server = Server(folder=tmp_path, settings=settings_for(sim.base_url))
        await server.start()
        async with client_for(server) as http:
            shared = Shared(http=http)
            shared.up.set()
            client = Client(shared, "ada", random.Random(1))
            client.thread = "t"
            promise = await client.say({"input": {"text": "count"}})
            gate.release(4)
            hearing = asyncio.create_task(client.hear(promise, restless=False))
            await until(lambda: any(event.type == "part.delta" for event in promise.seen))
            shared.up.clear()
            await server.kill()
            await server.start()
            shared.up.set()
            await hearing
            await examine(shared, http, promise)
            assert promise.seen[-1].data["error"]["code"] == "interrupted"
            gate.open()
            last = await client.say_last_words()
            await examine(shared, http, last)
            assert last.seen[-1].type == "turn.completed"
        await server.terminate()
        check_file(server)
        print(f"\nreal command: start-up {', '.join(f'{seconds:.2f}' for seconds in server.starts)} s")


async def accounts(folders: list[Path], sim: Simulator) -> Books:
    """Every call the provider saw from any of the processes, killed or not, has its row, and every count is the provider's."""
    rows = []
    for folder in folders:
        database = Database(f"sqlite:///{folder / 'palaver.db'}")
        rows += await rows_of(database)
        await database.close()
    return reconcile(rows, sim.log)


def answer() -> Any:
    """Replies of varied length, a few milliseconds per chunk."""
    dice = random.Random(5)

    def respond(_: dict[str, Any]) -> Reply:
        words = " ".join(f"word{n}" for n in range(dice.randrange(20, 160)))
        return Reply(text=words, chunk=dice.randrange(4, 30), delay=dice.choice([0.001, 0.004, 0.01]))

    return respond


async def killed_often(
    folder: Path, sim: Simulator, fork_server: ForkServer, kills: int, dice: random.Random
) -> Tally:
    """One server with its clients, killed `kills` times, then left to finish in peace."""
    server = Server(folder=folder, settings=settings_for(sim.base_url), fork_server=fork_server)
    tally = Tally()
    open_before: list[Promise] = []
    async with client_for(server) as http:
        shared = Shared(http=http)
        clients = [
            Client(shared, f"{folder.name}-c{n}", random.Random(dice.random())) for n in range(CLIENTS)
        ]
        living = [asyncio.create_task(client.live()) for client in clients]
        try:
            for _ in range(kills):
                await begin(server, shared, http, open_before)
                if dice.random() < 0.8:  # the others may be killed while they start
                    await http.get("/readyz")
                await asyncio.wait(
                    living, timeout=dice.uniform(0, LONGEST_LIFE), return_when=asyncio.FIRST_EXCEPTION
                )
                for task in living:
                    if task.done():
                        await task  # a client that found something wrong says so now
                shared.up.clear()
                await server.kill()
                await until(lambda: shared.waiting == CLIENTS)  # what was in the sockets is read now
                check_file(server)
                open_before = [pending for pending in shared.promises if not pending.ended]
                tally.kills += 1
                tally.mid_answer += bool(open_before)
            await begin(server, shared, http, open_before)
            shared.ending = True
            await asyncio.gather(*living)
            farewells = await asyncio.gather(*(client.say_last_words() for client in clients))
            for promise in shared.promises:
                await examine(shared, http, promise)
            await examine_threads(http, shared.promises)
        finally:
            for task in living:
                task.cancel()
            await asyncio.gather(*living, return_exceptions=True)
            await server.terminate()
        check_file(server)
    assert all(last.ended for last in farewells)
    tally.promises, tally.repeats, tally.resumes = len(shared.promises), shared.repeats, shared.resumes
    tally.events = sum(len(promise.seen) for promise in shared.promises)
    tally.interrupted = sum(
        promise.seen[-1].data.get("error", {}).get("code") == "interrupted" for promise in shared.promises
    )
    tally.starts = server.starts
    return tally


async def begin(server: Server, shared: Shared, http: httpx.AsyncClient, open_before: list[Promise]) -> None:
    """Start the server; what ran when it was killed has an end now, whatever the clients do next."""
    await server.start()
    for promise in open_before:
        turn = (await http.get(f"/api/turns/{promise.turn}")).json()
        assert turn["status"] != "running", "a turn of a dead process still runs"
        await examine(shared, http, promise)
    shared.up.set()


async def examine(shared: Shared, http: httpx.AsyncClient, promise: Promise) -> None:
    """One promise against what the server has stored."""
    answer = await http.get(f"/api/turns/{promise.turn}")
    assert answer.status_code == 200, f"an acknowledged turn is lost: {answer.text}"
    turn = answer.json()
    message_page = await http.get(
        f"/api/threads/{promise.thread}/messages", params={"leaf": promise.user_message, "limit": 1}
    )
    assert message_page.status_code == 200, f"an acknowledged message is lost: {message_page.text}"
    (message,) = message_page.json()["messages"]
    if promise.text is not None:
        assert [part["text"] for part in message["parts"]] == [promise.text]
    async with http.stream("GET", f"/api/turns/{promise.turn}/events") as response:
        assert response.status_code == 200
        logged = [event async for event in read_events(response.aiter_bytes())]
    assert logged[: len(promise.seen)] == promise.seen, "a client saw what the log does not have"
    assert [event.seq for event in logged] == list(range(1, len(logged) + 1))
    assert [event.type in TERMINAL for event in logged] == [False] * (len(logged) - 1) + [True]
    assert turn["last_seq"] == len(logged)
    assert [part["text"] for part in turn["message"]["parts"]] == parts_of(logged)
    if logged[-1].data.get("error", {}).get("code") == "interrupted":
        assert (turn["status"], turn["message"]["status"]) == ("failed", "interrupted")
    assert turn["status"] == logged[-1].type.removeprefix("turn.")
    if promise.ended:
        assert promise.seen == logged


async def examine_threads(http: httpx.AsyncClient, promises: list[Promise]) -> None:
    """Every thread is at rest and holds exactly one message for each thing that was said in it."""
    for thread in {promise.thread for promise in promises}:
        assert (await http.get(f"/api/threads/{thread}")).json()["running_turn_id"] is None
        answered = [promise for promise in promises if promise.thread == thread and promise.text is not None]
        assert len({promise.user_message for promise in answered}) == len(answered)


def check_file(server: Server) -> None:
    """The database as the dead process left it: a copy is opened, so that the next server finds what the kill left."""
    copy = server.folder / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for suffix in ("", "-wal"):
        file = server.database.with_name(server.database.name + suffix)
        if file.exists():
            shutil.copy(file, copy / file.name)
    connection = sqlite.driver().connect(copy / server.database.name)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'turn_events'").fetchall():
            return  # killed before it had made its tables
        gaps = "SELECT turn_id FROM turn_events GROUP BY turn_id HAVING min(seq) <> 1 OR max(seq) <> count(*)"
        assert connection.execute(gaps).fetchall() == []
        twice = 'SELECT turn_id FROM turn_events WHERE payload LIKE \'{"type":"turn.%\' AND seq > 1 GROUP BY turn_id HAVING count(*) > 1'
        assert connection.execute(twice).fetchall() == []
    finally:
        connection.close()


def report(tallies: list[Tally]) -> str:
    """What was exercised, in one line."""
    starts = [start for tally in tallies for start in tally.starts]
    kills, mid, promises, events, interrupted, repeats, resumes = (
        sum(getattr(tally, name) for tally in tallies)
        for name in ("kills", "mid_answer", "promises", "events", "interrupted", "repeats", "resumes")
    )
    return (
        f"{kills} kills, {mid} of them mid-answer; {promises} turns acknowledged, {interrupted} interrupted, "
        f"{events} events delivered once each over {resumes} connections, {repeats} posts repeated; "
        f"start-up median {statistics.median(starts):.2f} s, worst {max(starts):.2f} s"
    )
