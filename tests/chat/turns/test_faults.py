"""What a failing provider costs, and what is kept (which fault leads where: tests/chat/upstream/test_fault_matrix.py)."""

import socket
from pathlib import Path

import pytest

from chat.upstream.client import Timeouts
from tests.chat.outcomes import answer_text, finished, ledger, notes
from tests.clocks import QuickClock
from tests.palaver import Palaver, palaver
from tests.upstream import Reply, Simulator, faults

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETTINGS = {"fallback": False}  # one model: what a repeat alone can do
HALF = "Half of an answer that was going to be longer"


async def test_what_the_provider_asks_for_is_waited(house: Palaver, thread: str, clock: QuickClock) -> None:
    house.sim.script(faults.rate_limited(7), faults.overloaded(), Reply(text="There you are."))
    accepted = await house.say(thread, "Hello")
    events, turn = await finished(house, accepted["id"])
    assert turn["status"] == "completed"
    assert clock.slept == [7 + 0.25, 0.5], "retry-after and jitter; then jitter under a doubled bound"
    assert notes(events, "retry") == [
        {"attempt": 2, "delay": 7.25, "reason": "rate_limited"},
        {"attempt": 3, "delay": 0.5, "reason": "overloaded"},
    ]
    assert [row.outcome for row in await ledger(house, turn["id"])] == ["rate_limited", "overloaded", "ok"]


async def test_a_cut_call_costs_at_least_what_was_heard(house: Palaver, thread: str) -> None:
    house.sim.script(faults.reset_after("word " * 200))
    turn = await house.chat(thread, "Hello")
    (row,) = await ledger(house, turn["id"])
    assert row.estimated
    assert row.usage.input == house.sim.log[-1].kinds["input"] > 0
    assert 200 <= row.usage.output <= 600
    assert turn["usage"]["output_tokens"] == row.usage.output


async def test_thinking_alone_does_not_stop_a_repeat(house: Palaver, thread: str) -> None:
    house.sim.script(
        Reply(text="", thinking="Let me see", fault=faults.eof_after().fault),
        Reply(text="Seen.", thinking="Again"),
    )
    accepted = await house.say(thread, "Hello")
    events, turn = await finished(house, accepted["id"])
    assert turn["status"] == "completed"
    assert [part["text"] for part in turn["message"]["parts"]] == ["Again", "Seen."]
    assert len(notes(events, "retry")) == 1


async def test_an_answer_cut_by_its_limit_is_complete_and_says_length(house: Palaver, thread: str) -> None:
    house.sim.script(faults.max_tokens("As far as it goes"))
    turn = await house.chat(thread, "Hello")
    assert (turn["status"], turn["message"]["finish_reason"]) == ("completed", "length")
    assert answer_text(turn["message"]) == "As far as it goes"


async def test_thinking_that_used_up_the_limit_gets_a_larger_one(house: Palaver, thread: str) -> None:
    house.sim.script(faults.max_tokens_in_thinking(), Reply(text="Done."))
    turn = await house.chat(thread, "Hello")
    assert turn["status"] == "completed"
    assert [request["max_tokens"] for request in house.sim.requests] == [16_000, 32_000]


async def test_a_withdrawn_answer_is_never_shown_to_a_model_again(house: Palaver, thread: str) -> None:
    house.sim.script(faults.refusal(after="Forbidden words"), Reply(text="Fine."))
    await house.chat(thread, "Hello")
    await house.chat(thread, "Something else")
    assert "Forbidden words" not in str(house.sim.requests[-1])
    assert [turn["role"] for turn in house.sim.requests[-1]["messages"]] == ["user"]
    results = (await house.get("/api/search", q="Forbidden"))["results"]
    assert results == []


async def test_a_provider_that_is_away_is_a_failed_turn(house: Palaver, thread: str) -> None:
    async with house.sim.offline():
        turn = await house.chat(thread, "Hello")
    assert (turn["status"], turn["error"]["code"]) == ("failed", "upstream_error")
    assert [row.outcome for row in await ledger(house, turn["id"])] == ["connection"] * 4
    assert (await house.chat(thread, "And now?"))["status"] == "completed"


async def test_pings_break_a_silence(tmp_path: Path) -> None:
    timeouts = Timeouts(connect=2.0, write=2.0, first_byte=5.0, silence=0.8)
    async with Simulator() as sim, palaver(tmp_path, sim, clock=QuickClock(), timeouts=timeouts) as app:
        sim.script(Reply(text="Slow, but alive.", first_delay=1.6, ping_every=0.1))
        turn = await app.chat("t", "Hello")
    assert (turn["status"], answer_text(turn["message"])) == ("completed", "Slow, but alive.")


async def test_a_host_that_takes_no_connection_is_given_up(tmp_path: Path, sim: Simulator) -> None:
    """A listener whose line is full drops what comes: the connection neither succeeds nor is refused."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for connection in (first, second):
            connection.setblocking(False)
            connection.connect_ex(listener.getsockname())
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        timeouts = Timeouts(connect=0.3, write=5.0, first_byte=20.0, silence=20.0)
        async with palaver(
            tmp_path, sim, clock=QuickClock(), timeouts=timeouts, fallback=False, anthropic_base_url=address
        ) as app:
            turn = await app.chat("t", "Hello")
            assert (turn["status"], turn["error"]["code"]) == ("failed", "upstream_timeout")
            assert [row.outcome for row in await ledger(app, turn["id"])] == ["timeout"] * 4


async def test_a_turn_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    async with Simulator() as sim, palaver(tmp_path, sim, timeouts=Timeouts()) as app:
        object.__setattr__(app.deps.deployment, "max_turn_seconds", 2.0)  # the least a setting allows is ten
        sim.script(Reply(text=HALF, thinking="", delay=0.0, fault=faults.silence().fault))
        accepted = await app.say("t", "Hello")
        _, turn = await finished(app, accepted["id"])
        assert (turn["status"], turn["error"]["code"]) == ("failed", "upstream_timeout")
        assert answer_text(turn["message"]) == HALF
        (row,) = await ledger(app, turn["id"])
        assert (row.outcome, row.estimated) == ("interrupted", True)
        await sim.idle()
        assert sim.log[-1].outcome in {"disconnected", "fault:silence"}
