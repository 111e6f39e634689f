"""Two replicas over one Postgres that want to compact the same thread: one pays."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from chat.upstream.client import Timeouts
from context.policy import DEFAULT
from tests.chat.talk import merges, model, summarises
from tests.palaver import Palaver, palaver
from tests.upstream import Reply, Simulator
from tests.waiting import until

pytestmark = [pytest.mark.asyncio, pytest.mark.postgres]


@asynccontextmanager
async def replicas(url: str, folder: Path) -> AsyncIterator[tuple[Palaver, Palaver]]:
    """Two replicas, and a conversation that is long enough."""
    async with (
        Simulator() as sim,
        palaver(folder / "one", sim, timeouts=Timeouts(), database_url=url, keepalives=False) as one,
        palaver(folder / "two", sim, timeouts=Timeouts(), database_url=url, keepalives=False) as two,
    ):
        sim.respond(model(lambda _: Reply(text="So it is, then. " * 8, thinking="")))
        for number in range(14):
            await one.chat("t", f"Note {number}: " + "we went on with it " * 20)
        await one.settled()
        yield one, two


def summaries(app: Palaver) -> int:
    return sum(map(summarises, app.sim.requests))


async def compact(app: Palaver) -> int:
    return (await app.http.post("/api/threads/t/summary/compact")).status_code


async def stored(app: Palaver) -> list[int]:
    """Summaries and claims."""

    def read(connection: Connection) -> list[int]:
        tables = ("summaries", "compaction_claims")
        return [connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0 for table in tables]

    return await app.deps.database.read(read)


async def test_of_two_replicas_one_compacts_and_pays(postgres_url: str, tmp_path: Path) -> None:
    async with replicas(postgres_url, tmp_path) as (one, two):
        gate = one.sim.gate()
        one.sim.script(Reply(text="- The person said: Note 0 [m1]", thinking="", gate=gate), when=summarises)
        first = asyncio.create_task(compact(one))
        await until(lambda: summaries(one) == 1)
        assert await compact(two) == 409
        gate.open()
        assert await first == 200
        assert summaries(one) == 1
        assert await stored(one) == [1, 0]


async def test_the_claim_of_a_replica_that_died_expires(postgres_url: str, tmp_path: Path) -> None:
    async with replicas(postgres_url, tmp_path) as (one, two):
        gate = one.sim.gate()
        one.sim.script(Reply(text="never", gate=gate), when=summarises)
        first = asyncio.create_task(compact(one))
        await until(lambda: summaries(one) == 1)
        await two.deps.database.write(
            lambda connection: connection.execute(text("UPDATE compaction_claims SET lease_until = 1"))
        )
        assert await compact(two) == 200
        assert summaries(two) == 2
        gate.open()  # it was only paused: its own, late, summary changes nothing
        assert await first in (409, 503)
        assert await stored(two) == [1, 0]


async def test_a_compaction_that_fails_releases_its_claim(postgres_url: str, tmp_path: Path) -> None:
    async with replicas(postgres_url, tmp_path) as (one, two):
        for _ in range(2):
            one.sim.script(Reply(text="no usable summary", thinking=""), when=summarises)
        assert await compact(one) == 503
        assert await stored(one) == [0, 0]
        assert await compact(two) == 200


async def test_a_merge_that_another_replica_overtook_changes_nothing(
    postgres_url: str, tmp_path: Path
) -> None:
    async with replicas(postgres_url, tmp_path) as (one, two):
        for app in (one, two):  # frozen: no setting makes it so small
            object.__setattr__(
                app.deps.deployment, "policy", replace(DEFAULT, floor_messages=4, summary_budget=400)
            )
        for number in range(2):
            assert await compact(one) == 200
            await one.chat("t", f"Then {number}: " + "we went on with it " * 40)
            await one.chat("t", f"And {number}: " + "we went on with it " * 40)
            await one.settled()
        gate = one.sim.gate()
        one.sim.script(Reply(text="never", gate=gate), when=merges)
        first = asyncio.create_task(compact(one))
        await gate.reached()
        await two.deps.database.write(
            lambda connection: connection.execute(text("UPDATE compaction_claims SET lease_until = 1"))
        )
        assert await compact(two) == 200
        merged = await two.get("/api/threads/t/summary")
        assert len({line["segment"] for line in merged["lines"]}) == 2, "three were made, two of them merged"
        gate.open()
        assert await first in (409, 503)
        assert await one.get("/api/threads/t/summary") == merged
        assert await stored(one) == [3, 0]
