"""Long replies sent as their beginning, in the running application: sent, rebuilt, summarized whole, recalled, searched, edited, undone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from context.request.shortened import NOTE
from tests.chat.talk import START, Talk, condensed, converses, search, summarises, talk, talking, words_of
from tests.upstream import Reply, SimClock, Simulator

SUMMARY = "/api/threads/t/summary"
DAY = 26 * 3_600.0
PROSE = "The barge goes on slowly past the willows and the locks of that river. " * 9
SECRETS = ("Ravensbourne", "Quaggy", "Effra", "Neckinger", "Wandle", "Moselle", "Peck", "Falcon")


def answer(number: int) -> str:
    """A long answer, with a word of its own at its end."""
    paragraphs = "\n\n".join(f"Part {number}.{part}. {PROSE}" for part in range(8))
    return f"{paragraphs}\n\nThe barge number {number} is chained behind the {SECRETS[number % 8]} library."


class Answers:
    """A model that gives long answers, a new one each time, and summarizes when asked to."""

    def __init__(self) -> None:
        self.given = 0

    def __call__(self, request: dict[str, Any]) -> Reply:
        if summarises(request):
            return Reply(text=condensed(request), thinking="")
        self.given += 1
        return Reply(text=answer(self.given - 1), thinking="")


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Talk]:
    async with talk(tmp_path) as conversation:
        conversation.sim.respond(Answers())
        yield conversation


async def spoken(chat: Talk, turns: int, *, first: int = 0) -> dict[str, Any]:
    """So many turns a day apart; returns the last."""
    turn: dict[str, Any] = {}
    for number in range(first, first + turns):
        turn = await chat.say(f"Tell me about barge {number}.")
        assert turn["status"] == "completed", turn["error"]
        await chat.rest(DAY)
    return turn


def texts(request: dict[str, Any]) -> list[tuple[str, str]]:
    """Role and text of each block of the messages."""
    return [(turn["role"], block["text"]) for turn in request["messages"] for block in turn["content"]]


def last_request(chat: Talk) -> dict[str, Any]:
    request: dict[str, Any] = chat.asked(converses)[-1].json
    return request


async def rebuilt(chat: Talk, turn: dict[str, Any]) -> dict[str, Any]:
    """The turn's request, rebuilt exactly."""
    request: dict[str, Any] = await chat.app.get(f"/api/turns/{turn['id']}/request")
    assert request["exact"]
    return request


async def test_an_old_long_reply_is_sent_as_its_beginning_and_the_person_says_so(chat: Talk) -> None:
    turn = await spoken(chat, 5)
    sent = texts(last_request(chat))
    short, whole = (text for role, text in sent if role == "assistant")
    assert answer(2).startswith(short)
    assert short.endswith(PROSE.rstrip()), "it ends with a paragraph"
    assert len(short) < len(answer(2)) / 3
    assert whole == answer(3)
    assert [text for role, text in sent if NOTE in text] == [f"{NOTE}\n\nTell me about barge 3."]
    request = await rebuilt(chat, turn)
    assert request["request"] == last_request(chat)
    report = (await chat.app.get(f"/api/turns/{turn['id']}/context"))["plan"]
    (row,) = report["shortened"]
    assert row["saved"] > 500
    assert row["tokens"] < 320
    assert "sent as the beginning only" in report["reasons"]["shortened"]
    messages = await chat.app.messages("t", limit=200)
    assert next(each for each in messages if each["id"] == row["message_id"])["parts"][0]["text"] == answer(2)


async def test_the_summarizer_reads_all_of_it(chat: Talk) -> None:
    await spoken(chat, 6)
    shown = "\n".join(words_of(asked.json) for asked in chat.asked(summarises))
    for number in range(4):
        assert f"behind the {SECRETS[number]} library" in shown
    assert NOTE not in shown


