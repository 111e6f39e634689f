"""Calls that are cut while the model thinks: thinking is billed as output, and only a summary of it is heard."""

from pathlib import Path

import pytest

from chat.calls.output_speed import FASTEST, OutputSpeeds
from chat.calls.record import CallContext, CallRecord, Size
from context.models.pricing import Usage
from tests.chat.talk import START, Talk
from tests.clocks import ScriptedClock
from tests.palaver import palaver
from tests.upstream import Reply, SimClock, Simulator
from tests.upstream.gate import Gate
from tests.waiting import until

SECONDS = 30.0


def record(**fields: object) -> CallRecord:
    made = CallRecord(
        id="call",
        call_context=CallContext(owner_id="u", thread_id="t", purpose="reply"),
        model="m",
        tier=None,
        size=Size(prompt=10, bound=20, output=2_000, fresh=10, answer=10),
        attempt=1,
        created_at=0,
        requested_at=0.0,
        sent_at=0.0,
        first_byte_at=1.0,
        speed=50.0,
    )
    made.call.decoder.usage = Usage(input=10, output=1)
    made.call.upstream_id = "msg"
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def test_what_a_model_thinks_is_estimated_by_the_time_it_takes() -> None:
    cut = record()
    cut.received("A summary.", 2.0, kind="reasoning")
    cut.end("cancelled", 1.0 + SECONDS)
    assert cut.estimated
    assert cut.usage.output == SECONDS * 50


def test_thinking_of_which_nothing_is_heard_is_estimated_too() -> None:
    cut = record()
    cut.end("timeout", 1.0 + SECONDS)
    assert cut.usage.output == SECONDS * 50


def test_text_is_estimated_by_its_length_however_slowly_it_came() -> None:
    cut = record()
    cut.received("A summary.", 2.0, kind="reasoning")
    cut.received("x" * 250, 3.0)
    cut.end("connection", 100.0)
    assert cut.usage.output == 2 * 50 + 100


def test_an_estimate_is_no_less_than_what_was_heard_and_no_more_than_the_limit() -> None:
    heard = record(speed=0.0)
    heard.received("x" * 250, 2.0, kind="reasoning")
    heard.end("cancelled", 3.0)
    assert heard.usage.output == 100
    long = record()
    long.end("cancelled", 10_000.0)
    assert long.usage.output == 2_000


def test_a_count_that_arrived_is_what_counts() -> None:
    counted = record()
    counted.call.decoder.usage, counted.call.decoder.counted = Usage(input=10, output=7), True
    counted.end("ok", 100.0)
    assert counted.usage.output == 7


def test_speeds_are_those_of_the_last_answers_of_each_model() -> None:
    speeds = OutputSpeeds()
    assert speeds.of("m") == 0
    speeds.learn("m", 19, 0.1)  # too short
    speeds.learn("m", 100, 0.0)
    assert speeds.of("m") == 0
    for _ in range(50):
        speeds.learn("m", 100, 2.0)
    assert speeds.of("m") == pytest.approx(50)
    for _ in range(50):
        speeds.learn("m", 400, 2.0)
    assert speeds.of("m") == pytest.approx(200, rel=0.1)
    assert speeds.of("other") == 0
    speeds.learn("other", 1_000_000, 0.001)
    assert speeds.of("other") == FASTEST


async def test_the_ledger_row_of_a_turn_that_is_stopped_while_the_model_thinks(tmp_path: Path) -> None:
    async with (
        Simulator(clock=SimClock(start=START)) as sim,
        palaver(tmp_path, sim, clock=ScriptedClock(sim.clock)) as app,
    ):
        app.stop_timers()
        conversation = Talk(app, sim.clock)
        await _answer_at(conversation, tokens_a_second=50)
        gate = Gate()
        conversation.sim.script(Reply(text="Done.", thinking="word " * 3_000, gate=gate))
        accepted = await conversation.app.say("t", "Think hard.", model="standard")
        await _heard(conversation, accepted["id"], gate)
        conversation.clock.advance(SECONDS)
        await conversation.app.http.post(f"/api/turns/{accepted['id']}/cancel")
        await conversation.settled()
        gate.open()
        row = (await conversation.spent())[-1]
    assert row["outcome"] == "cancelled"
    assert row["estimated"]
    assert row["output"] == pytest.approx(SECONDS * 50, rel=0.1)


async def _answer_at(conversation: Talk, *, tokens_a_second: int) -> None:
    """One whole answer at that speed."""
    gate = Gate()
    conversation.sim.script(Reply(text="word " * 200, thinking="", gate=gate))
    accepted = await conversation.app.say("t", "Write.", model="standard")
    await _heard(conversation, accepted["id"], gate)
    conversation.clock.advance(4.0)
    gate.open()
    await conversation.app.follow(accepted["id"])
    await conversation.settled()
    speeds = conversation.app.deps.runtime.caller.output_speeds
    row = (await conversation.spent())[-1]
    model = row["requested_model"]
    assert speeds.of(model) == pytest.approx(row["output"] / 4.0)
    speeds._totals[model] = (float(tokens_a_second), 1.0)


async def _heard(conversation: Talk, turn_id: str, gate: Gate) -> None:
    """Let one piece of the answer through, and wait until it has arrived."""
    gate.release()
    running = conversation.app.deps.runner._running
    await until(lambda: any(call.characters for call in running[turn_id].work.calls))
