"""What a review of the engine's wiring found, each as the sequence of events that went wrong."""

from pathlib import Path

import pytest

from tests.chat.background.idle import PAUSE, used_to
from tests.chat.talk import converses, talk
from tests.upstream import Reply


async def test_a_line_pinned_while_an_answer_is_written_survives_the_fold_behind_it(tmp_path: Path) -> None:
    async with talk(tmp_path, window_tokens=1_000) as one:
        await one.many(12, length=100)
        for _ in range(8):
            before = await one.summary()
            assert before["id"] is not None
            gate = one.sim.gate()
            one.sim.script(Reply(text="Noted.", thinking="", gate=gate), when=converses)
            accepted = await one.app.say("t", "And another thing: " + "we went on with it " * 20)
            await gate.reached()
            lines = [{**line, "pinned": True} for line in before["lines"]]
            edit = {"id": before["id"], "lines": lines}
            assert (await one.app.http.put("/api/threads/t/summary", json=edit)).status_code == 200
            gate.open()
            await one.app.follow(accepted["id"])
            await one.settled()
            after = await one.summary()
            if after["upto_message_id"] != before["upto_message_id"]:
                break
        else:
            pytest.fail("no turn was folded behind")
        kept = [line["text"] for line in after["lines"] if line["pinned"]]
        assert kept == [line["text"] for line in lines]


async def test_a_clock_that_steps_back_spoils_no_ending(tmp_path: Path) -> None:
    async with talk(tmp_path) as one:
        await one.many(1)
        one.clock.freeze(one.clock.now - 3_600)
        turn = await one.say("And then?")
        assert turn["status"] == "completed"


async def test_a_prefix_that_no_request_will_begin_with_is_not_renewed(tmp_path: Path) -> None:
    async with talk(tmp_path) as one:
        await used_to(one, PAUSE, turns=14)
        await one.app.http.post("/api/threads/t/summary/compact")
        assert (await one.summary())["id"] is not None
        before = len(one.touches())
        await one.rest(PAUSE)
        assert len(one.touches()) == before


async def test_an_undone_summary_is_not_made_again_the_next_moment(tmp_path: Path) -> None:
    async with talk(tmp_path) as one:
        await one.many(30, length=200)
        await one.app.http.post("/api/threads/t/summary/compact")
        assert (await one.summary())["id"] is not None
        await one.app.http.delete("/api/threads/t/summary")
        one.clock.advance(4_000)
        await one.look()
        await one.say("Short.")
        assert (await one.summary())["id"] is None


async def test_a_deleted_threads_message_ids_say_nothing_about_new_words(tmp_path: Path) -> None:
    async with talk(tmp_path) as one:
        await one.app.chat("t", "hi", input={"text": "hi", "message_id": "m1"})
        await one.settled()
        await one.app.http.delete("/api/threads/t")
        long = "quite another thing " * 2_000
        turn = await one.app.chat("t", long, input={"text": long, "message_id": "m1"})
        plan = await one.plan(turn)
        assert plan["estimate"]["new"] > 2_000


async def test_a_bill_is_learned_from_once_and_kept(tmp_path: Path) -> None:
    async with talk(tmp_path) as one:
        await one.many(4)
        model = one.app.deps.deployment.tiers["standard"]
        assert one.app.deps.runtime.sizes.calibration(model).reports == 3
