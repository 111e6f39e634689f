"""Levels of the summary in the running application: merges, merges that fail, a restart, another replica, and undo."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from context.policy import DEFAULT
from tests.chat.talk import START, Talk, condensed, merges, model, summarises, talk, talking, words_of
from tests.upstream import Reply, SimClock, Simulator, faults

COMPACT = "/api/threads/t/summary/compact"
SMALL = replace(DEFAULT, floor_messages=4, summary_budget=400)
ANSWER = Reply(text="So it is, then. " * 8, thinking="")


def shortened(request: dict[str, Any]) -> Reply:
    """A summarizer that makes long lines of messages, and short ones when it merges them."""
    lines = condensed(request).splitlines()
    if merges(request):
        return Reply(text="\n".join(lines[::2]), thinking="")
    return Reply(text="\n".join(line.replace(" [", " and so on" * 14 + " [") for line in lines), thinking="")


def respond(request: dict[str, Any]) -> Reply:
    return shortened(request) if summarises(request) else ANSWER


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Talk]:
    async with talk(tmp_path) as conversation:
        conversation.sim.respond(respond)
        yield conversation


async def compact(chat: Talk, times: int, *, first: int = 0) -> dict[str, Any]:
    """Talk and compact by hand so many times, with a small summary; returns the last one."""
    object.__setattr__(chat.app.deps.deployment, "policy", SMALL)  # frozen: no setting makes it so small
    summary: dict[str, Any] = {}
    for number in range(first, first + times):
        await chat.many(3 if number else 5, first=10 * number, length=60)
        answer = await chat.app.http.post(COMPACT)
        assert answer.status_code == 200, answer.text
        summary = answer.json()
    return summary


def homes(summary: dict[str, Any]) -> list[str]:
    """The ids of the segments, oldest first."""
    return list(dict.fromkeys(line["segment"] for line in summary["lines"]))


async def test_the_third_segment_of_a_level_merges_the_two_oldest(chat: Talk) -> None:
    two = await compact(chat, 2)
    assert len(homes(two)) == 2
    assert not chat.asked(merges)
    three = await compact(chat, 1, first=2)
    (merge,) = chat.asked(merges)
    assert "CONVERSATION:\n\n" in words_of(merge.json), "no message is read twice"
    assert len(homes(three)) == 2
    assert not set(homes(two)) & set(homes(three))
    four = await compact(chat, 1, first=3)
    assert homes(four)[:2] == homes(three), "what is not merged stays as it is"
    by_id = {message["id"]: message for message in await chat.app.messages("t", limit=200)}
    for line in four["lines"]:
        said = by_id[line["sources"][0]]["parts"][0]["text"]
        assert line["text"].removeprefix("The person said: ")[:20] in said


async def test_the_cached_prefix_ends_where_the_first_merged_segment_began(chat: Talk) -> None:
    await compact(chat, 4)
    await chat.say("Go on.")
    before = [block["text"] for block in chat.asked()[-1].json["messages"][0]["content"]]
    await compact(chat, 1, first=4)
    await chat.say("Go on.")
    after = [block["text"] for block in chat.asked()[-1].json["messages"][0]["content"]]
    assert before[0] == after[0], "the segment of level 1 keeps its bytes"
    assert before[2] != after[2]


async def test_a_merge_that_fails_loses_nothing_and_is_made_up_for(chat: Talk) -> None:
    two = await compact(chat, 2)
    chat.sim.respond(lambda request: faults.overloaded() if merges(request) else respond(request))
    three = await compact(chat, 1, first=2)
    assert homes(three)[:2] == homes(two)
    assert len(homes(three)) == 3
    assert len(chat.asked(merges)) == 2, "asked twice"
    chat.sim.respond(respond)
    four = await compact(chat, 1, first=3)
    assert len(homes(four)) == 3
    assert homes(four)[1] == homes(three)[2], "the two oldest were merged, the third stands"


async def test_a_summary_does_not_grow_without_end_while_merges_fail(chat: Talk) -> None:
    chat.sim.respond(lambda request: faults.refusal(after="") if merges(request) else respond(request))
    sizes = [(await compact(chat, 1, first=number))["tokens"] for number in range(12)]
    budget = chat.app.deps.deployment.policy.summary_budget
    assert max(sizes) > budget, "or this proves nothing"
    assert max(sizes) < 2 * budget


async def test_undo_of_a_compaction_that_merged_brings_the_segments_back(chat: Talk) -> None:
    two = await compact(chat, 2)
    three = await compact(chat, 1, first=2)
    assert not set(homes(two)) & set(homes(three))
    undone = (await chat.app.http.delete("/api/threads/t/summary")).json()
    assert (undone["id"], undone["lines"]) == (two["id"], two["lines"])
    again = await chat.app.http.post(COMPACT)
    assert len(homes(again.json())) == 2


async def test_an_edited_segment_keeps_its_level(chat: Talk) -> None:
    three = await compact(chat, 3)
    lines = [dict(line) for line in three["lines"]]
    lines[0]["text"] = "Corrected by hand"
    edit = {"id": three["id"], "lines": lines}
    edited = (await chat.app.http.put("/api/threads/t/summary", json=edit)).json()
    assert homes(edited)[0] != homes(three)[0]
    four = await compact(chat, 1, first=3)
    assert homes(four)[:2] == homes(edited), "a segment of level 1 and two of level 0: nothing to merge"
    assert four["lines"][0]["text"] == "Corrected by hand"


async def test_after_a_restart_levels_go_on(tmp_path: Path) -> None:
    async with Simulator(clock=SimClock(start=START)) as sim:
        sim.respond(respond)
        async with talking(tmp_path, sim) as chat:
            two = await compact(chat, 2)
        async with talking(tmp_path, sim) as chat:
            assert await chat.summary() == two
            three = await compact(chat, 1, first=2)
            assert len(homes(three)) == 2
            assert len(chat.asked(merges)) == 1


async def test_segments_stored_before_there_were_levels_are_merged_too(chat: Talk) -> None:
    two = await compact(chat, 2)
    await chat.app.deps.database.write(
        lambda connection: connection.exec_driver_sql(
            "UPDATE summaries SET segments = json_remove(segments, '$[0].level', '$[1].level')"
        )
    )
    assert (await chat.summary())["lines"] == two["lines"]
    assert len(homes(await compact(chat, 1, first=2))) == 2
    assert len(chat.asked(merges)) == 1


async def test_branches_behind_one_summary_merge_apart(tmp_path: Path) -> None:
    async with talk(tmp_path) as chat:
        chat.sim.respond(model(lambda _: ANSWER))
        await compact(chat, 2)
        leaf = (await chat.app.messages("t", limit=200))[-1]["id"]
        tellings: dict[str, dict[str, Any]] = {}
        for name in ("left", "right"):
            await chat.say(f"{name} is where we go.", parent_id=leaf)
            await chat.many(3, length=60)
            tellings[name] = (await chat.app.http.post(COMPACT)).json()
        for name, other in (("left", "right"), ("right", "left")):
            texts = " ".join(line["text"] for line in tellings[name]["lines"])
            assert f"said: {name} is where" in texts
            assert f"{other} is where" not in texts
            assert len(homes(tellings[name])) == 2
