"""Two processes' worth of Palaver over one Postgres: what one does for a reader or a lease, while the other runs the turn."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from chat.calls.caller import LEASE
from chat.upstream.client import Timeouts
from store.database import Database
from tests.chat.auth.tokens import ADA, GRANTED, client
from tests.chat.outcomes import finished
from tests.clocks import QuickClock
from tests.palaver import Palaver, palaver
from tests.store.on_loop import EventLoop
from tests.upstream import Gate, Reply, Simulator
from tests.waiting import LIMIT, until

pytestmark = pytest.mark.postgres
DAY = 86_400_000


@asynccontextmanager
async def replicas(
    url: str, folder: Path, sim: Simulator, **settings: Any
) -> AsyncIterator[tuple[Palaver, Palaver, QuickClock]]:
    """The second one's clock can be moved, and it renews and takes over only when the test says so."""
    clock, settings = QuickClock(), {"database_url": url, **settings}
    async with (
        palaver(folder / "one", sim, timeouts=Timeouts(), **settings) as one,
        palaver(folder / "two", sim, timeouts=Timeouts(), clock=clock, **settings) as two,
    ):
        two.stop_leases()
        yield one, two, clock


async def expire(database: Database, table: str) -> None:
    """Leases run out in this moment, as if their time had passed."""
    await database.write(lambda connection: connection.execute(text(f"UPDATE {table} SET lease_until = 1")))


async def held(app: Palaver, headers: dict[str, str] | None = None) -> tuple[str, Gate]:
    """A turn that has begun to answer and stands still."""
    gate = app.sim.gate()
    app.sim.script(Reply(text="one two three four", chunk=4, thinking="", gate=gate))
    accepted = await app.say("t", "count", headers=headers)
    await gate.reached()
    return accepted["id"], gate


async def test_a_token_that_ended_reads_no_turn_that_another_replica_runs(
    postgres_url: str, tmp_path: Path, sim: Simulator
) -> None:
    soon = datetime.now(UTC) + timedelta(days=1)
    tokens = [{**token, "expires": soon.isoformat()} for token in GRANTED]
    async with (
        replicas(postgres_url, tmp_path, sim, tokens=tokens) as (one, two, clock),
        client(one, ADA) as here,
        client(two, ADA) as there,
    ):
        gate = sim.gate()
        sim.script(Reply(text="one two three four", chunk=4, thinking="", gate=gate))
        turn = (await here.post("/api/threads/t/turns", json={"input": {"text": "count"}})).json()
        await gate.reached()
        async with there.stream("GET", f"/api/turns/{turn['id']}/events") as stream:
            body = stream.aiter_bytes()
            seen = await anext(body)
            clock.ahead = 2 * DAY
            await two.deps.token_registry.check()
            async with asyncio.timeout(LIMIT):
                seen += b"".join([chunk async for chunk in body])
        assert b"turn.completed" not in seen
        assert (await there.get(f"/api/turns/{turn['id']}")).status_code == 401
        gate.open()
        async with here.stream("GET", f"/api/turns/{turn['id']}/events") as stream:
            assert b"turn.completed" in await stream.aread(), "the turn itself goes on"


async def test_a_draining_replica_lets_go_of_readers_of_a_turn_that_runs_elsewhere(
    postgres_url: str, tmp_path: Path, sim: Simulator
) -> None:
    async with replicas(postgres_url, tmp_path, sim) as (one, two, _):
        turn_id, gate = await held(one)
        events = two.stream(turn_id)
        assert (await anext(events)).type == "turn.started"
        two.deps.runner.draining.set()
        async with asyncio.timeout(LIMIT):
            rest = [event.type async for event in events]
        assert "turn.completed" not in rest
        gate.open()
        assert (await finished(one, turn_id))[1]["status"] == "completed"


