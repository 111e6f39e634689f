"""Answers are asked from three contexts and graded, against the simulator."""

from pathlib import Path
from typing import Any

from anthropic import AsyncAnthropic

from tests.bench.fidelity import judge
from tests.bench.fidelity.asked import Asked, Question
from tests.bench.fidelity.tables import measured
from tests.bench.fidelity.words import answer_words, share_in
from tests.bench.playing import ONE_TIER, player
from tests.bench.threads import from_messages
from tests.upstream import Reply, Simulator

ROW: dict[str, Any] = {
    "id": "t",
    "messages": [
        {"id": "a", "role": "assistant", "ts": "2026-10-01T09:00:00Z", "content": "Hello!"},
        {"id": "b", "role": "user", "ts": "2026-10-01T09:01:00Z", "content": "My bicycle is called Ravensbourne."},
        {"id": "c", "role": "user", "ts": "2026-10-01T09:02:00Z", "content": "It is green."},
        {"id": "d", "role": "assistant", "ts": "2026-10-01T09:03:00Z", "content": "A fine name."},
    ],
}  # fmt: skip
ASKED: dict[str, Any] = {
    "id": "q",
    "thread": "t",
    "category": "single_hop",
    "question": "What is my bicycle called?",
    "answer": "It is called Ravensbourne",
    "evidence": ["b"],
}


async def test_a_question_is_asked_in_three_contexts_and_graded(tmp_path: Path) -> None:
    thread = from_messages(ROW)
    assert [exchange.user for exchange in thread.exchanges] == [
        "Hello!\n\nMy bicycle is called Ravensbourne.\n\nIt is green."
    ]
    async with player(tmp_path, thread.exchanges[0].at, **ONE_TIER) as playing:
        await playing.play(thread, after_end=0)
        sent = await playing.ask(ASKED["question"], thread.exchanges[-1].at + 60_000)
    asked = [Asked(row=ROW, thread=thread, questions=(Question(row=ASKED, sent=sent),), rewrites={})]

    row = measured(asked)[0]
    assert (row.shares["window"], row.shares["summary"], row.shares["thread"]) == (1.0, 0.0, 1.0)
    assert (row.age, row.writes) == (1, 0)

    prompts = judge.prompts(asked)
    assert judge.estimate(prompts).startswith(f"3 answers by {judge.ANSWERS}")
    async with Simulator() as sim:
        sim.respond(lambda body: Reply(text="0.5" if "You grade" in str(body["system"]) else "Ravensbourne"))
        async with AsyncAnthropic(api_key="sk-ant-test", base_url=sim.base_url) as client:
            grades = await judge.judged(prompts, client)
        answered = [body for body in sim.requests if body["model"] == judge.ANSWERS]
    assert [(grade.arm, grade.value) for grade in grades] == [(arm, 0.5) for arm in judge.ARMS]
    assert all(body["messages"][-1]["role"] == "user" for body in answered)
    assert "| all | 1 | 0.50 | 0.50 | 0.50 |" in list(judge.table("made up", grades))


def test_words_of_an_answer_are_those_that_say_something() -> None:
    words = answer_words("The cats were at Anna's house on 7 May")
    assert words == {"cat", "anna", "house", "7", "may"} - {"may"}
    assert share_in(words, ["Anna has a cat.", "No house"]) == 0.75
