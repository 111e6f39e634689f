"""Going on with an answer that broke off."""

from pathlib import Path
from typing import Any

import pytest

from context.request.continuing import block
from context.request.request import digest
from tests.chat.outcomes import answer_text, finished, notes, rebuilt
from tests.chat.talk import talk
from tests.clocks import QuickClock
from tests.palaver import Palaver, palaver
from tests.sse import text_of
from tests.upstream import Reply, Simulator, faults

pytestmark = pytest.mark.asyncio(loop_scope="module")

HALF = "The first half of a sen"
REST = "tence, and the rest."


async def broken(app: Palaver, thread: str, reply: Reply | None = None) -> dict[str, Any]:
    """A turn whose answer broke off."""
    app.sim.script(reply or faults.reset_after(HALF))
    turn = await app.chat(thread, "Tell me")
    assert answer_text(turn["message"]) == HALF
    return turn


def without_ttl(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Blocks without the lifetime of their marks: it is chosen by the pauses that this server has seen, in other tests too."""
    return [
        {name: {"type": value["type"]} if name == "cache_control" else value for name, value in block.items()}
        for block in blocks
    ]


async def test_the_rest_is_put_behind_the_first_half_as_one_answer(house: Palaver, thread: str) -> None:
    turn = await broken(house, thread)
    house.sim.script(Reply(text=REST, thinking="Where was I?"))
    accepted = await house.continue_answer(thread, turn["message_id"])
    events, after = await finished(house, accepted["id"])
    assert after["status"] == "completed"
    assert text_of(events) == HALF + REST
    assert [part["type"] for part in after["message"]["parts"]] == ["text"]
    assert [event.type for event in events[:3]] == ["turn.started", "part.started", "part.delta"]
    assert after["user_message_id"] == turn["user_message_id"]
    assert after["message"]["sibling_ids"] == [turn["message_id"], after["message_id"]]
    assert answer_text((await house.turn(turn["id"]))["message"]) == HALF, "the first one stays as it was"


async def test_the_request_quotes_the_half_behind_the_last_mark_and_can_be_rebuilt(
    house: Palaver, thread: str
) -> None:
    turn = await broken(house, thread)
    accepted = await house.continue_answer(thread, turn["message_id"])
    await finished(house, accepted["id"])
    first, second = house.sim.requests
    newest = second["messages"][-1]
    assert newest["role"] == "user", "no prefill"
    assert without_ttl(newest["content"][:-1]) == without_ttl(first["messages"][-1]["content"]), "marks, too"
    assert newest["content"][-1] == {"type": "text", "text": block(HALF)}
    body, stored_digest = await rebuilt(house, accepted["id"])
    assert (body, stored_digest) == (house.sim.log[-1].body, digest(body))
    recipe = (await house.get(f"/api/turns/{accepted['id']}/context"))["plan"]["recipe"]
    assert recipe["recalled"][-1]["id"] == f"continue:{turn['message_id']}"


async def test_the_prefix_is_read_from_the_cache(tmp_path: Path) -> None:
    async with talk(tmp_path) as chat:
        await chat.many(6, length=200)
        chat.sim.script(faults.reset_after(HALF))
        turn = await chat.say("Tell me")
        cut = chat.asked()[-1]
        accepted = await chat.app.continue_answer("t", turn["message_id"])
        await finished(chat.app, accepted["id"])
        await chat.settled()
        again = chat.asked()[-1]
        prefix = cut.kinds["cache_read"] + cut.kinds["write_5m"] + cut.kinds["write_1h"]
        assert again.kinds["cache_read"] == prefix > 0
        assert again.kinds["write_5m"] == again.kinds["write_1h"] == 0


@pytest.mark.parametrize("how", ["cancelled", "length"])
async def test_whatever_stopped_it_can_be_gone_on_with(house: Palaver, thread: str, how: str) -> None:
    if how == "length":
        turn = await broken(house, thread, faults.max_tokens(HALF))
    else:
        gate = house.sim.gate()
        house.sim.script(Reply(text=HALF, thinking="", chunk=100, gate=gate))
        accepted = await house.say(thread, "Tell me")
        gate.release(1)
        await gate.reached()
        async for event in house.stream(accepted["id"]):
            if event.type == "part.delta":
                break
        await house.http.post(f"/api/turns/{accepted['id']}/cancel")
        _, turn = await finished(house, accepted["id"])
    house.sim.script(Reply(text=REST))
    _, after = await finished(house, (await house.continue_answer(thread, turn["message_id"]))["id"])
    assert answer_text(after["message"]) == HALF + REST


async def test_it_can_break_off_again_and_again(house: Palaver, thread: str) -> None:
    turn = await broken(house, thread)
    house.sim.script(faults.eof_after("tence,"), Reply(text=" and the rest."))
    _, second = await finished(house, (await house.continue_answer(thread, turn["message_id"]))["id"])
    assert (second["status"], answer_text(second["message"])) == ("failed", HALF + "tence,")
    _, third = await finished(house, (await house.continue_answer(thread, second["message_id"]))["id"])
    assert (third["status"], answer_text(third["message"])) == ("completed", HALF + REST)
    assert third["message"]["sibling_ids"] == [answer["message_id"] for answer in (turn, second, third)]


async def test_a_call_that_fails_before_the_rest_is_repeated_and_may_fall_back(
    house: Palaver, thread: str
) -> None:
    turn = await broken(house, thread)
    house.sim.script(faults.overloaded(), faults.reset_after(), Reply(text=REST))
    accepted = await house.continue_answer(thread, turn["message_id"])
    events, after = await finished(house, accepted["id"])
    assert answer_text(after["message"]) == HALF + REST
    assert len(notes(events, "retry")) == len(notes(events, "fallback")) == 1


async def test_an_answer_that_lacks_nothing_is_complete_as_it_is(house: Palaver, thread: str) -> None:
    turn = await broken(house, thread)
    house.sim.script(faults.empty())
    _, after = await finished(house, (await house.continue_answer(thread, turn["message_id"]))["id"])
    assert (after["status"], answer_text(after["message"])) == ("completed", HALF)


async def test_the_model_that_began_goes_on_unless_another_is_asked_for(house: Palaver, thread: str) -> None:
    house.sim.script(faults.reset_after(HALF))
    turn = await house.chat(thread, "Tell me", model="complex")
    _, same = await finished(house, (await house.continue_answer(thread, turn["message_id"]))["id"])
    assert same["message"]["model"] == "claude-opus-5-5"
    accepted = await house.continue_answer(thread, turn["message_id"], model="simple")
    assert (await finished(house, accepted["id"]))[1]["message"]["model"] == "claude-haiku-5-5"


async def test_the_next_turn_is_told_the_whole_answer(house: Palaver, thread: str) -> None:
    turn = await broken(house, thread)
    house.sim.script(Reply(text=REST), Reply(text="Yes."))
    await finished(house, (await house.continue_answer(thread, turn["message_id"]))["id"])
    await house.chat(thread, "Is that all?")
    messages = house.sim.requests[-1]["messages"]
    assert [block["text"] for block in messages[1]["content"]] == [HALF + REST]
    assert "answer_so_far" not in str(messages)


async def test_a_whole_answer_a_question_and_a_refused_one_cannot_be_gone_on_with(
    house: Palaver, thread: str
) -> None:
    house.sim.script(Reply(text="All of it."))
    whole = await house.chat(thread, "One")
    house.sim.script(faults.refusal(after="No more of this"))
    refused = await house.chat(thread, "Two")
    for message_id in (whole["message_id"], whole["user_message_id"], refused["message_id"]):
        answer = await house.http.post(f"/api/threads/{thread}/turns", json={"continue": message_id})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "continue")
    missing = await house.http.post(f"/api/threads/{thread}/turns", json={"continue": "nobody"})
    assert missing.status_code == 404
    both = await house.http.post(f"/api/threads/{thread}/turns", json={"continue": "a", "regenerate": "b"})
    assert both.status_code == 400


async def test_what_is_recalled_makes_way_for_the_half_that_was_said(tmp_path: Path) -> None:
    """Haiku 4.5 has room for about 89,000 tokens here: question and half fit, question and fact too, not all three."""
    settings: dict[str, Any] = {
        f"model_{tier}": "claude-haiku-4-5" for tier in ("simple", "standard", "complex")
    }
    settings |= {"max_output_tokens": 64_000, "recall_tokens": 9_000}
    fact = "The Ravensbourne bicycle combination: " + "four four one seven and so on " * 700
    question = "What was the Ravensbourne bicycle combination? " + "and so on " * 21_500
    half = "Half of what is to be said here. " * 800
    async with Simulator() as sim, palaver(tmp_path, sim, clock=QuickClock(), **settings) as app:
        await app.chat("t", fact)
        sim.script(faults.reset_after(half))
        turn = await app.chat("t", question)
        assert any(fact[:40] in request and question in request for request in map(str, sim.requests)), (
            "it is recalled"
        )
        _, after = await finished(app, (await app.continue_answer("t", turn["message_id"]))["id"])
        assert after["status"] == "completed", after["error"]
        [sent] = [request for request in map(str, sim.requests) if half in request and question in request]
        assert fact[:400] not in sent
        body, stored_digest = await rebuilt(app, after["id"])
        assert digest(body) == stored_digest
