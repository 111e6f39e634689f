"""The summary as its user sees it: read, corrected, pinned, undone, made by hand."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection

from tests.chat.talk import Talk, summarises, talk, words_of
from tests.upstream import Reply, faults

FOLD = "/api/threads/t/summary/compact"
SUMMARY = "/api/threads/t/summary"


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Talk]:
    """A conversation of twelve exchanges that is compacted only by hand."""
    async with talk(tmp_path) as conversation:
        await conversation.say("I am allergic to walnuts.")
        await conversation.many(11, length=20)
        yield conversation


async def compacted(chat: Talk) -> dict[str, Any]:
    """The summary after a compaction by hand."""
    answer = await chat.app.http.post(FOLD)
    assert answer.status_code == 200, answer.text
    summary: dict[str, Any] = answer.json()
    assert summary["id"] is not None
    return summary


async def put(chat: Talk, summary_id: str, *lines: dict[str, Any]) -> httpx.Response:
    return await chat.app.http.put(SUMMARY, json={"id": summary_id, "lines": list(lines)})


def lines_of(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines of a summary as they are sent back unchanged."""
    return [dict(line) for line in summary["lines"]]


async def test_a_thread_without_a_summary_says_so(chat: Talk) -> None:
    assert await chat.summary() == {
        "id": None,
        "upto_message_id": None,
        "tokens": 0,
        "segments": [],
        "lines": [],
        "facts": [],
        "past_facts": [],
        "versions": [],
    }
    assert (await chat.app.http.delete(SUMMARY)).status_code == 404


async def test_a_fold_by_hand_tells_each_line_with_its_sources(chat: Talk) -> None:
    summary = await compacted(chat)
    by_id = {message["id"]: message for message in await chat.app.messages("t", limit=200)}
    assert summary["upto_message_id"] in by_id
    assert summary["tokens"] > 0
    assert summary["lines"][0]["text"] == "The person said: I am allergic to walnuts."
    for line in summary["lines"]:
        (source,) = line["sources"]
        assert line["text"].removeprefix("The person said: ")[:20] in by_id[source]["parts"][0]["text"]
        assert line["pinned"] is False
    (version,) = summary["versions"]
    assert (version["id"], version["origin"], version["active"]) == (summary["id"], "model", True)
    assert await chat.summary() == summary
    again = await chat.app.http.post(FOLD)
    assert again.json() == summary, "there is nothing left to fold"
    assert len(chat.asked(summarises)) == 1


async def test_a_fold_by_hand_waits_for_no_answer_that_is_being_written(chat: Talk) -> None:
    chat.sim.script(Reply(hold=True))
    accepted = await chat.app.say("t", "Tell me more.")
    answer = await chat.app.http.post(FOLD)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "thread_busy")
    chat.sim.held.open()
    await chat.app.follow(accepted["id"])


async def test_a_fold_by_hand_that_fails_changes_nothing(chat: Talk) -> None:
    chat.sim.script(faults.overloaded(), Reply(text="no lines", thinking=""), when=summarises)
    answer = await chat.app.http.post(FOLD)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert "nothing was changed" in answer.json()["error"]["message"]
    assert (await chat.summary())["id"] is None
    assert (await chat.purposes()).count("summary") == 2


async def test_a_corrected_line_is_what_the_model_is_told_from_then_on(chat: Talk) -> None:
    before = await compacted(chat)
    lines = lines_of(before)
    lines[0]["text"] = "The person is allergic to hazelnuts, not walnuts"
    del lines[1]
    answer = await put(chat, before["id"], *lines)
    assert answer.status_code == 200, answer.text
    after = answer.json()
    assert after["id"] != before["id"]
    assert [line["text"] for line in after["lines"]] == [line["text"] for line in lines]
    assert after["lines"][0]["sources"] == before["lines"][0]["sources"]
    assert [(version["origin"], version["active"]) for version in after["versions"]] == [
        ("user", True),
        ("model", False),
    ]
    turn = await chat.say("What must I not eat?")
    prompt = words_of(chat.asked()[-1].json)
    assert "hazelnuts, not walnuts" in prompt
    assert "I am allergic to walnuts" not in prompt.split("\n\n")[0]
    assert (await chat.plan(turn))["recipe"]["summary_id"] == after["id"]


async def test_a_new_line_needs_no_source_and_may_be_pinned(chat: Talk) -> None:
    before = await compacted(chat)
    answer = await put(
        chat, before["id"], *lines_of(before), {"text": "Always answer in French", "pinned": True}
    )
    assert answer.status_code == 200, answer.text
    line = answer.json()["lines"][-1]
    assert (line["text"], line["pinned"]) == ("Always answer in French", True)
    assert line["sources"] == [before["upto_message_id"]]


def wordy(request: dict[str, Any]) -> Reply:
    """A summarizer that uses all the room it has."""
    if not summarises(request):
        return Reply(text="So it is, then. " * 8, thinking="")
    return Reply(text="\n".join(f"- {n} " + "padding here " * 30 + "[m1]" for n in range(20)), thinking="")


