"""Leases where clocks are wrong: two machines that disagree, and a time of day that is set back."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from chat.calls.caller import LEASE
from chat.upstream.client import Timeouts
from store.database import Database
from store.ledger import open_calls
from store.local_user import LOCAL
from tests.chat.outcomes import ledger
from tests.clocks import QuickClock
from tests.palaver import Palaver, palaver
from tests.upstream import Reply, Simulator
from tests.waiting import until

pytestmark = pytest.mark.asyncio

HOUR = 3_600_000


def for_title(request: dict[str, Any]) -> bool:
    return "titles" in str(request["system"])


async def count(database: Database, table: str) -> int:
    query = text(f"SELECT count(*) FROM {table}")
    return await database.read(lambda connection: connection.scalar(query) or 0)


async def abandon(app: Palaver, turn_id: str) -> None:
    """A running turn of this process that nobody runs: its row comes back to life."""
    await app.deps.database.write(
        lambda connection: connection.execute(
            text("UPDATE turns SET status = 'running', lease_holder = 'gone' WHERE id = :id"), {"id": turn_id}
        )
    )


@pytest.mark.postgres
async def test_a_replica_whose_clock_is_far_ahead_leaves_the_calls_of_others_open(
    postgres_url: str, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"database_url": postgres_url, "titles": "model"}
    async with (
        Simulator() as sim,
        palaver(tmp_path / "one", sim, timeouts=Timeouts(), **settings) as one,
        palaver(
            tmp_path / "two", sim, timeouts=Timeouts(), clock=QuickClock(ahead=24 * HOUR), **settings
        ) as two,
    ):
        sim.script(Reply(text="A title", thinking="", hold=True), when=for_title)
        turn = await one.chat("t", "Hello")
        await two.look_after_leases()
        assert await count(one.deps.database, "open_calls") == 1, "the title's call goes on"
        sim.held.open()
        await one.settled()
        assert {row.outcome for row in await ledger(one, turn["id"])} == {"ok"}


@pytest.mark.postgres
async def test_leases_of_the_dead_end_soon_though_the_databases_clock_was_set_back(
    postgres_url: str, tmp_path: Path
) -> None:
    async with (
        Simulator() as sim,
        palaver(tmp_path, sim, timeouts=Timeouts(), database_url=postgres_url) as app,
    ):
        turn = await app.chat("t", "Hello")
        await abandon(app, turn["id"])
        now = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
        await app.deps.database.write(
            lambda connection: connection.execute(text(f"UPDATE turns SET lease_until = {now} + {HOUR}"))
        )
        await app.look_after_leases()
        assert (await app.turn(turn["id"]))["status"] == "running", "a process that lives can renew it now"
        query = text(f"SELECT lease_until - {now} FROM turns")
        left = await app.deps.database.read(lambda connection: connection.scalar(query)) or 0
        assert left <= LEASE


async def test_a_time_of_day_that_is_set_back_delays_no_recovery(tmp_path: Path) -> None:
    clock = QuickClock()
    async with Simulator() as sim, palaver(tmp_path, sim, timeouts=Timeouts(), clock=clock) as app:
        turn = await app.chat("t", "Hello")
        await abandon(app, turn["id"])
        clock.ahead = -HOUR
        await app.look_after_leases()
        assert (await app.turn(turn["id"]))["status"] == "running"
        await clock.sleep(2 * LEASE / 1_000)
        await app.deps.database.write(  # its answer is stored: only the turn's own state tells what the beat does
            lambda connection: connection.execute(
                text("UPDATE messages SET status = 'streaming' WHERE role = 'assistant'")
            )
        )
        await app.look_after_leases()

        async def ended() -> bool:
            return bool((await app.turn(turn["id"]))["status"] != "running")

        await until(ended)


async def test_calls_of_an_earlier_process_are_closed_though_the_time_of_day_was_set_back(
    tmp_path: Path,
) -> None:
    async with Simulator() as sim:
        async with palaver(tmp_path, sim, timeouts=Timeouts()) as app:
            await app.chat("t", "Hello")
            call = open_calls.OpenCall(
                id="call_dead", owner_id=LOCAL, thread_id="t", turn_id=None, token=None, feature=None,
                purpose="title", tier="simple", model="claude-haiku-5-5", attempt=1, prompt=10, holder="dead",
                reserved=[], created_at=app.deps.clock.now(),
            )  # fmt: skip
            await app.deps.database.write(partial(open_calls.add, call=call))
        async with palaver(tmp_path, sim, timeouts=Timeouts(), clock=QuickClock(ahead=-HOUR)) as app:
            assert await count(app.deps.database, "open_calls") == 0
