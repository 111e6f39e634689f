"""Every way the provider can fail (upstream facts 3.4, 4 and 10), and what becomes of the turn."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chat.upstream.client import Timeouts
from tests.chat.told import answer_text, finished, ledger, notes
from tests.clocks import QuickClock
from tests.palaver import Palaver, palaver
from tests.upstream import Reply, Simulator, faults

pytestmark = pytest.mark.asyncio(loop_scope="module")

HALF = "Half of an answer that was going to be longer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A fault that happens to every call, and the end it must come to."""

    name: str
    reply: Callable[[], Reply]
    calls: int
    code: str
    retryable: bool
    outcome: str
    kept: str = ""
    begun: bool = False

    def __str__(self) -> str:
        return self.name


def before(name: str, reply: Callable[[], Reply], calls: int, code: str, outcome: str, **more: Any) -> Case:
    """A failure before anything was said."""
    return Case(
        name=name, reply=reply, calls=calls, code=code, outcome=outcome, **{"retryable": True, **more}
    )


def after(name: str, reply: Callable[[], Reply], code: str, outcome: str) -> Case:
    """A failure after half an answer: never repeated, the half is kept."""
    return Case(
        name=f"{name} after text", reply=reply, calls=1, code=code, outcome=outcome, retryable=True, kept=HALF, begun=True
    )  # fmt: skip