async def test_a_pinned_line_survives_every_merge_word_for_word(chat: Talk) -> None:
    pinned = {"text": "The code word is  Zephyr-9", "pinned": True}
    chat.sim.respond(wordy)
    homes: list[str] = []
    for number in range(6):
        await chat.many(11, first=100 * number, length=300)
        summary = await compacted(chat)
        if number == 1:
            summary = (await put(chat, summary["id"], *lines_of(summary), pinned)).json()
        if number >= 1:
            (pinned_line,) = (line for line in summary["lines"] if line["text"] == pinned["text"])
            assert pinned_line["pinned"] is True
            homes.append(pinned_line["segment"])
    assert len(set(homes)) > 1, "the segment it stood in was rewritten, or this proves nothing"
    assert any("PINNED The code word" in words_of(entry.json) for entry in chat.asked(summarises))


async def test_undo_restores_what_was_before(chat: Talk) -> None:
    first = await compacted(chat)
    lines = lines_of(first)
    lines[0]["text"] = "Something else"
    second = (await put(chat, first["id"], *lines)).json()
    answer = await chat.app.http.delete(SUMMARY)
    assert answer.status_code == 200
    assert (answer.json()["id"], answer.json()["lines"]) == (first["id"], first["lines"])
    answer = await chat.app.http.delete(SUMMARY)
    assert answer.json()["id"] is None
    assert {version["id"] for version in answer.json()["versions"]} == {first["id"], second["id"]}
    assert not any(version["active"] for version in answer.json()["versions"])
    turn = await chat.say("What did I say first?")
    assert "I am allergic to walnuts." in words_of(chat.asked()[-1].json), "it is told verbatim again"
    assert (await chat.plan(turn))["recipe"]["summary_id"] is None


async def test_undoing_a_later_fold_goes_back_to_the_earlier_one(chat: Talk) -> None:
    first = await compacted(chat)
    await chat.many(14, length=20, first=50)
    second = await compacted(chat)
    assert second["upto_message_id"] != first["upto_message_id"]
    answer = await chat.app.http.delete(SUMMARY)
    assert (answer.json()["id"], answer.json()["upto_message_id"]) == (first["id"], first["upto_message_id"])


async def test_a_correction_of_an_old_version_is_refused(chat: Talk) -> None:
    first = await compacted(chat)
    lines = lines_of(first)
    lines[0]["text"] = "Something else"
    assert (await put(chat, first["id"], *lines)).status_code == 200
    for stale in (first["id"], "sum_nothing"):
        answer = await put(chat, stale, *lines)
        assert answer.status_code == 404
        assert answer.json()["error"]["param"] == "id"
    assert (await chat.summary())["lines"][0]["text"] == "Something else"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"text": ""}, "lines.0.text"),
    ({"text": "   "}, "lines.0.text"),
    ({"text": "two\nlines"}, "lines.0.text"),
    ({"text": "x" * 601}, "lines.0.text"),
    ({"text": 7}, "lines.0.text"),
    ({"sources": "m1"}, "lines.0.sources"),
    ({"pinned": "very"}, "lines.0.pinned"),
    ({"segment": "seg_nothing"}, "lines.0.segment"),
    ({"colour": "red"}, "lines.0.colour"),
]


async def test_a_wrong_field_is_named(chat: Talk) -> None:
    summary = await compacted(chat)
    for change, param in WRONG:
        lines = lines_of(summary)
        lines[0] |= change
        answer = await put(chat, summary["id"], *lines)
        assert answer.status_code == 400, answer.text
        assert answer.json()["error"]["param"] == param
    assert await chat.summary() == summary


async def test_a_summary_cannot_be_emptied_by_correcting_it(chat: Talk) -> None:
    summary = await compacted(chat)
    answer = await put(chat, summary["id"])
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "lines")
    assert await chat.summary() == summary


async def test_nobody_sees_a_summary_of_a_thread_that_is_not_there(chat: Talk) -> None:
    summary = await compacted(chat)
    http = chat.app.http
    edit = {"id": summary["id"], "lines": lines_of(summary)}
    for answer in (
        await http.get("/api/threads/other/summary"),
        await http.put("/api/threads/other/summary", json=edit),
        await http.delete("/api/threads/other/summary"),
        await http.post("/api/threads/other/summary/compact"),
        await http.post("/api/threads/other/presence", json={"state": "open"}),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    await chat.say("Another thread altogether.", thread="other")
    answer = await http.put("/api/threads/other/summary", json=edit)
    assert answer.status_code == 404, "a summary of one thread corrects no other"
    assert (await chat.summary("other"))["id"] is None
    assert await chat.summary() == summary


async def test_a_summary_belongs_to_its_owner(chat: Talk) -> None:
    summary = await compacted(chat)

    def write(connection: Connection) -> None:
        connection.exec_driver_sql("INSERT INTO users (id, name, created_at) VALUES ('eve', 'Eve', 1)")
        connection.exec_driver_sql(
            "INSERT INTO threads (owner_id, id, title, meta, created_at, updated_at, answered_pk, read_pk) "
            "VALUES ('eve', 'hers', 'Hers', '{}', 1, 1, 0, 0)"
        )

    await chat.app.deps.database.write(write)
    for answer in (
        await chat.app.http.get("/api/threads/hers/summary"),
        await chat.app.http.post("/api/threads/hers/summary/compact"),
        await chat.app.http.put(
            "/api/threads/hers/summary", json={"id": summary["id"], "lines": lines_of(summary)}
        ),
    ):
        assert answer.status_code == 404
