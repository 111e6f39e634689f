"""Stopping a turn."""

import asyncio

import pytest

from context.request.window import INTERRUPTED
from store.local_user import LOCAL
from tests.chat.outcomes import answer_text, finished, ledger
from tests.clocks import QuickClock
from tests.palaver import Palaver
from tests.upstream import Reply, faults

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def cancel(app: Palaver, turn_id: str) -> int:
    answer = await app.http.post(f"/api/turns/{turn_id}/cancel")
    return answer.status_code


async def test_cancel_keeps_the_text_so_far(house: Palaver, thread: str) -> None:
    gate = house.sim.gate()
    house.sim.script(Reply(text="one two three", chunk=4, thinking="", gate=gate))
    accepted = await house.say(thread, "count")
    gate.release(2)
    async for event in house.stream(accepted["id"]):
        if event.type == "part.delta" and "two" in event.data["text"]:
            assert await cancel(house, accepted["id"]) == 202
    events, turn = await finished(house, accepted["id"])
    assert events[-1].data["reason"] == "user"
    assert (turn["status"], turn["error"]) == ("cancelled", None)
    assert (turn["message"]["status"], answer_text(turn["message"])) == ("cancelled", "one two ")
    (row,) = await ledger(house, turn["id"])
    assert (row.outcome, row.estimated) == ("cancelled", True)
    assert row.usage.input > 0
    assert row.usage.output >= 1
    await house.sim.idle()
    assert house.sim.log[-1].outcome == "disconnected", "the provider need not go on"


async def test_the_next_turn_knows_that_the_answer_was_cut(house: Palaver, thread: str) -> None:
    gate = house.sim.gate()
    house.sim.script(Reply(text="one two three", chunk=4, thinking="", gate=gate), Reply(text="ok"))
    accepted = await house.say(thread, "count")
    gate.release(1)
    async for event in house.stream(accepted["id"]):
        if event.type == "part.delta":
            await cancel(house, accepted["id"])
    await house.chat(thread, "go on")
    assert house.sim.requests[-1]["messages"][1]["content"][0]["text"] == f"one \n\n{INTERRUPTED}"


async def test_cancel_before_the_first_word(house: Palaver, thread: str) -> None:
    gate = house.sim.gate()
    house.sim.script(Reply(head_gate=gate))
    accepted = await house.say(thread, "hello")
    await gate.reached()
    assert await cancel(house, accepted["id"]) == 202
    _, turn = await finished(house, accepted["id"])
    assert (turn["status"], turn["message"]["parts"]) == ("cancelled", [])
    (row,) = await ledger(house, turn["id"])
    assert (row.outcome, row.estimated, row.usage.output) == ("cancelled", True, 0)
    assert row.usage.input > 0, "the provider may have read the prompt; nobody can know"


async def test_cancel_is_the_same_however_often_and_changes_no_ended_turn(
    house: Palaver, thread: str
) -> None:
    gate = house.sim.gate()
    house.sim.script(Reply(gate=gate))
    accepted = await house.say(thread, "hello")
    await gate.reached()
    assert {await cancel(house, accepted["id"]) for _ in range(3)} == {202}
    events, _ = await finished(house, accepted["id"])
    assert await cancel(house, accepted["id"]) == 202
    assert await house.follow(accepted["id"]) == events

    done = await house.chat(thread, "hello again")
    assert await cancel(house, done["id"]) == 202
    assert (await house.turn(done["id"]))["status"] == "completed"


async def test_many_cancels_and_the_end_at_once_make_one_end(house: Palaver, thread: str) -> None:
    for n in range(5):
        gate = house.sim.gate()
        house.sim.script(Reply(text="x", thinking="", gate=gate))
        accepted = await house.say(f"{thread}-{n}", "hello")
        await gate.reached()
        gate.open()
        await asyncio.gather(*(cancel(house, accepted["id"]) for _ in range(5)))
        await finished(house, accepted["id"])


async def test_an_unknown_turn_cannot_be_cancelled(house: Palaver) -> None:
    assert await cancel(house, "turn_unknown") == 404


async def test_cancel_ends_the_waiting_between_two_calls(
    house: Palaver, thread: str, clock: QuickClock
) -> None:
    gate = house.sim.gate()
    house.sim.script(faults.overloaded(), Reply(head_gate=gate))
    accepted = await house.say(thread, "hello")
    await gate.reached()
    await cancel(house, accepted["id"])
    _, turn = await finished(house, accepted["id"])
    assert turn["status"] == "cancelled"
    assert [row.outcome for row in await ledger(house, turn["id"])] == ["overloaded", "cancelled"]


async def test_a_turn_that_ends_just_before_it_is_stopped_has_stopped(house: Palaver, thread: str) -> None:
    turn = await house.chat(thread, "hello")
    assert await house.deps.runner.cancel_and_wait(LOCAL, turn["id"])


async def test_deleting_a_thread_stops_its_turn_first(house: Palaver, thread: str) -> None:
    gate = house.sim.gate()
    house.sim.script(Reply(text="one two three", chunk=4, thinking="", gate=gate))
    accepted = await house.say(thread, "count")
    gate.release(1)
    await gate.reached()
    assert (await house.http.delete(f"/api/threads/{thread}")).status_code == 204
    assert (await house.http.get(f"/api/turns/{accepted['id']}")).status_code == 404
    assert (await house.http.get(f"/api/threads/{thread}")).status_code == 404
    await house.sim.idle()
    assert house.deps.runner.count == 0
    assert [row.outcome for row in await ledger(house, accepted["id"])] == ["cancelled"], (
        "the ledger forgets nothing"
    )