CASES = [
    before("529", faults.overloaded, 4, "upstream_error", "overloaded"),
    before("529, do not retry", lambda: faults.overloaded(should_retry=False), 1, "upstream_error", "overloaded"),
    before("429", faults.rate_limited, 4, "rate_limited", "rate_limited"),
    before("429 for a while", lambda: faults.rate_limited(3), 4, "rate_limited", "rate_limited"),
    before("429 for too long", lambda: faults.rate_limited(600), 1, "rate_limited", "rate_limited"),
    before("429 for growing", faults.ramp_limited, 4, "rate_limited", "rate_limited"),
    before("429 of the month", faults.spend_cap, 1, "rate_limited", "spend_cap", retryable=False),
    before("400 own limit", faults.own_spend_limit, 1, "upstream_error", "bad_request", retryable=False),
    before("500", faults.server_error, 4, "upstream_error", "server_error"),
    before("500, do not retry", lambda: faults.server_error(should_retry=False), 1, "upstream_error", "server_error"),
    before("503", faults.unavailable, 4, "upstream_error", "server_error"),
    before("504", faults.gateway_timeout, 4, "upstream_timeout", "timeout"),
    before("401", faults.unauthorized, 1, "upstream_error", "authentication", retryable=False),
    before("402", faults.payment_required, 1, "upstream_error", "billing", retryable=False),
    before("403", faults.forbidden, 1, "upstream_error", "permission", retryable=False),
    before("404", faults.unknown_model, 1, "model_not_found", "not_found", retryable=False),
    before("413", faults.request_too_large, 1, "context_too_long", "too_large", retryable=False),
    before("no response", faults.no_response, 4, "upstream_error", "connection"),
    before("reset", faults.reset_after, 4, "upstream_error", "connection", begun=True),
    before("eof", faults.eof_after, 4, "upstream_error", "connection", begun=True),
    before("overloaded event", faults.error_event, 4, "upstream_error", "overloaded", begun=True),
    before("error event", lambda: faults.error_event(type="api_error"), 4, "upstream_error", "server_error", begun=True),
    before("limit event", lambda: faults.error_event(type="rate_limit_error"), 4, "rate_limited", "rate_limited", begun=True),
    before("bad event", lambda: faults.error_event(type="invalid_request_error"), 1, "upstream_error", "bad_request",
           retryable=False, begun=True),
    before("unknown event", lambda: faults.error_event(type="new_error"), 4, "upstream_error", "server_error", begun=True),
    before("no message_stop", faults.no_message_stop, 4, "upstream_error", "unfinished", begun=True),
    before("refusal", lambda: faults.refusal(before=True), 1, "content_filtered", "refusal", retryable=False, begun=True),
    before("refusal after text", lambda: faults.refusal(after=HALF), 1, "content_filtered", "refusal", retryable=False,
           begun=True),
    before("all thinking", faults.max_tokens_in_thinking, 2, "upstream_error", "ok", begun=True),
    before("empty", faults.empty, 1, "upstream_error", "ok", begun=True),
    after("reset", lambda: faults.reset_after(HALF), "upstream_error", "connection"),
    after("eof", lambda: faults.eof_after(HALF), "upstream_error", "connection"),
    after("error event", lambda: faults.error_event(HALF), "upstream_error", "overloaded"),
    after("no message_stop", lambda: faults.no_message_stop(HALF), "upstream_error", "unfinished"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_a_fault_ends_the_turn_as_it_should(
    house: Palaver, thread: str, clock: QuickClock, case: Case
) -> None:
    house.sim.respond(lambda _: case.reply())
    accepted = await house.say(thread, "Hello")
    events, turn = await finished(house, accepted["id"])

    assert turn["status"] == "failed"
    error = turn["error"]
    assert (error["code"], error["retryable"]) == (case.code, case.retryable)
    assert error["message"].endswith(".")
    assert events[-1].data["error"] == error == turn["message"]["error"]
    assert turn["message"]["status"] == "failed"
    assert answer_text(turn["message"]) == case.kept

    assert len(house.sim.requests) == case.calls
    assert len({entry.body for entry in house.sim.log}) == (2 if case.name == "all thinking" else 1)
    rows = await ledger(house, turn["id"])
    assert [row.outcome for row in rows] == [case.outcome] * case.calls
    assert [row.attempt for row in rows] == list(range(1, case.calls + 1))
    assert all((row.upstream_id is not None) == case.begun for row in rows)
    if not case.begun:
        assert all(row.usage.total == 0 for row in rows), "a request that was never taken up costs nothing"
    retries = notes(events, "retry")
    assert [note["attempt"] for note in retries] == list(range(2, case.calls + 1))
    if case.outcome != "ok":
        assert len(clock.slept) == case.calls - 1
    assert (await house.chat(thread, "Still there?"))["status"] == "failed", "the thread is usable"


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
    assert [part["text"] for part in turn["message"]["parts"]] == ["Let me see", "Again", "Seen."]
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
    found = (await house.get("/api/search", q="Forbidden"))["results"]
    assert found == []


async def test_a_provider_that_is_away_is_a_failed_turn(house: Palaver, thread: str) -> None:
    async with house.sim.offline():
        turn = await house.chat(thread, "Hello")
    assert (turn["status"], turn["error"]["code"]) == ("failed", "upstream_error")
    assert [row.outcome for row in await ledger(house, turn["id"])] == ["connection"] * 4
    assert (await house.chat(thread, "And now?"))["status"] == "completed"


async def test_silence_ends_in_a_timeout_and_pings_break_it(tmp_path: Path) -> None:
    timeouts = Timeouts(connect=2.0, write=2.0, first_byte=0.5, silence=0.5)
    replies = {
        "late": faults.slow_headers(30),
        "silent": faults.silence(),
        "half": faults.silence(HALF),
        "pinged": Reply(text="Slow, but alive.", first_delay=1.2, ping_every=0.1),
    }
    async with Simulator() as sim, palaver(tmp_path, sim, clock=QuickClock(), timeouts=timeouts) as app:
        sim.respond(lambda asked: replies[asked["messages"][-1]["content"][0]["text"]])
        accepted = {name: await app.say(name, name) for name in replies}
        ends = {name: (await finished(app, one["id"]))[1] for name, one in accepted.items()}
        calls = {name: len(await ledger(app, turn["id"])) for name, turn in ends.items()}
    assert {name: (turn["status"], (turn["error"] or {}).get("code")) for name, turn in ends.items()} == {
        "late": ("failed", "upstream_timeout"),
        "silent": ("failed", "upstream_timeout"),
        "half": ("failed", "upstream_timeout"),
        "pinged": ("completed", None),
    }
    assert calls == {"late": 4, "silent": 4, "half": 1, "pinged": 1}
    assert answer_text(ends["half"]["message"]) == HALF


async def test_a_turn_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    async with Simulator() as sim, palaver(tmp_path, sim, timeouts=Timeouts()) as app:
        object.__setattr__(app.deps.deployment, "max_turn_seconds", 0.4)  # the least a setting allows is ten
        sim.script(Reply(text=HALF, thinking="", delay=0.0, fault=faults.silence().fault))
        accepted = await app.say("t", "Hello")
        _, turn = await finished(app, accepted["id"])
        assert (turn["status"], turn["error"]["code"]) == ("failed", "upstream_timeout")
        assert answer_text(turn["message"]) == HALF
        (row,) = await ledger(app, turn["id"])
        assert (row.outcome, row.estimated) == ("interrupted", True)
        await sim.idle()
        assert sim.log[-1].outcome in {"disconnected", "fault:silence"}
