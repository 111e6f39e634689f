"""Exact replay: from what is stored, the bytes of every request ever sent come out again."""

from pathlib import Path
from typing import Any

import pytest

from chat.upstream.client import Timeouts
from context import request
from context.plan import Recipe
from store import messages, prompts, turns
from store.users import LOCAL
from tests.clocks import QuickClock
from tests.palaver import Palaver, palaver
from tests.upstream import Reply, Simulator, faults

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def rebuilt(app: Palaver, turn_id: str) -> tuple[bytes, str]:
    """The request of a turn, made from its recipe and the messages it names; and the digest stored with it."""
    async with app.deps.database.reading() as connection:
        turn = await turns.get(connection, LOCAL, turn_id)
        assert turn is not None
        assert turn.plan is not None
        recipe = Recipe.from_json(turn.plan["recipe"])
        branch = await messages.branch(
            connection,
            LOCAL,
            turn.thread_id,
            recipe.last_message_id,
            rows=10_000,
            stop_at=recipe.first_message_id,
        )
        prompt = await prompts.get(connection, recipe.prompt_digest)
    assert prompt is not None
    return request.build(recipe, prompt.text, [one.message for one in branch]), turn.plan["digest"]


async def test_every_old_request_is_rebuilt_byte_for_byte(tmp_path: Path) -> None:
    prompt = tmp_path / "prompt.txt"
    prompt.write_text("Be brief – and kind.\n", encoding="utf-8")
    sent: dict[str, bytes] = {}
    settings: dict[str, Any] = {"window_tokens": 1_000, "system_prompt_file": prompt}

    async def say(app: Palaver, text: str, reply: Reply, **fields: Any) -> dict[str, Any]:
        app.sim.script(reply)
        before = len(app.sim.log)
        turn = await app.chat("t", text, **fields)
        calls = list(app.sim.log)[before:]
        sent[turn["id"]] = calls[-1].body
        return turn

    async with Simulator() as sim:
        async with palaver(tmp_path, sim, clock=QuickClock(), timeouts=Timeouts(), **settings) as app:
            await say(app, 'hé \U0001f600 "quoted" \\ </script>', Reply(text="Ünïcödé\n\n```\ncode\n```"))
            await say(app, "cut me off", faults.eof_after("Half an ans"))
            await say(app, "refuse me", faults.refusal(after="gone"))
            await say(app, "think on", faults.max_tokens_in_thinking())
            for n in range(6):
                await say(app, f"question {n} " + "which is long " * 60, Reply(text=f"answer {n} " * 60))
            await say(app, "an edit", Reply(text="of an old one"), parent_id=None)
            await say(app, "for another model", Reply(text="by another"), model="simple")
            old = (await app.messages("t"))[-1]
            app.sim.script(Reply(text="anew"))
            accepted = await app.regenerate("t", old["id"])
            await app.follow(accepted["id"])
            sent[accepted["id"]] = sim.log[-1].body
            starts = {
                (await app.get(f"/api/turns/{turn_id}/context"))["plan"]["recipe"]["first_message_id"]
                for turn_id in sent
            }
            assert len(starts) >= 3, "the window moved, or this proves little"

        prompt.write_text("Be something else entirely.", encoding="utf-8")
        async with palaver(tmp_path, sim, clock=QuickClock(), timeouts=Timeouts(), **settings) as app:
            await say(app, "after all that", Reply(text="and with another prompt"))
            await app.http.put(f"/api/messages/{old['id']}/feedback", json={"rating": "down"})
            await app.http.patch("/api/threads/t", json={"title": "Renamed", "leaf_id": old["id"]})
            calls = len(sim.requests)
            assert len(sent) == 14
            for turn_id, body in sent.items():
                again, digest = await rebuilt(app, turn_id)
                assert again == body
                assert digest == request.digest(body)
            assert len(sim.requests) == calls, "a replay asks nobody"


async def test_repeated_calls_of_a_turn_send_the_same_bytes(house: Palaver, thread: str) -> None:
    house.sim.script(faults.overloaded(), faults.server_error(), Reply(text="ok"))
    turn = await house.chat(thread, "hello")
    bodies = {entry.body for entry in house.sim.log}
    assert len(house.sim.log) == 3
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
