"""What a review of the engine's wiring found, each as the sequence of events that went wrong."""

from pathlib import Path
from typing import Any

import pytest

from tests.chat.background.idle import PAUSE, used_to
from tests.chat.talk import Talk, converses, talk
from tests.upstream import Reply


async def test_a_line_pinned_while_an_answer_is_written_survives_the_fold_behind_it(tmp_path: Path) -> None:
    async with talk(tmp_path, window_tokens=1_000) as chat:
        await chat.many(12, length=100)
        for _ in range(8):
            before = await chat.summary()
            assert before["id"] is not None
            gate = chat.sim.gate()
            chat.sim.script(Reply(text="Noted.", thinking="", gate=gate), when=converses)
            accepted = await chat.app.say("t", "And another thing: " + "we went on with it " * 20)
            await gate.reached()
            lines = [{**line, "pinned": True} for line in before["lines"]]
            edit = {"id": before["id"], "lines": lines}
            assert (await chat.app.http.put("/api/threads/t/summary", json=edit)).status_code == 200
            gate.open()
            await chat.app.follow(accepted["id"])
            await chat.settled()
            after = await chat.summary()
            if after["upto_message_id"] != before["upto_message_id"]:
                break
        else:
            pytest.fail("no turn was folded behind")
        pinned = [line["text"] for line in after["lines"] if line["pinned"]]
        assert pinned == [line["text"] for line in lines]


async def test_a_clock_that_steps_back_spoils_no_ending(tmp_path: Path) -> None:
    async with talk(tmp_path) as chat:
        await chat.many(1)
        chat.clock.freeze(chat.clock.now - 3_600)
        turn = await chat.say("And then?")
        assert turn["status"] == "completed"


async def test_a_prefix_that_no_request_will_begin_with_is_not_renewed(tmp_path: Path) -> None:
    async with talk(tmp_path) as chat:
        await used_to(chat, PAUSE, turns=14)
        await chat.app.http.post("/api/threads/t/summary/compact")
        assert (await chat.summary())["id"] is not None
        before = len(chat.touches())
        await chat.rest(PAUSE)
        assert len(chat.touches()) == before


async def test_an_undone_summary_is_not_made_again_the_next_moment(tmp_path: Path) -> None:
    async with talk(tmp_path) as chat:
        await chat.many(20, length=200)
        assert (await chat.summary())["id"] is None, "nothing was compacted by itself so far"
        await chat.app.http.post("/api/threads/t/summary/compact")
        assert (await chat.summary())["id"] is not None
        await chat.app.http.delete("/api/threads/t/summary")
        chat.clock.advance(4_000)
        await chat.look()
        await chat.say("Short.")
        assert (await chat.summary())["id"] is None


async def undone_behind_another(chat: Talk) -> dict[str, Any]:
    """Undo a summary that was asked for. Returns the earlier one, which stands again."""
    await chat.many(30, length=200)
    earlier = await chat.summary()
    assert earlier["id"] is not None, "compacted by itself"
    await chat.app.http.post("/api/threads/t/summary/compact")
    assert (await chat.summary())["id"] != earlier["id"]
    await chat.app.http.delete("/api/threads/t/summary")
    assert (await chat.summary())["id"] == earlier["id"]
    return earlier


async def come_back(chat: Talk) -> None:
    """Let the caches end, and say something: a compaction that is due is made now."""
    chat.clock.advance(4_000)
    await chat.look()
    await chat.say("Short.")


async def test_behind_an_earlier_summary_what_was_undone_is_not_made_again_either(tmp_path: Path) -> None:
    async with talk(tmp_path) as chat:
        earlier = await undone_behind_another(chat)
        await come_back(chat)
        assert (await chat.summary())["id"] == earlier["id"]


async def test_what_was_undone_stays_undone_when_the_summary_before_it_is_corrected(tmp_path: Path) -> None:
    async with talk(tmp_path) as chat:
        earlier = await undone_behind_another(chat)
        lines = [{**line, "pinned": True} for line in earlier["lines"]]
        edit = {"id": earlier["id"], "lines": lines}
        assert (await chat.app.http.put("/api/threads/t/summary", json=edit)).status_code == 200
        await come_back(chat)
        assert (await chat.summary())["upto_message_id"] == earlier["upto_message_id"]


async def test_what_was_undone_stays_undone_when_another_branch_is_summarized(tmp_path: Path) -> None:
    async with talk(tmp_path) as chat:
        earlier = await undone_behind_another(chat)
        leaf = (await chat.app.messages("t", limit=1))[-1]["id"]
        await chat.say("Another way.", parent_id=None)
        await chat.many(20, length=200)
        await chat.app.http.post("/api/threads/t/summary/compact")
        assert (await chat.summary())["id"] not in (None, earlier["id"])
        await chat.app.http.patch("/api/threads/t", json={"leaf_id": leaf})
        await come_back(chat)
        assert (await chat.summary())["id"] == earlier["id"]


async def test_a_window_above_its_cap_is_compacted_although_somebody_undid_the_summary(
    tmp_path: Path,
) -> None:
    async with talk(tmp_path, window_tokens=1_000) as chat:
        await chat.many(12, length=100)
        undone = (await chat.summary())["upto_message_id"]
        assert undone is not None
        assert (await chat.app.http.delete("/api/threads/t/summary")).status_code == 200
        assert (await chat.summary())["upto_message_id"] != undone
        await chat.many(3, length=100)
        messages = [message["id"] for message in await chat.app.messages("t")]
        again = (await chat.summary())["upto_message_id"]
        assert messages.index(again) >= messages.index(undone), "or messages would be left out of the window"


async def test_a_deleted_threads_message_ids_say_nothing_about_new_words(tmp_path: Path) -> None:
    async with talk(tmp_path) as chat:
        await chat.app.chat("t", "hi", input={"text": "hi", "message_id": "m1"})
        await chat.settled()
        await chat.app.http.delete("/api/threads/t")
        long = "quite another thing " * 2_000
        turn = await chat.app.chat("t", long, input={"text": long, "message_id": "m1"})
        plan = await chat.plan(turn)
        assert plan["estimate"]["new"] > 2_000


async def test_a_bill_is_learned_from_once_and_kept(tmp_path: Path) -> None:
    async with talk(tmp_path) as chat:
        await chat.many(4)
        model = chat.app.deps.deployment.tiers["standard"]
        # The first bill, of the whole prompt, and the differences of the next three.
        assert chat.app.deps.runtime.sizes.calibration(model).reports == 4
