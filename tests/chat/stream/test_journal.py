"""The journal beside a database that is away, and the terminal event that is always the last."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import Insert
from sqlalchemy.exc import DataError

from chat.stream import events
from chat.stream.journal import MAX_PENDING, Journal
from chat.stream.notes import TitleNote
from chat.turns.turn_work import TurnWork
from chat.upstream.client import Timeouts
from store import sqlite
from store.database import Database
from store.errors import StoreUnavailable
from tests.chat.outcomes import answer_text, finished, notes
from tests.palaver import Palaver, palaver
from tests.upstream import Reply, Simulator
from tests.upstream.gate import Gate
from tests.waiting import LIMIT, until

pytestmark = pytest.mark.asyncio


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Settings that name each kind of database."""
    if request.param == "sqlite":
        return {}
    return {"database_url": request.getfixturevalue("postgres_url")}


@pytest.fixture
async def app(database_settings: dict[str, Any], tmp_path: Path) -> AsyncIterator[Palaver]:
    """Palaver on each kind of database."""
    async with (
        Simulator() as sim,
        palaver(tmp_path, sim, timeouts=Timeouts(), **database_settings) as running,
    ):
        yield running


async def test_a_title_at_the_worst_moment_never_follows_the_end(
    app: Palaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A note arrives while the last batch is on its way to the disk, and another right behind it."""
    append, settle = Database.append, Journal.settle
    ending: list[Journal] = []

    async def late(self: Database, statement: Insert, rows: list[dict[str, Any]]) -> None:
        await append(self, statement, rows)
        for journal in ending:
            journal.note(TitleNote(title="late"))

    async def settling(self: Journal) -> None:
        ending.append(self)
        self._waiting.append(events.Note(name="title", data={"title": "just before"}))
        await settle(self)
        ending.remove(self)
        self.note(TitleNote(title="later still"))

    monkeypatch.setattr(Database, "append", late)
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
    append, write = Database.append, Database.write
    lost: list[str] = []

    async def forgetful(self: Database, statement: Insert, rows: list[dict[str, Any]]) -> None:
        await append(self, statement, rows)
        if not any(kind == "events" for kind in lost):
            lost.append("events")
            raise StoreUnavailable("the connection broke")

    async def forgetful_end(self: Database, work: Any) -> Any:
        result = await write(self, work)
        if "Ending" in repr(work) and lost.count("end") < 2:
            lost.append("end")
            raise StoreUnavailable("the connection broke")
        return result

    monkeypatch.setattr(Database, "append", forgetful)
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
    append, away = Database.append, asyncio.Event()
    tries = []

    async def gone(self: Database, statement: Insert, rows: list[dict[str, Any]]) -> None:
        if away.is_set():
            tries.append(rows)
            raise StoreUnavailable("away")
        await append(self, statement, rows)

    monkeypatch.setattr(Database, "append", gone)
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


async def test_a_model_that_writes_faster_than_the_disk_is_read_no_further(
    app: Palaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, slow, go_on = Database.append, asyncio.Event(), asyncio.Event()
    text, chunk = "word " * 10_000, 1_000

    async def waiting(self: Database, statement: Insert, rows: list[dict[str, Any]]) -> None:
        slow.set()
        await go_on.wait()
        await append(self, statement, rows)

    gate = app.sim.gate()
    app.sim.script(Reply(text=text, chunk=chunk, thinking="", gate=gate))
    turn_id = (await app.say("t", "talk"))["id"]
    work = app.deps.runner._running[turn_id].work
    gate.release(1)
    await until(lambda: work.answer_builder.has_text)
    monkeypatch.setattr(Database, "append", waiting)
    gate.open()
    await slow.wait()
    await until(lambda: work.answer_builder.text_length > MAX_PENDING)
    for _ in range(200):
        await asyncio.sleep(0.001)
        assert work.answer_builder.text_length < 2 * (MAX_PENDING + chunk), (
            "what is on its way, and as much again"
        )
    go_on.set()
    _, turn = await finished(app, turn_id)
    assert answer_text(turn["message"]) == text


async def running(app: Palaver, *names: str) -> tuple[dict[str, TurnWork], list[Gate]]:
    """Turns that have begun to answer, and the gates before the rest of their answers."""
    gates, works = [app.sim.gate() for _ in names], {}
    for name, gate in zip(names, gates, strict=True):
        app.sim.script(Reply(text=f"{name} one two three", chunk=8, thinking="", gate=gate))
        accepted = await app.say(name, "count")
        works[name] = app.deps.runner._running[accepted["id"]].work
        gate.release(1)
    await until(lambda: all(work.answer_builder.has_text for work in works.values()))
    await until(lambda: not any(work.journal.pending for work in works.values()))
    return works, gates


async def test_an_error_that_one_turns_events_cause_is_no_other_turns(
    app: Palaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = Database.append
    works, gates = await running(app, "bad", "good", "better")
    bad = works["bad"].turn.id

    async def refuses(self: Database, statement: Insert, rows: list[dict[str, Any]]) -> None:
        if any(row["turn_id"] == bad and "part.delta" in row["payload"] for row in rows):
            raise DataError("INSERT", None, ValueError("planted"))
        await append(self, statement, rows)

    monkeypatch.setattr(Database, "append", refuses)
    for work in works.values():  # one round writes for all of them
        work.answer_builder.add("text", " more")
    for gate in gates:
        gate.open()
    for name, work in works.items():
        if name != "bad":
            _, turn = await finished(app, work.turn.id)
            assert turn["status"] == "completed"
            assert "more" in answer_text(turn["message"])


async def test_a_writer_that_dies_leaves_nobody_waiting(
    app: Palaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, deaths = Database.append, [asyncio.CancelledError(), asyncio.CancelledError()]
    works, (gate,) = await running(app, "one")

    async def dies(self: Database, statement: Insert, rows: list[dict[str, Any]]) -> None:
        if deaths:
            raise deaths.pop()
        await append(self, statement, rows)

    monkeypatch.setattr(Database, "append", dies)
    gate.open()
    async with asyncio.timeout(LIMIT):
        _, turn = await finished(app, works["one"].turn.id)
    assert not deaths
    assert (turn["status"], answer_text(turn["message"])) == ("completed", "one one two three")


async def test_what_the_log_says_of_a_turn_names_its_own_request(
    app: Palaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One task writes for all turns; it began in the request of the first."""
    append, away = Database.append, asyncio.Event()
    requests: dict[str, set[str | None]] = {"one": set(), "two": set()}
    turns: dict[str, str] = {}

    async def gone(self: Database, statement: Insert, rows: list[dict[str, Any]]) -> None:
        if away.is_set():
            raise StoreUnavailable("away")
        await append(self, statement, rows)

    class Log:
        def said(self, event: str, *, turn_id: str, **_: Any) -> None:
            requests[turns[turn_id]].add(structlog.contextvars.get_contextvars().get("request_id"))

        warning = info = said

    gates = {name: app.sim.gate() for name in requests}
    for name, gate in gates.items():
        app.sim.script(Reply(text="one two three", chunk=4, thinking="", gate=gate))
        turns[(await app.say(name, "count"))["id"]] = name
        gate.release(1)
    runner = app.deps.runner
    await until(lambda: all(runner._running[id].work.answer_builder.has_text for id in turns))
    monkeypatch.setattr(Database, "append", gone)
    monkeypatch.setattr("chat.stream.journal.log", Log())
    away.set()
    for gate in gates.values():
        gate.release(1)
    await until(lambda: all(requests.values()))
    away.clear()
    for gate in gates.values():
        gate.open()
    for id in turns:
        await finished(app, id)
    (one,), (two,) = requests.values()
    assert None not in (one, two)
    assert one != two


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
        append = Database.append
        refused: list[list[dict[str, Any]]] = []

        async def gone(self: Database, statement: Insert, rows: list[dict[str, Any]]) -> None:
            if not app.deps.runner._running[turn_id].work.journal._closed:
                refused.append(rows)
                raise StoreUnavailable("away")
            await append(self, statement, rows)

        gate = sim.gate()
        sim.script(Reply(text="word " * 10_000, chunk=1_000, thinking="", gate=gate))
        turn_id = (await app.say("t", "talk"))["id"]
        monkeypatch.setattr(Database, "append", gone)
        gate.open()
        _, turn = await finished(app, turn_id)
        assert (turn["status"], turn["error"]["code"]) == ("failed", "internal")
        assert len(answer_text(turn["message"])) > 5_000, "what was heard is kept"
        assert refused
