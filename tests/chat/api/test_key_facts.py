"""Key facts in the running application: written at a compaction, sent, superseded, corrected by a person, undone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from context.policy import DEFAULT
from context.request.key_facts import FACTS_OPENING
from tests.chat.talk import START, Talk, condensed, summarises, talk, talking, words_of
from tests.upstream import Reply, SimClock, Simulator

SUMMARY = "/api/threads/t/summary"
FACTS = [
    "= identifier; order: 4711 [m1]\n= instruction; answers: in French [m3]",
    "= identifier; order: 4712 [m2]",
]


class Facts:
    """A summarizer that writes the next of some key facts at each compaction."""

    def __init__(self) -> None:
        self.left = list(FACTS)

    def __call__(self, request: dict[str, Any]) -> Reply:
        if not summarises(request):
            return Reply(text="So it is, then. ", thinking="")
        facts = self.left.pop(0) if self.left else ""
        return Reply(text=f"{facts}\n{condensed(request)}", thinking="")


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Talk]:
    async with talk(tmp_path) as conversation:
        conversation.sim.respond(Facts())
        yield conversation


async def compacted(chat: Talk, first: int = 0) -> dict[str, Any]:
    """The summary after some talk and a compaction by hand."""
    object.__setattr__(chat.app.deps.deployment, "policy", replace(DEFAULT, floor_messages=4))
    await chat.many(5 if not first else 2, first=first, length=20)
    answer = await chat.app.http.post(f"{SUMMARY}/compact")
    assert answer.status_code == 200, answer.text
    summary: dict[str, Any] = answer.json()
    return summary


def texts(facts: list[dict[str, Any]]) -> list[str]:
    return [f"{fact['kind']}; {fact['subject']}: {fact['value']}" for fact in facts]


async def test_key_facts_are_sent_behind_the_summary_and_superseded(chat: Talk) -> None:
    first = await compacted(chat)
    assert texts(first["facts"]) == ["identifier; order: 4711", "instruction; answers: in French"]
    messages = [message["id"] for message in await chat.app.messages("t", limit=200)]
    assert first["facts"][0]["sources"] == [messages[0]]
    await chat.say("Go on.")
    blocks = [block["text"] for block in chat.asked()[-1].json["messages"][0]["content"]]
    table = f"{FACTS_OPENING}\n- identifier; order: 4711\n- instruction; answers: in French"
    assert blocks[len(first["segments"])] == table

    second = await compacted(chat, first=50)
    asked = words_of(chat.asked(summarises)[-1].json)
    assert asked.startswith(
        "KEY FACTS:\n= identifier; order: 4711 [m1]\n= instruction; answers: in French [m2]"
    )
    assert texts(second["facts"]) == ["instruction; answers: in French", "identifier; order: 4712"]
    (past,) = second["past_facts"]
    assert (past["fact"]["value"], past["reason"], past["by"]["value"]) == ("4711", "replaced", "4712")
    third = await compacted(chat, first=60)
    assert third["facts"] == second["facts"], "they outlive a compaction that says nothing of them"

    undone = (await chat.app.http.delete(SUMMARY)).json()
    assert undone["facts"] == second["facts"]
    turn = await chat.say("And?")
    context = await chat.app.get(f"/api/turns/{turn['id']}/request")
    assert "order: 4712" in str(context), "the request is rebuilt with them"


async def test_a_person_corrects_pins_adds_and_removes_key_facts(chat: Talk) -> None:
    summary = await compacted(chat)
    order, answers = summary["facts"]
    edit = {
        "id": summary["id"],
        "lines": summary["lines"],
        "facts": [
            order | {"value": "4799", "pinned": True},
            {"kind": "name", "subject": "dog", "value": "Rex"},
        ],
    }
    answer = await chat.app.http.put(SUMMARY, json=edit)
    assert answer.status_code == 200, answer.text
    after = answer.json()
    assert texts(after["facts"]) == ["identifier; order: 4799", "name; dog: Rex"]
    assert after["facts"][1]["sources"] == [summary["upto_message_id"]]
    assert [(past["fact"]["value"], past["reason"]) for past in after["past_facts"]] == [
        ("4711", "edited"),
        (answers["value"], "removed"),
    ]
    second = await compacted(chat, first=50)
    assert "identifier; order: 4799" in texts(second["facts"]), "the summarizer wrote 4712"
    assert second["past_facts"][-1]["reason"] == "pinned"
    kept = (await chat.app.http.put(SUMMARY, json={"id": second["id"], "lines": second["lines"]})).json()
    assert kept["facts"] == second["facts"], "an edit of the lines alone leaves them"


WRONG: list[tuple[list[dict[str, Any]], str]] = [
    ([{"kind": "rumor", "subject": "a", "value": "b"}], "facts.0.kind"),
    ([{"kind": "name", "subject": "a:b", "value": "b"}], "facts.0.subject"),
    ([{"kind": "name", "subject": "a", "value": "b\nc"}], "facts.0.value"),
    ([{"kind": "name", "subject": "a", "value": "x" * 301}], "facts.0.value"),
    ([{"kind": "name", "subject": "a", "value": "b"}, {"kind": "name", "subject": "A", "value": "c"}], "facts.1.subject"),
    ([{"kind": "name", "subject": f"{number}", "value": "wörter " * 40} for number in range(90)], "facts"),
]  # fmt: skip


async def test_a_wrong_key_fact_is_named(chat: Talk) -> None:
    summary = await compacted(chat)
    for facts, param in WRONG:
        edit = {"id": summary["id"], "lines": summary["lines"], "facts": facts}
        answer = await chat.app.http.put(SUMMARY, json=edit)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, param), answer.text
    assert await chat.summary() == summary


async def test_key_facts_survive_a_restart(tmp_path: Path) -> None:
    async with Simulator(clock=SimClock(start=START)) as sim:
        sim.respond(Facts())
        async with talking(tmp_path, sim) as chat:
            summary = await compacted(chat)
        async with talking(tmp_path, sim) as chat:
            assert await chat.summary() == summary
            assert texts((await compacted(chat, first=50))["facts"])[-1] == "identifier; order: 4712"


@pytest.mark.parametrize("removal", ["", "\n= question; delivery: - [m2]"])
async def test_an_answer_of_key_facts_alone_is_a_summary(chat: Talk, removal: str) -> None:
    answer = FACTS[0] + removal
    chat.sim.respond(lambda request: Reply(text=answer if summarises(request) else "So it is.", thinking=""))
    summary = await compacted(chat)
    assert len(summary["facts"]) == 2
    assert [line["text"] for line in summary["lines"]] == texts(summary["facts"])


async def test_an_answer_that_only_removes_key_facts_is_no_summary(chat: Talk) -> None:
    chat.sim.respond(
        lambda request: Reply(
            text="= question; delivery: - [m1]" if summarises(request) else "So it is.", thinking=""
        )
    )
    object.__setattr__(chat.app.deps.deployment, "policy", replace(DEFAULT, floor_messages=4))
    await chat.many(5, length=20)
    answer = await chat.app.http.post(f"{SUMMARY}/compact")
    assert answer.status_code != 200, answer.text
