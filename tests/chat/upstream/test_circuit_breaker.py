"""A model that keeps failing: its circuit breaker opens, others answer or turns wait, and a probe closes it again. Through the real server."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from chat.upstream.admission import Admission
from chat.upstream.client import Timeouts
from chat.upstream.replica_events import ReplicaEvent
from chat.upstream.slot_request import SlotRequest
from context.limits.headroom import Need
from tests.chat.outcomes import finished, ledger, notes
from tests.chat.talk import START
from tests.clocks import QuickClock, ScriptedClock
from tests.palaver import palaver
from tests.upstream import SimClock, Simulator, faults
from tests.waiting import until


async def test_a_model_that_keeps_failing_is_left_alone_and_comes_back_by_itself(
    tmp_path: Path, sim: Simulator
) -> None:
    clock = QuickClock()
    async with palaver(tmp_path, sim, clock=clock, timeouts=Timeouts()) as app:
        sim.respond(lambda request: faults.overloaded() if "sonnet" in request["model"] else None)
        for number in range(3):
            await app.chat(f"t{number}", "Hello")
        before = len(sim.requests)
        accepted = await app.say("next", "Hello")
        events, turn = await finished(app, accepted["id"])
        assert turn["message"]["model"] == "claude-opus-5-5"
        assert [request["model"] for request in sim.requests[before:]] == ["claude-opus-5-5"]
        assert notes(events, "fallback") == [
            {
                "from": "claude-sonnet-5-5",
                "to": "claude-opus-5-5",
                "reason": "claude-sonnet-5-5 has kept failing",
            }
        ]
        assert len(await ledger(app, turn["id"])) == 1
        sim.respond(None)
        await clock.sleep(10)
        for _ in range(3):
            turn = await app.chat("next", "And now?")
            assert turn["message"]["model"] == "claude-sonnet-5-5"
        assert app.deps.runtime.caller.admission.open_breakers() == frozenset()


@pytest.mark.parametrize("model", ["standard", "claude-sonnet-5-5"])
async def test_whoever_chose_a_model_is_told_that_another_answers(
    tmp_path: Path, sim: Simulator, model: str
) -> None:
    async with palaver(tmp_path, sim, clock=QuickClock(), timeouts=Timeouts()) as app:
        sim.script(faults.overloaded(), faults.overloaded())
        accepted = await app.say("t", "Hello", model=model)
        events, turn = await finished(app, accepted["id"])
        (note,) = notes(events, "fallback")
        assert note["asked"] == model
        assert turn["message"]["model"] == "claude-opus-5-5"
        context = (await app.get(f"/api/turns/{turn['id']}/context"))["plan"]
        assert context["tried"] == {"claude-sonnet-5-5": "overloaded"}
        assert context["recipe"]["model"] == "claude-opus-5-5"
        assert (await app.get(f"/api/turns/{turn['id']}/request"))["exact"]


async def test_a_request_nobody_could_answer_never_rests_a_model(tmp_path: Path, sim: Simulator) -> None:
    async with palaver(tmp_path, sim, clock=QuickClock(), timeouts=Timeouts()) as app:
        sim.respond(lambda _: faults.http_error(400, "invalid_request_error", "no"))
        for number in range(8):
            await app.chat(f"t{number}", "Hello")
        assert len(sim.requests) == 8
        assert app.deps.runtime.caller.admission.open_breakers() == frozenset()


async def test_while_every_model_is_down_all_but_answering_works(tmp_path: Path, sim: Simulator) -> None:
    clock = QuickClock()
    async with palaver(tmp_path, sim, clock=clock, timeouts=Timeouts(), queue_seconds=1) as app:
        assert (await app.chat("t", "The lighthouse keeper"))["status"] == "completed"
        async with sim.offline():
            for number in range(4):
                turn = await app.chat("t", f"Hello {number}")
                assert turn["status"] == "failed"
                assert turn["error"]["retryable"] is True
                assert turn["error"]["message"].endswith(".")
            models = {"claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5"}
            assert app.deps.runtime.caller.admission.open_breakers() == models

            ready = await app.get("/readyz")
            assert (ready["status"], ready["checks"]["models"]) == ("ok", "0 of 3")
            assert len(await app.messages("t")) == 10
            assert [thread["id"] for thread in (await app.get("/api/threads"))["threads"]] == ["t"]
            assert (await app.get("/api/search", q="lighthouse"))["results"]
            assert (await app.get("/api/threads/t/summary"))["id"] is None
            answer = await app.http.patch("/api/threads/t", json={"title": "Still here"})
            assert answer.status_code == 200
            turn = await app.chat("t", "Anyone?")
            assert (turn["status"], await ledger(app, turn["id"])) == ("failed", [])
        await clock.sleep(10)
        assert (await app.chat("t", "And now?"))["status"] == "completed"
        assert (await app.get("/readyz"))["checks"]["models"] != "0 of 3"


async def test_a_question_asked_while_every_model_is_down_waits_and_is_answered_once_one_is_back(
    tmp_path: Path, sim: Simulator
) -> None:
    clock = QuickClock()
    async with palaver(tmp_path, sim, clock=clock, timeouts=Timeouts()) as app:
        admission = app.deps.runtime.caller.admission
        async with sim.offline():
            while len(admission.open_breakers()) < 3:
                await app.chat("before", "Hello")
            accepted = [await app.say(name, "Anyone?") for name in ("one", "two")]
            async for event in app.stream(accepted[0]["id"]):
                if event.type == "note" and event.data["name"] == "queue":
                    break
            assert admission.waiting
        await clock.sleep(10)
        for turn in accepted:
            events, ended = await finished(app, turn["id"])
            assert ended["status"] == "completed"
            assert notes(events, "queue")
            (row,) = await ledger(app, turn["id"])
            assert row.outcome == "ok", "what waited was never a call that failed"


async def test_a_probe_that_is_given_up_before_it_is_sent_lets_the_next_one_try() -> None:
    sim = SimClock(start=START)
    admission = Admission(clock=ScriptedClock(sim), max_concurrent=1, queue_length=9, queue_seconds=60)

    def slot_request(owner: str) -> SlotRequest:
        return SlotRequest(model="m", owner=owner, need=Need(input=1, output=1), priority="reply")

    async def ask(owner: str) -> None:
        async with admission.slot(slot_request(owner)):
            pass

    async with admission.slot(slot_request("first")):
        waiting = asyncio.create_task(ask("second"))
        await until(lambda: admission.waiting == 1)
        admission.apply(ReplicaEvent(model="m", type="breaker_opened", seconds=10))
        sim.advance(11)
    waiting.cancel()  # it was just let in
    with suppress(asyncio.CancelledError):
        await waiting
    assert admission.open_breakers() == frozenset()
    await ask("third")
