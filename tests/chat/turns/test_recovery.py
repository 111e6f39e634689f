"""After a crash: what was running ends as interrupted, with what was said; and several processes share one database."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from chat.calls.caller import CALL_LEASE, LEASE
from chat.calls.record import tokens_of
from chat.upstream.client import Timeouts
from store import event_rounds
from store import events as store_events
from store.database import Database
from store.events import Batch
from store.local_user import LOCAL
from tests.chat.outcomes import answer_text, finished, ledger, stored, whole
from tests.clocks import QuickClock
from tests.palaver import Palaver, palaver
from tests.sse import Event
from tests.upstream import Gate, Reply, Simulator, faults
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def half_answered(app: Palaver, thread: str, *, words: int = 2) -> tuple[str, Gate]:
    """A turn that has said `one two ` and stands still."""
    gate = app.sim.gate()
    app.sim.script(Reply(text="one two three four", chunk=4, thinking="", gate=gate))
    accepted = await app.say(thread, "count")
    gate.release(words)
    answer = ""
    async for event in app.stream(accepted["id"]):
        answer += event.data["text"] if event.type == "part.delta" else ""
        if answer == "one two ":
            break
    return accepted["id"], gate


def assert_interrupted(events: list[Event]) -> None:
    assert events[-1].type == "turn.failed"
    assert events[-1].data["error"]["code"] == "interrupted"
    assert events[-1].data["error"]["retryable"] is True


async def on_their_way(app: Palaver) -> int:
    """Calls without a ledger row."""
    query = text("SELECT count(*) FROM open_calls")
    return await app.deps.database.read(lambda connection: connection.scalar(query) or 0)


def for_title(request: dict[str, Any]) -> bool:
    return "titles" in str(request["system"])


async def test_a_call_that_failed_before_a_crash_keeps_its_own_row(tmp_path: Path) -> None:
    async with Simulator() as sim:
        async with palaver(tmp_path / "before", sim, timeouts=Timeouts(), titles="model") as app:
            title = sim.gate()
            sim.script(Reply(text="A title", gate=title), when=for_title)
            sim.script(faults.overloaded(), when=lambda request: not for_title(request))
            turn_id, _ = await half_answered(app, "t")
            shutil.copytree(
                tmp_path / "before", tmp_path / "after", ignore=shutil.ignore_patterns("*.lock", "*-shm")
            )
            title.open()
        async with palaver(tmp_path / "after", sim, timeouts=Timeouts()) as app:
            rows = sorted(
                (row.purpose, row.attempt, row.outcome, row.status, row.estimated)
                for row in await ledger(app, turn_id)
            )
            assert rows == [
                ("reply", 1, "overloaded", 529, False),
                ("reply", 2, "interrupted", None, True),
                ("title", 1, "interrupted", None, True),
            ]
            assert await on_their_way(app) == 0


async def test_a_turn_left_running_ends_as_interrupted_on_the_next_start(tmp_path: Path) -> None:
    async with Simulator() as sim:
        async with palaver(tmp_path / "before", sim, timeouts=Timeouts()) as app:
            turn_id, _ = await half_answered(app, "t")
            other = await app.say("other", "not even begun")
            # What a power cut leaves behind: the files as they are at this moment.
            shutil.copytree(
                tmp_path / "before", tmp_path / "after", ignore=shutil.ignore_patterns("*.lock", "*-shm")
            )
        async with palaver(tmp_path / "after", sim, timeouts=Timeouts()) as app:
            events, turn = await finished(app, turn_id)
            assert_interrupted(events)
            assert turn["status"] == "failed"
            assert (turn["message"]["status"], answer_text(turn["message"])) == ("interrupted", "one two ")
            assert turn["error"] == events[-1].data["error"]
            (row,) = await ledger(app, turn_id)
            assert (row.outcome, row.estimated) == ("interrupted", True)
            assert turn["message"]["model"] == row.requested_model, "who said it"
            assert row.usage.input > 0, "the prompt was sent"
            assert row.usage.output == tokens_of(len("one two ")), "and so much was heard"
            assert await on_their_way(app) == 0
            thread = await app.get("/api/threads/t")
            assert (thread["running_turn_id"], thread["unread"]) == (None, True)
            _, ended = await finished(app, other["id"])
            assert ended["status"] == "failed"
            assert (await app.chat("t", "go on"))["status"] == "completed", "the thread is usable at once"
            assert "interrupted here" in str(sim.requests[-1])
            results = (await app.get("/api/search", q="count"))["results"]
            assert len(results) == 1


async def test_the_half_that_was_said_before_is_not_billed_again_by_a_crash(tmp_path: Path) -> None:
    async with Simulator() as sim:
        async with palaver(tmp_path / "before", sim, timeouts=Timeouts()) as app:
            half = "The first half. " * 50
            sim.script(faults.reset_after(half))
            broken = await app.chat("t", "Tell me")
            gate = sim.gate()
            sim.script(Reply(text="one two three four", chunk=4, thinking="", gate=gate))
            accepted = await app.http.post("/api/threads/t/turns", json={"continue": broken["message_id"]})
            gate.release(2)
            answer = ""
            async for event in app.stream(accepted.json()["id"]):
                answer += event.data["text"] if event.type == "part.delta" else ""
                if answer == half + "one two ":
                    break
            shutil.copytree(
                tmp_path / "before", tmp_path / "after", ignore=shutil.ignore_patterns("*.lock", "*-shm")
            )
        async with palaver(tmp_path / "after", sim, timeouts=Timeouts()) as app:
            _, turn = await finished(app, accepted.json()["id"])
            assert answer_text(turn["message"]) == answer
            (row,) = await ledger(app, turn["id"])
            assert row.usage.output == tokens_of(len("one two "))


async def test_a_log_nobody_understands_keeps_no_other_turn_from_being_ended(tmp_path: Path) -> None:
    """Another version may have written what this one does not know."""
    async with Simulator() as sim:
        async with palaver(tmp_path / "before", sim, timeouts=Timeouts()) as app:
            strange, _ = await half_answered(app, "t")
            sim.script(Reply(text="not yet", hold=True))
            other = await app.say("other", "Hello")
            shutil.copytree(
                tmp_path / "before", tmp_path / "after", ignore=shutil.ignore_patterns("*.lock", "*-shm")
            )
            sim.held.open()
        unknown: list[dict[str, Any]] = [
            {"type": "of.tomorrow"},
            {"type": "part.delta", "part_id": "of.tomorrow", "text": "of a part nobody knows"},
            {"type": "note", "name": "discard", "data": {"all": True}},
        ]

        def add_unknown(connection: Connection) -> None:
            event_rounds.restore_all(connection)
            last = store_events.last_seq(connection, LOCAL, strange)
            payloads = [
                json.dumps({**event, "seq": number, "turn_id": strange})
                for number, event in enumerate(unknown, last + 1)
            ]
            store_events.append_missing(connection, [Batch(strange, last + 1, payloads)])

        disk = Database(f"sqlite:///{tmp_path / 'after' / 'palaver.db'}")
        await disk.write(add_unknown)
        await disk.close()
        async with palaver(tmp_path / "after", sim, timeouts=Timeouts()) as app:
            assert (await app.turn(other["id"]))["status"] == "failed"
            turn = await app.turn(strange)
            assert (turn["status"], answer_text(turn["message"])) == ("failed", "one two ")
            events = await app.follow(strange, described=False)
            assert [event.seq for event in events] == list(range(1, len(events) + 1))
            assert events[-1].type == "turn.failed"
            assert (await app.chat("t", "go on"))["status"] == "completed"


@asynccontextmanager
async def replicas(
    url: str, folder: Path, sim: Simulator
) -> AsyncIterator[tuple[Palaver, Palaver, QuickClock]]:
    """Two processes' worth of Palaver over one Postgres; the second one's clock can be moved."""
    clock = QuickClock()
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(
            palaver(folder / "one", sim, timeouts=Timeouts(), database_url=url)
        )
        second = await stack.enter_async_context(
            palaver(folder / "two", sim, timeouts=Timeouts(), database_url=url, clock=clock)
        )
        yield first, second, clock


@pytest.mark.postgres
async def test_a_turn_runs_here_and_is_followed_and_cancelled_there(
    postgres_url: str, tmp_path: Path
) -> None:
    async with Simulator() as sim, replicas(postgres_url, tmp_path, sim) as (first, second, _):
        turn_id, gate = await half_answered(first, "t")
        there = asyncio.create_task(second.follow(turn_id))
        busy = await second.http.post("/api/threads/t/turns", json={"input": {"text": "me too"}})
        assert busy.status_code == 409
        gate.release(1)
        assert (await second.http.post(f"/api/turns/{turn_id}/cancel")).status_code == 202
        await first.look_after_leases()
        here, turn = await finished(first, turn_id)
        assert turn["status"] == "cancelled"
        assert whole(await there) == here
        assert (await second.chat("t", "go on"))["status"] == "completed"


async def silent(app: Palaver, table: str) -> None:
    """A process whose leases have run out: it renews no more."""
    app.stop_leases()
    await app.deps.database.write(
        lambda connection: connection.execute(text(f"UPDATE {table} SET lease_until = 1"))
    )


@pytest.mark.postgres
async def test_a_lease_that_ran_out_is_taken_over_and_the_turn_ends_once(
    postgres_url: str, tmp_path: Path
) -> None:
    async with Simulator() as sim, replicas(postgres_url, tmp_path, sim) as (first, second, clock):
        turn_id, gate = await half_answered(first, "t")
        await second.look_after_leases()
        assert (await second.turn(turn_id))["status"] == "running", "a lease that holds is respected"
        clock.ahead = 10 * LEASE  # clocks of machines differ: the lease is measured by the database's
        await second.look_after_leases()
        assert (await second.turn(turn_id))["status"] == "running"
        await silent(first, "turns")
        await second.look_after_leases()
        events, turn = await finished(second, turn_id)
        assert_interrupted(events)
        assert answer_text(turn["message"]) == "one two "
        gate.open()  # it was only paused, and now goes on
        await first.follow(turn_id)  # ends when the process has given it up
        assert await second.follow(turn_id) == events, "nothing is added to an ended turn"
        assert (await stored(first, turn_id)).status == "failed"
        (row,) = await ledger(first, turn_id)
        assert (row.outcome, row.estimated) == ("ok", False), "what is known replaces what was estimated"


BUDGET = {"scope": "deployment", "unit": "usd", "period": "month", "limit": 100}


async def set_aside(app: Palaver) -> int:
    """What all budgets hold for calls on their way."""
    query = text("SELECT sum(reserved) FROM budgets")
    return await app.deps.database.read(lambda connection: connection.scalar(query) or 0)


@pytest.mark.postgres
async def test_what_a_dead_replicas_side_calls_set_aside_is_free_when_its_lease_has_run_out(
    postgres_url: str, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"database_url": postgres_url, "titles": "model", "budgets": [BUDGET]}
    clock = QuickClock()
    async with Simulator() as sim, palaver(tmp_path / "one", sim, timeouts=Timeouts(), **settings) as first:
        title = sim.gate()
        sim.script(Reply(text="A title", thinking="", gate=title), when=for_title)
        async with palaver(tmp_path / "two", sim, timeouts=Timeouts(), clock=clock, **settings) as second:
            turn = await first.chat("t", "Hello")
            assert turn["status"] == "completed"
            await first.look_after_leases()
            await second.look_after_leases()
            assert await set_aside(second) > 0, "a replica that lives keeps what it holds"
            clock.ahead = 2 * CALL_LEASE
            await second.look_after_leases()
            assert await set_aside(second) > 0, "clocks of machines differ"
            await silent(first, "open_calls")
            await second.look_after_leases()
            assert await set_aside(second) == 0
            rows = {row.purpose: row for row in await ledger(second, turn["id"])}
            assert (rows["title"].outcome, rows["title"].estimated) == ("interrupted", True)
        title.open()  # it was only slow

        async def corrected() -> bool:
            row = {row.purpose: row for row in await ledger(first, turn["id"])}["title"]
            return (row.estimated, row.outcome) == (False, "ok")

        await until(corrected)  # what is known replaces what was estimated
        assert await set_aside(first) == 0


async def test_a_process_that_stops_leaves_nothing_set_aside(tmp_path: Path) -> None:
    async with Simulator() as sim:
        settings: dict[str, Any] = {"titles": "model", "budgets": [BUDGET]}
        async with palaver(tmp_path, sim, timeouts=Timeouts(), **settings) as app:
            sim.script(Reply(text="A title", thinking="", gate=sim.gate()), when=for_title)
            turn = await app.chat("t", "Hello")
            await app.deps.runner.stop()
            await app.deps.scheduler.stop()
            assert (await on_their_way(app), await set_aside(app)) == (0, 0)
            assert {row.purpose: row.outcome for row in await ledger(app, turn["id"])}[
                "title"
            ] == "interrupted"
