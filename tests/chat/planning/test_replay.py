"""Exact replay: from what is stored, the bytes of every request ever sent come out again."""

from pathlib import Path
from typing import Any

import pytest

from chat.upstream.client import Timeouts
from context.request import request
from tests.chat.outcomes import rebuilt
from tests.chat.talk import START, Talk, condensed, converses, model, summarises, talking
from tests.clocks import QuickClock
from tests.palaver import Palaver, palaver
from tests.upstream import Reply, SimClock, Simulator, faults
from tests.upstream.replies import ToolCall

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_every_old_request_is_rebuilt_byte_for_byte(tmp_path: Path) -> None:
    prompt = tmp_path / "prompt.txt"
    prompt.write_text("Be brief – and kind.\n", encoding="utf-8")
    sent: dict[str, bytes] = {}
    settings: dict[str, Any] = {"window_tokens": 1_000, "system_prompt_file": prompt}

    async def say(app: Palaver, text: str, reply: Reply, **fields: Any) -> dict[str, Any]:
        app.sim.script(reply, when=converses)
        talk = Talk(app, app.sim.clock)
        turn = await talk.say(text, **fields)
        sent[turn["id"]] = talk.asked()[-1].body
        return turn

    async with Simulator() as sim:
        sim.respond(lambda call: Reply(text=condensed(call)) if summarises(call) else None)
        async with palaver(tmp_path, sim, clock=QuickClock(), timeouts=Timeouts(), **settings) as app:
            await say(app, 'hé \U0001f600 "quoted" \\ </script>', Reply(text="Ünïcödé\n\n```\ncode\n```"))
            await say(app, "cut me off", faults.eof_after("Half an ans"))
            await say(app, "refuse me", faults.refusal(after="gone"))
            await say(app, "think on", faults.max_tokens_in_thinking())
            for n in range(12):
                await say(app, f"question {n} " + "which is long " * 60, Reply(text=f"answer {n} " * 60))
            await say(app, "an edit", Reply(text="of an old one"), parent_id=None)
            await say(app, "for another model", Reply(text="by another"), model="simple")
            old = (await app.messages("t"))[-1]
            sim.script(Reply(text="anew"), when=converses)
            accepted = await app.regenerate("t", old["id"])
            await app.follow(accepted["id"])
            sent[accepted["id"]] = Talk(app, sim.clock).asked()[-1].body
            recipes = [(await app.get(f"/api/turns/{turn_id}/context"))["plan"]["recipe"] for turn_id in sent]
            assert len({recipe["first_message_id"] for recipe in recipes}) >= 3, "or this proves little"
            assert len({recipe["summary_id"] for recipe in recipes}) >= 3

        prompt.write_text("Be something else entirely.", encoding="utf-8")
        async with palaver(tmp_path, sim, clock=QuickClock(), timeouts=Timeouts(), **settings) as app:
            await say(app, "after all that", Reply(text="and with another prompt"))
            await app.http.put(f"/api/messages/{old['id']}/feedback", json={"rating": "down"})
            await app.http.patch("/api/threads/t", json={"title": "Renamed", "leaf_id": old["id"]})
            calls = len(sim.requests)
            assert len(sent) == 20
            for turn_id, body in sent.items():
                again, digest = await rebuilt(app, turn_id)
                assert again == body
                assert digest == request.digest(body)
            assert len(sim.requests) == calls, "a replay asks nobody"


async def test_requests_with_a_summary_with_recall_and_with_tools_are_rebuilt(tmp_path: Path) -> None:
    async with Simulator(clock=SimClock(start=START)) as sim:
        sim.respond(model(lambda _: Reply(text="So it is, then. " * 8, thinking="Let me see.")))
        async with talking(tmp_path, sim, window_tokens=1_500) as talk:
            sent: dict[str, bytes] = {}

            async def say(text: str) -> dict[str, Any]:
                turn = await talk.say(text)
                sent[turn["id"]] = talk.asked()[-1].body
                return turn

            await say("My parrot Aurelio was born in Valparaiso.")
            for n in range(16):
                await say(f"Note {n}: " + "it went on and on " * 12)
            recalled = await say("Where was Aurelio the parrot born?")
            asking = Reply(
                text="Let me look.", tools=(ToolCall(name="search_conversation", input={"query": "Aurelio"}),)
            )
            sim.script(asking, asking, Reply(text="In Valparaiso."), when=converses)
            last_turn = await say("And is that so?")
            plan = await talk.plan(recalled)
            assert plan["recipe"]["summary_id"] is not None
            assert plan["recipe"]["recalled"]
            assert len((await talk.plan(last_turn))["rounds"]) == 2
            newest = await talk.summary()
            edit = {"id": newest["id"], "lines": [{"text": "Something else entirely"}]}
            assert (await talk.app.http.put("/api/threads/t/summary", json=edit)).status_code == 200
        async with talking(tmp_path, sim, window_tokens=60_000) as talk:
            for turn_id, body in sent.items():
                again, digest = await rebuilt(talk.app, turn_id)
                assert again == body
                assert digest == request.digest(body)
                shown = await talk.app.get(f"/api/turns/{turn_id}/request")
                assert (shown["exact"], shown["digest"]) == (True, digest)


async def test_repeated_calls_of_a_turn_send_the_same_bytes(house: Palaver, thread: str) -> None:
    house.sim.script(faults.overloaded(), Reply(text="ok"))
    turn = await house.chat(thread, "hello")
    bodies = {entry.body for entry in house.sim.log}
    assert len(house.sim.log) == 2
    assert bodies == {(await rebuilt(house, turn["id"]))[0]}


async def test_between_cuts_each_request_is_read_from_the_cache_of_the_one_before(
    house: Palaver, thread: str
) -> None:
    read: list[int] = []
    written: list[int] = []
    for n in range(5):
        await house.chat(thread, f"question {n} " + "with some length " * 40)
        kinds = house.sim.log[-1].kinds
        read.append(kinds["cache_read"])
        written.append(kinds["write_5m"])
    assert read[0] == 0
    for n in range(1, 5):
        assert read[n] == read[n - 1] + written[n - 1], (read, written)