async def test_what_was_cut_is_recalled_when_somebody_asks_for_it(chat: Talk) -> None:
    await spoken(chat, 5)
    turn = await chat.say("Which library is barge number 3 chained behind? Was it the Neckinger library?")
    sent = texts(last_request(chat))
    windows = [text for role, text in sent if role == "assistant"]
    assert "Neckinger" not in "".join(windows), "or this proves nothing"
    recalled = sent[-1][1]
    assert "chained behind the Neckinger library" in recalled
    assert f"Part 3.0. {PROSE[:40]}" not in recalled, "what is in the window is not sent again"
    await rebuilt(chat, turn)


@pytest.mark.usefixtures("search_offered")
async def test_the_search_tool_finds_what_was_cut(chat: Talk) -> None:
    await spoken(chat, 5)
    given = Answers()

    def respond(request: dict[str, Any]) -> Reply:
        if summarises(request) or "tools" not in request or "tool_result" in str(request["messages"][-1]):
            return given(request)
        return search("Neckinger library barge")

    chat.sim.respond(respond)
    turn = await chat.say("And where is that one again?")
    assert "tools" in last_request(chat)
    assert "Neckinger" in words_of(last_request(chat))
    await rebuilt(chat, turn)


async def test_an_edit_of_the_summary_leaves_the_window_as_it_is(chat: Talk) -> None:
    await spoken(chat, 5)
    summary = await chat.summary()
    lines = [dict(line) for line in summary["lines"]]
    lines[0]["text"] = "Corrected by hand"
    assert (await chat.app.http.put(SUMMARY, json={"id": summary["id"], "lines": lines})).status_code == 200
    turn = await chat.say("Go on.")
    sent = texts(last_request(chat))
    assert "Corrected by hand" in sent[0][1]
    assert any(NOTE in text for _, text in sent)
    await rebuilt(chat, turn)


async def test_after_an_undo_the_replies_are_as_long_as_they_were(chat: Talk) -> None:
    turn = await spoken(chat, 5)
    before = await rebuilt(chat, turn)
    await chat.app.http.delete(SUMMARY)
    again = await chat.say("Go on.")
    sent, then = texts(last_request(chat)), texts(before["request"])
    assert sent[: len(then)] == then[: len(then)], "the summary before stands again, and its short replies"
    await rebuilt(chat, again)
    while (await chat.summary())["id"] is not None:
        await chat.app.http.delete(SUMMARY)
    last = await chat.say("Go on.")
    assert NOTE not in words_of(last_request(chat))
    assert [text for role, text in texts(last_request(chat)) if role == "assistant"][2] == answer(2)
    assert await rebuilt(chat, turn) == before, "an old request stays what it was"
    await rebuilt(chat, last)


async def test_a_branch_that_leaves_before_the_whole_reply_has_the_reply_above_it_whole(chat: Talk) -> None:
    turn = await spoken(chat, 5)
    path = await chat.app.messages("t", limit=200)
    assert turn["id"]
    # Behind the reply that is short, which is the newest there.
    (row,) = (await chat.app.get(f"/api/turns/{turn['id']}/context"))["plan"]["shortened"]
    branch = await chat.say("Another question.", parent_id=row["message_id"])
    replies = [text for role, text in texts(last_request(chat)) if role == "assistant"]
    assert replies[-1] == next(each for each in path if each["id"] == row["message_id"])["parts"][0]["text"]
    await rebuilt(chat, branch)


async def test_after_a_restart_they_are_as_short_as_before(tmp_path: Path) -> None:
    async with Simulator(clock=SimClock(start=START)) as sim:
        sim.respond(Answers())
        async with talking(tmp_path, sim) as chat:
            await spoken(chat, 5)
            before = texts(last_request(chat))
        async with talking(tmp_path, sim) as chat:
            turn = await chat.say("Go on.")
            assert any(NOTE in text for _, text in texts(last_request(chat)))
            assert any(NOTE in text for _, text in before)
            await rebuilt(chat, turn)