async def test_a_reader_of_a_turn_that_runs_elsewhere_is_let_go_when_its_thread_is_deleted(
    postgres_url: str, tmp_path: Path, sim: Simulator
) -> None:
    async with replicas(postgres_url, tmp_path, sim) as (one, two, _):
        turn_id, gate = await held(one)
        events = two.stream(turn_id)
        assert (await anext(events)).type == "turn.started"
        assert (await one.http.delete("/api/threads/t")).status_code == 204
        async with asyncio.timeout(LIMIT):
            assert "turn.completed" not in [event.type async for event in events]
        gate.open()


async def test_a_turn_that_takes_longer_than_its_lease_is_not_taken_over(
    postgres_url: str, tmp_path: Path, sim: Simulator
) -> None:
    async with replicas(postgres_url, tmp_path, sim) as (one, two, _):
        turn_id, gate = await held(one)
        one.stop_leases()
        await expire(one.deps.database, "turns")
        await one.look_after_leases()
        await two.look_after_leases()
        assert (await two.turn(turn_id))["status"] == "running"
        gate.open()
        assert (await finished(two, turn_id))[1]["status"] == "completed"


async def test_a_call_that_takes_longer_than_its_lease_is_not_taken_over(
    postgres_url: str, tmp_path: Path, sim: Simulator
) -> None:
    """A title is asked for behind the turn, so that no turn's lease protects the call."""
    async with replicas(postgres_url, tmp_path, sim, titles="model") as (one, two, _):
        gate = sim.gate()
        sim.script(
            Reply(text="A title", thinking="", gate=gate),
            when=lambda request: "titles" in str(request["system"]),
        )
        turn = await one.chat("t", "Hello")
        assert turn["status"] == "completed"
        await gate.reached()
        one.stop_leases()
        await expire(one.deps.database, "open_calls")
        await one.look_after_leases()
        await two.look_after_leases()
        assert await open_calls(two) == 1, "it is still one's"
        gate.open()
        await one.settled()
        assert (await open_calls(two), (await one.get("/api/threads/t"))["title"]) == (0, "A title")


async def open_calls(app: Palaver) -> int:
    query = text("SELECT count(*) FROM open_calls")
    return await app.deps.database.read(lambda connection: connection.scalar(query) or 0)


async def test_after_an_outage_a_replica_gives_the_others_time_to_renew(
    postgres_url: str, tmp_path: Path, sim: Simulator
) -> None:
    async with replicas(postgres_url, tmp_path, sim) as (one, two, clock):
        turn_id, gate = await held(one)
        one.stop_leases()
        await two.look_after_leases()
        await expire(one.deps.database, "turns")
        await clock.sleep(2 * LEASE / 1_000)  # two itself could not reach the database for that long
        await two.look_after_leases()
        assert (await two.turn(turn_id))["status"] == "running", "one may have been cut off, too"
        for _ in range(3):
            await clock.sleep(LEASE / 2_000)
            await two.look_after_leases()
        assert (await two.turn(turn_id))["status"] == "failed", "and then it counts as gone"
        gate.open()


async def test_leases_are_renewed_while_every_other_connection_is_taken(
    postgres_url: str, tmp_path: Path, sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.turns.runner.BEAT", 0.01)
    async with palaver(tmp_path, sim, timeouts=Timeouts(), database_url=postgres_url) as app:
        _, gate = await held(app)
        loop, release = EventLoop(), asyncio.Event()
        taken: list[Connection] = []

        def hold(connection: Connection) -> None:
            taken.append(connection)
            loop.run(release.wait())

        connections = 20  # as many as the pool has
        holding = [asyncio.create_task(app.deps.database.read(hold)) for _ in range(connections)]
        outside = Database(postgres_url)
        try:
            await until(lambda: len(taken) == connections)
            for _ in range(3):
                await expire(outside, "turns")
                await until(lambda: renewed(outside))
        finally:
            release.set()
            await asyncio.gather(*holding)
            await outside.close()
        gate.open()


async def renewed(database: Database) -> bool:
    query = text("SELECT min(lease_until) FROM turns")
    soonest: int = await database.read(lambda connection: connection.scalar(query)) or 0
    return soonest > 1
