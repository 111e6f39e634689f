"""What a review of the engine's wiring found, each as the sequence of events that went wrong."""

import asyncio
from pathlib import Path

from tests.chat.talk import Talk, condensed, summarises, talk, words_of
from tests.upstream import Reply

SMALL = {"window_tokens": 1_500, "recall_tokens": 0}


async def folded(one: Talk) -> None:
    """Talk until there is a summary."""
    for number in range(60):
        await one.many(1, length=60, first=number)
        if (await one.summary())["id"] is not None:
            return
    raise AssertionError("no fold in sixty turns")


async def test_a_line_pinned_while_a_fold_is_under_way_survives_it(tmp_path: Path) -> None:
    async with talk(tmp_path, **SMALL) as one:
        await folded(one)
        before = await one.summary()
        gate, asked = one.sim.gate(), len(one.asked(summarises))
        one.sim.respond(
            lambda request: (
                Reply(text=condensed(request), thinking="", gate=gate)
                if summarises(request)
                else Reply(text="Noted.", thinking="")
            )
        )
        number = 100
        while len(one.asked(summarises)) == asked:
            turn = await one.app.chat("t", f"More {number} " + "of the same again " * 20)
            assert turn["status"] == "completed"
            one.clock.advance(20)
            number += 1
            for _ in range(50):
                await asyncio.sleep(0.01)
                if len(one.asked(summarises)) > asked:
                    break
        lines = [{**line, "pinned": True} for line in before["lines"]]
        edited = await one.app.http.put("/api/threads/t/summary", json={"id": before["id"], "lines": lines})
        assert edited.status_code == 200, edited.text
        gate.open()
        await one.settled()
        one.clock.advance(400)
        await one.many(2, length=60, first=number)
        kept = [line["text"] for line in (await one.summary())["lines"] if line["pinned"]]
        assert kept == [line["text"] for line in lines]


async def test_a_clock_that_steps_back_spoils_no_ending(tmp_path: Path) -> None:
    async with talk(tmp_path) as one:
        await one.many(1)
        one.clock.freeze(one.clock.now - 3_600)
        turn = await one.say("And then?")
        assert turn["status"] == "completed"


async def test_a_prefix_that_no_request_will_begin_with_is_not_renewed(tmp_path: Path) -> None:
    async with talk(tmp_path) as one:
        await one.many(24, length=200)
        assert (await one.app.http.post("/api/threads/t/summary/fold")).status_code == 200
        assert (await one.summary())["id"] is not None
        await one.rest(3_000)
        assert one.touches() == []


async def test_an_undone_summary_is_not_made_again_by_the_next_turn(tmp_path: Path) -> None:
    async with talk(tmp_path, **SMALL) as one:
        await folded(one)
        await one.app.http.delete("/api/threads/t/summary")
        one.clock.advance(4_000)
        await one.look()
        await one.say("Short.")
        assert "of ours" in words_of(one.asked()[-1].json)


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
        assert one.app.deps.deployment.sizes.calibration(model).reports == 3
