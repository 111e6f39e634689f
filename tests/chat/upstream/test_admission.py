"""What a call waits for before it is sent: headroom, concurrency, queue. Through the real server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from chat.upstream.admission import Admission
from chat.upstream.client import Timeouts
from chat.upstream.failures import UpstreamFailure
from chat.upstream.replica_events import ReplicaEvent
from chat.upstream.slot_request import SlotRequest
from context.limits.headroom import Need
from tests.chat.outcomes import finished, ledger, notes
from tests.clocks import ScriptedClock
from tests.palaver import Palaver, palaver
from tests.upstream import Reply, SimClock, Simulator, faults
from tests.upstream.limits import Limits
from tests.waiting import until

START = 1_790_000_000.0


def test_a_call_elsewhere_counts_for_a_bounded_time_and_what_it_brought_is_taken_off() -> None:
    clock = ScriptedClock(SimClock(start=START))
    admission = Admission(clock=clock, max_concurrent=9, queue_length=9, queue_seconds=60)
    buckets = {"output-tokens": (1_000, 1_000.0, 60.0)}
    admission.apply(ReplicaEvent(model="m", type="limits_reported", buckets=buckets, sender="a"))
    for call, sender in (("1", "a"), ("1", "b"), ("2", "b")):
        admission.apply(
            ReplicaEvent(model="m", type="call_started", call_id=call, need=(1, 10, 200), sender=sender)
        )
    slot_request = SlotRequest(model="m", owner="ada", need=Need(input=1, output=250), priority="optional")

    async def fits() -> bool:
        try:
            async with admission.slot(slot_request):
                return True
        except UpstreamFailure:
            return False

    assert not asyncio.run(fits()), "three times 200 and 250 are more than 80% of a thousand"
    admission.apply(ReplicaEvent(model="m", type="call_ended", call_id="1", need=(0, 0, 20), sender="a"))
    assert len(admission.remote_needs("m")) == 2
    assert asyncio.run(fits())
    admission.apply(ReplicaEvent(model="m", type="call_started", call_id="3", need=(1, 10, 900), sender="a"))
    assert not asyncio.run(fits())
    clock.sim.advance(121)
    assert asyncio.run(fits()), "a replica that died holds nobody up for long"


@asynccontextmanager
async def narrow(folder: Path, sim: Simulator, **settings: Any) -> AsyncIterator[Palaver]:
    """A server that lets one call through at a time."""
    async with palaver(folder, sim, timeouts=Timeouts(), **{"max_concurrent_calls": 1, **settings}) as app:
        yield app


async def until_waiting(app: Palaver, calls: int, *, sent: int | None = None) -> None:
    """Until so many calls wait, and so many requests have come to the model."""
    admission = app.deps.runtime.caller.admission
    await until(lambda: admission.waiting == calls and sent in (None, len(app.sim.requests)))


async def test_who_must_wait_is_told_the_position_and_comes_next(tmp_path: Path, sim: Simulator) -> None:
    sim.script(Reply(text="first", thinking="", hold=True))
    time = SimClock(start=START)
    async with narrow(tmp_path, sim, clock=ScriptedClock(time)) as app:
        first = await app.say("one", "Hello")
        await sim.held.reached()
        second = await app.say("two", "Hello")
        await until_waiting(app, 1)
        third = await app.say("three", "Hello")
        await until_waiting(app, 2)
        await app.http.post(f"/api/turns/{second['id']}/cancel")
        _, cancelled = await finished(app, second["id"])
        assert cancelled["status"] == "cancelled"
        await until_waiting(app, 1)
        time.advance(1.1)  # a position is told at most once a second
        positions = 0
        async for event in app.stream(third["id"]):
            positions += event.type == "note" and event.data["name"] == "queue"
            if positions == 2:
                break
        sim.held.open()
        events, turn = await finished(app, third["id"])
        assert turn["status"] == "completed"
        assert notes(events, "queue") == [{"position": 2}, {"position": 1}]
        (row,) = await ledger(app, third["id"])
        assert row.queue_ms >= 1_000
        assert await ledger(app, second["id"]) == [], "what was never sent is not in the ledger"
        assert (await finished(app, first["id"]))[1]["status"] == "completed"
        assert len(sim.requests) == 2


async def test_a_full_queue_refuses_new_turns_and_stores_nothing(tmp_path: Path, sim: Simulator) -> None:
    sim.script(Reply(text="first", thinking="", hold=True))
    async with narrow(tmp_path, sim, queue_length=1) as app:
        await app.say("one", "Hello")
        await sim.held.reached()
        headers = {"idempotency-key": "second"}
        await app.say("two", "Hello", headers=headers)
        await until_waiting(app, 1)
        refused = await app.http.post("/api/threads/three/turns", json={"input": {"text": "Hello"}})
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert refused.json()["error"]["code"] == "unavailable"
        assert refused.json()["error"]["retryable"] is True
        assert (await app.http.get("/api/threads/three")).status_code == 404
        again = await app.say("two", "Hello", headers=headers)
        assert again["thread_id"] == "two", "a turn that was taken is found again, however full it is"
        sim.held.open()
        await finished(app, again["id"])
        assert (await app.chat("three", "Hello"))["status"] == "completed"


async def test_turns_taken_at_once_count_before_they_stand_in_line(tmp_path: Path, sim: Simulator) -> None:
    sim.respond(lambda _: Reply(text="hm", thinking="", hold=True))
    async with narrow(tmp_path, sim, queue_length=2) as app:
        sent = (
            app.http.post(f"/api/threads/t{number}/turns", json={"input": {"text": "Hello"}})
            for number in range(12)
        )
        statuses = [answer.status_code for answer in await asyncio.gather(*sent)]
        assert sorted(statuses) == [202] * 3 + [503] * 9
        sim.held.open()


async def test_users_take_turns_and_nobody_waits_for_a_spare_call(tmp_path: Path, sim: Simulator) -> None:
    secrets = {name: f"{name}-0123456789-0123456789" for name in ("ada", "bob")}
    tokens = [
        {"name": name, "user": name, "sha256": sha256(secret.encode()).hexdigest()}
        for name, secret in secrets.items()
    ]
    sim.respond(lambda _: Reply(text="yes", thinking="", hold=True))
    async with narrow(tmp_path, sim, tokens=tokens) as app:

        async def say(name: str, text: str) -> None:
            answer = await app.http.post(
                f"/api/threads/{text}/turns",
                json={"input": {"text": text}},
                headers={"authorization": f"Bearer {secrets[name]}"},
            )
            assert answer.status_code == 202, answer.text

        await say("ada", "ada1")
        await sim.held.reached()
        for number, (name, text) in enumerate([("ada", "ada2"), ("ada", "ada3"), ("bob", "bob1")], 1):
            await say(name, text)
            await until_waiting(app, number)
        spare = SlotRequest(
            model="claude-sonnet-5-5", owner="ada", need=Need(input=0, output=0), priority="optional"
        )
        with pytest.raises(UpstreamFailure, match="skipped"):
            async with app.deps.runtime.caller.admission.slot(spare):
                pass
        sim.held.open()
        await until_waiting(app, 0, sent=4)
        texts = [request["messages"][0]["content"][0]["text"] for request in sim.requests]
        assert texts == ["ada1", "ada2", "bob1", "ada3"]


async def test_a_turn_that_waited_too_long_may_be_tried_again(tmp_path: Path, sim: Simulator) -> None:
    sim.script(Reply(text="first", thinking="", hold=True))
    async with narrow(tmp_path, sim, queue_seconds=1) as app:
        await app.say("one", "Hello")
        await sim.held.reached()
        turn = await app.chat("two", "Hello")
        assert (turn["status"], turn["error"]["code"], turn["error"]["retryable"]) == (
            "failed",
            "overloaded",
            True,
        )
        assert await ledger(app, turn["id"]) == []
        sim.held.open()
        assert (await app.chat("two", "Again"))["status"] == "completed"


async def test_use_stays_below_the_share_of_what_the_headers_allow(tmp_path: Path) -> None:
    limits = Limits(requests=10, enforced=True)
    async with Simulator(clock=SimClock(start=START), limits=limits) as sim:
        async with palaver(
            tmp_path, sim, clock=ScriptedClock(sim.clock), timeouts=Timeouts(), fallback=False
        ) as app:
            await app.chat("first", "Hello")
            turns = [await app.say(f"t{number}", "Hello") for number in range(12)]
            await until_waiting(app, 5, sent=8)  # four fifths of ten
            await until(lambda: app.deps.runner.count == 5)  # the limits of all answers are known
            sim.clock.advance(6)
            await until_waiting(app, 4, sent=9)  # a tenth of a minute gives back one of ten
            await until(lambda: app.deps.runner.count == 4)
            sim.clock.advance(30)
            ends = [(await finished(app, turn["id"]))[1]["status"] for turn in turns]
        assert ends == ["completed"] * 12
        assert all(entry.status == 200 for entry in sim.log if entry.path == "/v1/messages")


async def test_what_one_call_is_asked_to_wait_holds_for_all(tmp_path: Path) -> None:
    async with Simulator(clock=SimClock(start=START)) as sim:
        async with palaver(
            tmp_path, sim, clock=ScriptedClock(sim.clock), timeouts=Timeouts(), fallback=False
        ) as app:
            sim.script(faults.rate_limited(120))
            assert (await app.chat("one", "Hello"))["error"]["code"] == "rate_limited"
            turn = await app.chat("two", "Hello")
            assert (turn["error"]["code"], turn["error"]["retryable"]) == ("rate_limited", True)
            assert len(sim.requests) == 1, "nobody asks again before the time"
            sim.clock.advance(121)
            assert (await app.chat("two", "Hello"))["status"] == "completed"
