"""The journal beside a database that is away, and the terminal event that is always the last."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from chat.stream import events
from chat.stream.event_storage import Failures
from chat.stream.journal import Journal
from chat.stream.notes import TitleNote
from chat.upstream.client import Timeouts
from store import sqlite
from store.database import Database
from store.errors import StoreUnavailable
from tests.chat.outcomes import answer_text, finished, notes
from tests.chat.stream.storing import Batches, Store, stand_between
from tests.palaver import Palaver, palaver
from tests.upstream import Reply, Simulator
from tests.waiting import until

pytestmark = pytest.mark.asyncio


async def test_a_title_at_the_worst_moment_never_follows_the_end(
    app: Palaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A note arrives while the last batch is on its way to the disk, and another right behind it."""
    settle = Journal.settle
    ending: list[Journal] = []

    async def late(batches: Batches, store: Store) -> Failures:
        failures = await store()
        for journal in ending:
            journal.note(TitleNote(title="late"))
        return failures

    async def settling(self: Journal) -> None:
        ending.append(self)
        self._waiting.append(events.Note(name="title", data={"title": "just before"}))
        await settle(self)
        ending.remove(self)
        self.note(TitleNote(title="later still"))

    stand_between(monkeypatch, late)
    monkeypatch.setattr(Journal, "settle", settling)
    for _ in range(3):
        accepted = await app.say("t", "Hello")
        logged, turn = await finished(app, accepted["id"])
        assert turn["status"] == "completed"
        assert [note["title"] for note in notes(logged, "title")] == ["just before"]
        await app.settled()
        assert [event.seq for event in await app.follow(turn["id"])] == [event.seq for event in logged]


async def test_a_commit_whose_answer_was_lost_is_recognized(
    app: Palaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Database.write
    lost: list[str] = []

    async def forgetful(batches: Batches, store: Store) -> Failures:
        failures = await store()
        if not any(kind == "events" for kind in lost):
            lost.append("events")
            raise StoreUnavailable("the connection broke")
        return failures

    async def forgetful_end(self: Database, work: Any) -> Any:
        result = await write(self, work)
        if "Ending" in repr(work) and lost.count("end") < 2:
            lost.append("end")
            raise StoreUnavailable("the connection broke")
        return result

    stand_between(monkeypatch, forgetful)
    monkeypatch.setattr(Database, "write", forgetful_end)
    app.sim.script(Reply(text="one two three four five", chunk=4, thinking=""))
    accepted = await app.say("t", "count")
    logged, turn = await finished(app, accepted["id"])
    assert lost.count("events") == 1
    assert lost.count("end") == 2
    assert turn["status"] == "completed"
    assert answer_text(turn["message"]) == "one two three four five"
    assert len(notes(logged, "storage_delay")) == 1


async def test_a_database_that_is_away_for_seconds_kills_no_answer(
    app: Palaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = app.sim.gate()
    app.sim.script(Reply(text="one two three four", chunk=4, thinking="", gate=gate))
    away = asyncio.Event()
    tries = []

    async def gone(batches: Batches, store: Store) -> Failures:
        if away.is_set():
            tries.append(batches)
            raise StoreUnavailable("away")
        return await store()

    stand_between(monkeypatch, gone)
    accepted = await app.say("t", "count")
    gate.release(1)
    running = app.deps.runner._running[accepted["id"]]
    await until(lambda: running.work.answer_builder.has_text)
    away.set()
    gate.release(2)
    await until(lambda: len(tries) > 3)
    away.clear()
    gate.open()
    logged, turn = await finished(app, accepted["id"])
    assert (turn["status"], answer_text(turn["message"])) == ("completed", "one two three four")
    assert notes(logged, "storage_delay")[0]["seconds"] > 0


async def test_a_lock_of_another_program_kills_no_answer(tmp_path: Path) -> None:
    """Longer than SQLite's busy timeout of five seconds, in the middle of an answer and at its end."""
    async with Simulator() as sim, palaver(tmp_path, sim, timeouts=Timeouts()) as app:
        gate = sim.gate()
        sim.script(Reply(text="one two three four", chunk=4, thinking="", gate=gate))
        accepted = await app.say("t", "count")
        gate.release(1)
        running = app.deps.runner._running[accepted["id"]]
        await until(lambda: running.work.answer_builder.has_text)
        other = sqlite.driver().connect(tmp_path / "palaver.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        gate.release(1)
        await until(lambda: running.work.journal._away_since is not None)
        gate.open()
        other.execute("COMMIT")
        other.close()
        logged, turn = await finished(app, accepted["id"])
        assert (turn["status"], answer_text(turn["message"])) == ("completed", "one two three four")
        assert notes(logged, "storage_delay")[0]["seconds"] >= 5


async def test_past_its_bounds_the_turn_fails_and_keeps_what_was_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        Simulator() as sim,
        palaver(tmp_path, sim, timeouts=Timeouts(), journal_buffer_bytes=10_000) as app,
    ):
        refused: list[Batches] = []

        async def gone(batches: Batches, store: Store) -> Failures:
            if not app.deps.runner._running[turn_id].work.journal._closed:
                refused.append(batches)
                raise StoreUnavailable("away")
            return await store()

        gate = sim.gate()
        sim.script(Reply(text="word " * 10_000, chunk=1_000, thinking="", gate=gate))
        turn_id = (await app.say("t", "talk"))["id"]
        stand_between(monkeypatch, gone)
        gate.open()
        _, turn = await finished(app, turn_id)
        assert (turn["status"], turn["error"]["code"]) == ("failed", "internal")
        assert len(answer_text(turn["message"])) > 5_000, "what was heard is kept"
        assert refused
