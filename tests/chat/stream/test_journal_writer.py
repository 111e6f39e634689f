"""One writer for the logs of all turns: each has its own errors and its own log lines, and nobody reads faster than it writes."""

import asyncio
from typing import Any

import pytest
import structlog
from sqlalchemy.exc import DataError

from chat.stream import journal
from chat.stream.event_storage import Failures
from chat.turns.turn_work import TurnWork
from store.errors import StoreUnavailable
from tests.chat.outcomes import answer_text, finished
from tests.chat.stream.storing import Batches, Store, stand_between
from tests.palaver import Palaver
from tests.upstream import Reply
from tests.upstream.gate import Gate
from tests.waiting import LIMIT, until

MOST = 8 * 1024  # bytes of text of one turn that wait, here
ONE_READ = 64 * 1024  # bytes that httpcore2 reads of a socket at once, if so many are there
AROUND = 100  # bytes of the event around each delta, at least

pytestmark = pytest.mark.asyncio


async def test_a_model_that_writes_faster_than_the_disk_is_read_no_further(
    app: Palaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "MAX_PENDING", MOST)
    slow, go_on = asyncio.Event(), asyncio.Event()
    text, chunk = "word " * 10_000, 10

    async def waiting(batches: Batches, store: Store) -> Failures:
        slow.set()
        await go_on.wait()
        return await store()

    most = 2 * (MOST + ONE_READ * chunk // (chunk + AROUND))  # what is on its way, and as much again
    assert most < len(text)
    gate = app.sim.gate()
    app.sim.script(Reply(text=text, chunk=chunk, thinking="", gate=gate))
    turn_id = (await app.say("t", "talk"))["id"]
    work = app.deps.runner._running[turn_id].work
    gate.release(1)
    await until(lambda: work.answer_builder.has_text)
    stand_between(monkeypatch, waiting)
    gate.open()
    await slow.wait()
    await until(lambda: work.answer_builder.text_length > MOST)
    for _ in range(200):
        await asyncio.sleep(0.001)
        assert work.answer_builder.text_length < most
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
    works, gates = await running(app, "bad", "good", "better")
    bad = works["bad"].turn.id

    async def refuses(batches: Batches, store: Store) -> Failures:
        if any(batch.turn_id == bad and "part.delta" in str(batch.payloads) for batch in batches.values()):
            raise DataError("INSERT", None, ValueError("planted"))
        return await store()

    stand_between(monkeypatch, refuses)
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
    deaths = [asyncio.CancelledError(), asyncio.CancelledError()]
    works, (gate,) = await running(app, "one")

    async def dies(batches: Batches, store: Store) -> Failures:
        if deaths:
            raise deaths.pop()
        return await store()

    stand_between(monkeypatch, dies)
    for left in (1, 0):
        gate.release(1)
        await until(lambda left=left: len(deaths) == left)
    gate.open()
    async with asyncio.timeout(LIMIT):
        _, turn = await finished(app, works["one"].turn.id)
    assert not deaths
    assert (turn["status"], answer_text(turn["message"])) == ("completed", "one one two three")


async def test_what_the_log_says_of_a_turn_names_its_own_request(
    app: Palaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One task writes for all turns; it began in the request of the first."""
    away = asyncio.Event()
    requests: dict[str, set[str | None]] = {"one": set(), "two": set()}
    turns: dict[str, str] = {}

    async def gone(batches: Batches, store: Store) -> Failures:
        if away.is_set():
            raise StoreUnavailable("away")
        return await store()

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
    stand_between(monkeypatch, gone)
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
