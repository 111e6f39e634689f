"""Compaction in a real conversation: when it happens, what the next request looks like, and what a failure leaves behind."""

from pathlib import Path
from typing import Any

import pytest

from context.request.summary_blocks import OPENING
from tests.chat.talk import START, Talk, converses, model, summarises, talk, talking, words_of
from tests.upstream import Reply, SimClock, Simulator, faults

SMALL: dict[str, Any] = {"window_tokens": 1_000}
ANSWER = Reply(text="So it is, then. " * 8, thinking="")


def ladder_of(request: dict[str, Any]) -> str:
    """The text of the summary blocks a request opens with."""
    first = request["messages"][0]["content"]
    return "\n".join(block["text"] for block in first if block["text"].startswith(OPENING))


async def until_fold(chat: Talk, most: int = 30) -> dict[str, Any]:
    """Talk until there is a summary; returns it."""
    for number in range(most):
        await chat.many(1, first=number, length=100)
        summary = await chat.summary()
        if summary["id"] is not None:
            return summary
    raise AssertionError("no fold in all that time")


async def test_a_window_that_has_outgrown_its_cap_is_folded_behind_the_turn(tmp_path: Path) -> None:
    async with talk(tmp_path, **SMALL) as chat:
        summary = await until_fold(chat)
        messages = await chat.app.messages("t", limit=200)
        upto = [message["id"] for message in messages].index(summary["upto_message_id"])
        assert len(messages) - 1 - upto > 4, "the newest exchanges stay verbatim"
        assert all(line["sources"] for line in summary["lines"])
        assert await chat.purposes() == ["reply"] * (len(messages) // 2) + ["summary"]

        turn = await chat.say("Go on.")
        request = chat.asked()[-1].json
        assert "The person said: Note 0" in ladder_of(request)
        verbatim = words_of(request).removeprefix(ladder_of(request))
        assert messages[upto]["parts"][0]["text"] not in ladder_of(request)
        assert messages[0]["parts"][0]["text"] not in verbatim, "what was folded is not sent a second time"
        assert messages[upto + 1]["parts"][0]["text"] in verbatim
        plan = await chat.plan(turn)
        assert plan["recipe"]["summary_id"] == summary["id"]
        assert plan["recipe"]["first_message_id"] == messages[upto + 1]["id"]
        assert len(await chat.app.messages("t", limit=200)) == len(messages) + 2, (
            "nothing is lost to the reader"
        )


async def test_a_living_prefix_is_folded_when_keeping_it_has_become_dearer(tmp_path: Path) -> None:
    async with talk(tmp_path, window_tokens=200_000) as chat:
        for number in range(150):
            await chat.many(1, first=number, length=600, pause=5)
            if (await chat.summary())["id"] is not None:
                break
        turn = await chat.say("Go on.")
        plan = await chat.plan(turn)
        assert plan["recipe"]["summary_id"] is not None
        assert plan["estimate"]["total"] < 100_000, "long before the cap"
        assert all(entry.usage is not None for entry in chat.asked())


async def test_a_conversation_whose_cache_has_died_is_folded_while_it_rests(tmp_path: Path) -> None:
    async with talk(tmp_path, keepalives=False) as chat:
        await chat.many(20, length=200)
        assert (await chat.summary())["id"] is None
        before = len(chat.asked(summarises))
        await chat.rest(7_200)
        summary = await chat.summary()
        assert summary["id"] is not None
        assert len(chat.asked(summarises)) == before + 1
        await chat.rest(7_200)
        assert (await chat.summary())["id"] == summary["id"], "once is enough"
        await chat.say("I am back.")
        assert ladder_of(chat.asked()[-1].json)
        assert chat.asked()[-1].usage["input_tokens"] < 8_000  # type: ignore[index]


@pytest.mark.parametrize(
    "wrong",
    [
        Reply(text="Ignore that. Here is a poem about the sea.", thinking=""),
        Reply(text="- a line with no reference\n- another [m9999]", thinking=""),
        faults.overloaded(),
        faults.eof_after("- The person said"),
        faults.refusal(after="- no"),
        faults.max_tokens("- The person said someth"),
        faults.empty(),
    ],
    ids=["a poem", "no references", "529", "eof", "refusal", "cut", "empty"],
)
async def test_a_summariser_that_fails_is_asked_twice_and_changes_nothing(
    tmp_path: Path, wrong: Reply
) -> None:
    async with Simulator(clock=SimClock(start=START)) as sim, talking(tmp_path, sim, **SMALL) as chat:
        sim.respond(lambda request: wrong if summarises(request) else ANSWER)
        while not chat.asked(summarises):
            await chat.many(1, length=100)
        assert len(chat.asked(summarises)) == 2
        assert (await chat.summary())["id"] is None
        rows = [row for row in await chat.spent() if row["purpose"] == "summary"]
        assert len(rows) == 2
        for row, entry in zip(rows, chat.asked(summarises), strict=True):
            kinds = entry.kinds
            assert (row["thread_id"], row["turn_id"]) == ("t", None)
            assert (row["input"], row["cache_read"]) == (kinds["input"], kinds["cache_read"])
        again = await chat.say("Go on.")
        assert again["status"] == "completed"
        assert ladder_of(chat.asked()[-1].json) == ""
        assert len(chat.asked(summarises)) == 2, "the summarizer is left alone for a while"
        sim.respond(model(lambda _: ANSWER))
        sim.clock.advance(301)
        await chat.say("And on.")
        assert (await chat.summary())["id"] is not None, "the fold is found due again"


async def test_a_second_answer_of_the_summariser_is_good_enough(tmp_path: Path) -> None:
    async with talk(tmp_path, **SMALL) as chat:
        chat.sim.script(faults.server_error(), when=summarises)
        await until_fold(chat)
        rows = [row["outcome"] for row in await chat.spent() if row["purpose"] == "summary"]
        assert len(rows) == 2
        assert rows[1] == "ok" != rows[0]


async def test_a_fold_never_makes_anybody_wait(tmp_path: Path) -> None:
    async with Simulator(clock=SimClock(start=START)) as sim, talking(tmp_path, sim, **SMALL) as chat:
        gate = sim.gate()
        sim.script(Reply(text="- Held back [m1]", thinking="", gate=gate), when=summarises)
        sim.respond(model(lambda _: ANSWER))
        number = 0
        while not chat.asked(summarises):
            turn = await chat.app.chat("t", f"Note {number}: " + "we went on " * 30)
            assert turn["status"] == "completed"
            number += 1
        for more in range(3):  # the summarizer has not answered yet
            turn = await chat.app.chat("t", f"More {more}: " + "and on " * 10)
            assert turn["status"] == "completed"
            assert ladder_of(chat.asked()[-1].json) == ""
        assert len(chat.asked(summarises)) == 1, "one fold at a time"
        gate.open()
        await chat.settled()
        turn = await chat.say("And now?")
        assert turn["status"] == "completed"
        assert (await chat.summary())["id"] is not None


async def test_an_edit_before_the_boundary_uses_no_summary_of_abandoned_messages(tmp_path: Path) -> None:
    async with talk(tmp_path, **SMALL) as chat:
        await chat.say("The secret colour is vermilion.")
        await until_fold(chat)
        messages = await chat.app.messages("t", limit=200)
        await chat.say("Go on.")
        assert "vermilion" in ladder_of(chat.asked()[-1].json)

        await chat.say("The secret colour is teal.", parent_id=None)
        assert ladder_of(chat.asked()[-1].json) == ""
        assert "vermilion" not in words_of(chat.asked()[-1].json)
        second = messages[2]  # the second question, also before the boundary
        await chat.say("Instead of the second question", parent_id=second["parent_id"])
        request = chat.asked()[-1].json
        assert ladder_of(request) == ""
        assert "vermilion" in words_of(request)
        assert second["parts"][0]["text"] not in words_of(request)
        assert (await chat.summary())["id"] is None, "the visible branch has none"


async def test_two_branches_behind_one_summary_share_it_and_fold_apart(tmp_path: Path) -> None:
    async with talk(tmp_path, **SMALL) as chat:
        first = await until_fold(chat)
        one_leaf = (await chat.app.messages("t", limit=200))[-1]["id"]
        for name in ("left", "right"):
            await chat.say(f"To the {name} now.", parent_id=one_leaf)
            assert (await chat.plan(await chat.app.turn(await last_turn(chat))))["recipe"][
                "summary_id"
            ] == first["id"]
            for step in range(12):
                await chat.say(f"{name} {step}: " + "we went on with it " * 15)
            request = chat.asked()[-1].json
            other = "right" if name == "left" else "left"
            assert f"To the {other}" not in words_of(request)
            assert "The person said: Note 0" in ladder_of(request)
        right = await chat.summary()
        assert right["id"] != first["id"]
        assert not any("left" in line["text"] for line in right["lines"])
        assert len({version["upto_message_id"] for version in right["versions"]}) >= 3


async def last_turn(chat: Talk) -> str:
    """The id of the thread's newest turn."""
    turn_id = (await chat.app.messages("t"))[-1]["turn_id"]
    assert turn_id is not None
    return str(turn_id)


async def test_a_restart_between_a_fold_and_the_next_turn_changes_nothing(tmp_path: Path) -> None:
    async with Simulator(clock=SimClock(start=START)) as sim:
        sim.respond(model(lambda _: ANSWER))
        async with talking(tmp_path, sim, **SMALL) as chat:
            summary = await until_fold(chat)
        async with talking(tmp_path, sim, **SMALL) as chat:
            turn = await chat.say("Go on.")
            assert (await chat.plan(turn))["recipe"]["summary_id"] == summary["id"]
            assert ladder_of(chat.asked()[-1].json)
            second = await chat.say("And on.")
            assert chat.asked()[-1].kinds["cache_read"] > 0
            assert (await chat.plan(second))["reasons"]["summary"].startswith("stands for everything")


async def test_a_fold_that_a_stop_prevented_is_made_up_for(tmp_path: Path) -> None:
    async with Simulator(clock=SimClock(start=START)) as sim:
        sim.respond(lambda request: faults.server_error() if summarises(request) else ANSWER)
        async with talking(tmp_path, sim, **SMALL) as chat:
            while not chat.asked(summarises):
                await chat.many(1, length=100)
        sim.respond(model(lambda _: ANSWER))
        async with talking(tmp_path, sim, **SMALL) as chat:
            turn = await chat.say("Go on.")
            assert turn["status"] == "completed"
            assert (await chat.summary())["id"] is not None
            assert converses(chat.asked()[-1].json)


async def test_many_threads_fold_apart(tmp_path: Path) -> None:
    async with talk(tmp_path, **SMALL) as chat:
        for number in range(14):
            for name in ("a", "b"):
                await chat.say(f"Only {name}, {number}: " + "we went on with it " * 15, thread=name)
        for name, other in (("a", "b"), ("b", "a")):
            lines = (await chat.summary(name))["lines"]
            assert lines
            assert not any(f"Only {other}" in line["text"] for line in lines)


async def test_after_a_cache_that_died_unseen_the_window_is_folded_once_and_cached_again(
    tmp_path: Path,
) -> None:
    async with talk(tmp_path) as chat:
        await chat.many(17, length=200)
        chat.clock.advance(7_200)  # nobody looked: the server was down
        await chat.many(14, length=200, first=30)
        purposes = await chat.purposes()
        assert purposes.count("summary") <= 2, purposes
        assert (await chat.plan(await chat.say("Go on.")))["estimated_usage"]["cache_read"] > 1_000
