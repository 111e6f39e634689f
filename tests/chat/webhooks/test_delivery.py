"""Deliveries: tried again with growing pauses until they are accepted or given up, claimed by one replica at a time, never redirected."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from chat.webhooks import cleanup, outbox
from chat.webhooks.dispatcher import CONCURRENT, LEASE, Dispatcher
from chat.webhooks.endpoint import Endpoint
from store import webhook_deliveries as store
from store.database import Database
from store.webhook_deliveries import Delivery
from tests.chat.webhooks.receiver import SECRET, Receiver, receiver
from tests.clocks import QuickClock
from tests.migrated import copy_migrated

HOUR, DAY = 3_600_000, 86_400_000


@pytest.fixture
async def lite(tmp_path: Path) -> AsyncIterator[Database]:
    await copy_migrated(tmp_path / "palaver.db")
    opened = Database(f"sqlite:///{tmp_path / 'palaver.db'}")
    yield opened
    await opened.close()


@pytest.fixture
async def postgres_database(postgres_url: str) -> AsyncIterator[Database]:
    opened = Database(postgres_url)
    yield opened
    await opened.close()


def endpoint(hook: Receiver, name: str = "crm", **more: Any) -> Endpoint:
    more = {"allow_private": True, **more}
    return Endpoint(name=name, url=hook.url, secret=SECRET, events=frozenset(["feedback"]), **more)


async def report(database: Database, clock: QuickClock, *to: Endpoint, count: int = 1) -> None:
    for number in range(count):
        added = outbox.deliveries(to, clock, "feedback", {"rating": number})
        await database.write(partial(store.add, deliveries=added))


async def stored(database: Database) -> list[Delivery]:
    return await database.read(partial(store.newest, limit=1_000))


async def test_what_fails_is_tried_again_with_growing_pauses_until_it_is_accepted(lite: Database) -> None:
    clock = QuickClock()
    async with receiver(500, 429, None, 302, 307, 404) as hook:
        to = endpoint(hook)
        await report(lite, clock, to)
        pauses = []
        for tries in range(1, 8):
            before = clock.now()
            await Dispatcher(database=lite, clock=clock, endpoints=[to]).deliver(to)  # each is a new process
            assert len(hook.got) == tries, "due, and tried once"
            [row] = await stored(lite)
            if row.next_at is not None:
                pauses.append(row.next_at - before)
                clock.ahead += row.next_at - clock.now() - 1_000
                await Dispatcher(database=lite, clock=clock, endpoints=[to]).deliver(to)
                assert len(hook.got) == tries, "not before it is due"
                clock.ahead += 1_000
        assert (row.status, row.result, row.tries) == ("delivered", "204", 7)
        assert all(later > 1.8 * sooner for sooner, later in pairwise(pauses)), pauses
        assert 5_000 <= pauses[0] < 10_000
        assert len(set(hook.ids)) == 1, "receivers know a repeat by its id"
        assert all(body == hook.bodies[0] for body in hook.bodies)
        assert len({headers["webhook-timestamp"] for headers, _ in hook.got}) == 7, "each try is signed anew"
        clock.ahead += DAY
        await Dispatcher(database=lite, clock=clock, endpoints=[to]).deliver(to)
        assert len(hook.got) == 7, "nothing is sent twice, and no redirect was followed"


async def test_what_nobody_accepts_for_three_days_is_given_up_and_logged_once(lite: Database) -> None:
    clock = QuickClock()
    async with receiver(*([503] * 200)) as hook:
        to = endpoint(hook)
        await report(lite, clock, to)
        dispatcher = Dispatcher(database=lite, clock=clock, endpoints=[to])
        with capture_logs() as logs:
            for _ in range(90):
                await dispatcher.deliver(to)
                clock.ahead += HOUR + HOUR // 4
        [row] = await stored(lite)
        assert (row.status, row.result, row.next_at) == ("given_up", "503", None)
        assert row.give_up_at - row.created_at == 3 * DAY
        assert 55 < len(hook.got) < 75, "all three days long"
        given_up = [line for line in logs if line["event"] == "webhook.given_up"]
        assert [(line["delivery"], line["log_level"]) for line in given_up] == [(row.id, "error")]
        await cleanup.tidy(lite, clock)
        clock.ahead += 3 * DAY
        await cleanup.tidy(lite, clock)
        assert await stored(lite) == []


async def test_what_is_delivered_stays_for_three_days_and_what_waits_until_it_ends(lite: Database) -> None:
    clock = QuickClock()
    async with receiver() as hook, receiver(500) as failing:
        there, gone = endpoint(hook), endpoint(failing, "gone")
        await report(lite, clock, there, gone)
        await Dispatcher(database=lite, clock=clock, endpoints=[there]).deliver(there)
        for days, left in ((2, ["delivered", "waiting"]), (1.5, ["waiting"]), (1, ["given_up"]), (3.1, [])):
            clock.ahead += round(days * DAY)
            with capture_logs() as logs:
                await cleanup.tidy(lite, clock)
            assert sorted(row.status for row in await stored(lite)) == left
            unsent = [line["deliveries"] for line in logs if line["event"] == "webhook.unsent"]
            assert unsent == ([1] if left == ["given_up"] else [])
        assert failing.got == []


async def test_replicas_deliver_each_event_once(lite: Database) -> None:
    await deliver_with_replicas([lite] * 3)


@pytest.mark.postgres
async def test_replicas_on_postgres_deliver_each_event_once(
    postgres_database: Database, postgres_url: str
) -> None:
    others = [Database(postgres_url) for _ in range(2)]
    await deliver_with_replicas([postgres_database, *others])
    for other in others:
        await other.close()


async def deliver_with_replicas(databases: list[Database]) -> None:
    """Three replicas look at the outbox at once: each event comes once."""
    clock, database = QuickClock(), databases[0]
    async with receiver() as hook:
        to = endpoint(hook)
        await report(database, clock, to, count=3 * CONCURRENT)
        replicas = [Dispatcher(database=each, clock=clock, endpoints=[to]) for each in databases]
        await asyncio.gather(*(replica.deliver(to) for replica in replicas))
        assert sorted(hook.ids) == sorted(row.id for row in await stored(database))
        assert {row.status for row in await stored(database)} == {"delivered"}


async def test_what_a_dead_process_had_claimed_is_delivered_when_its_claim_has_ended(lite: Database) -> None:
    clock = QuickClock()
    async with receiver() as hook:
        hook.held = asyncio.Event()
        to = endpoint(hook)
        await report(lite, clock, to)
        dying = asyncio.create_task(Dispatcher(database=lite, clock=clock, endpoints=[to]).deliver(to))
        await hook.received(1)
        dying.cancel()
        await asyncio.wait([dying])
        hook.held.set()
        other = Dispatcher(database=lite, clock=clock, endpoints=[to])
        clock.ahead += LEASE // 2
        await other.deliver(to)
        assert len(hook.got) == 1, "it may still be under way"
        clock.ahead += LEASE // 2 + 1
        await other.deliver(to)
        assert len(hook.got) == 2
        assert len(set(hook.ids)) == 1
        assert [row.status for row in await stored(lite)] == ["delivered"]


async def test_a_receiver_without_an_answer_is_left_in_time_and_its_body_is_not_read(lite: Database) -> None:
    clock = QuickClock()
    async with receiver() as silent, receiver() as endless:
        silent.held, endless.endless = asyncio.Event(), True
        quiet, loud = endpoint(silent, "silent"), endpoint(endless, "endless")
        await report(lite, clock, quiet, loud)
        await Dispatcher(database=lite, clock=clock, endpoints=[quiet], timeout=0.2).deliver(quiet)
        await Dispatcher(database=lite, clock=clock, endpoints=[loud]).deliver(loud)
        results = {row.endpoint: (row.status, row.result) for row in await stored(lite)}
        assert results == {"silent": ("waiting", "timeout"), "endless": ("delivered", "200")}


async def test_a_clock_that_was_set_back_keeps_nothing_waiting_for_long(lite: Database) -> None:
    clock = QuickClock(ahead=30 * DAY)
    async with receiver(500) as hook:
        to = endpoint(hook)
        await report(lite, clock, to)
        dispatcher = Dispatcher(database=lite, clock=clock, endpoints=[to])
        await dispatcher.deliver(to)
        clock.ahead = 0
        await cleanup.tidy(lite, clock)
        await dispatcher.deliver(to)
        assert [row.status for row in await stored(lite)] == ["delivered"]
