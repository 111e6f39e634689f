"""The model searches its own conversation: what the reader sees, what the provider gets back, and every way it goes wrong."""

import re
import shutil
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from chat.turns.tool_loop import MAX_ROUNDS
from tests.chat.outcomes import answer_text, finished, ledger, notes
from tests.chat.talk import FACT, Talk, ask, converses, search, talk, talking
from tests.upstream import Reply, faults
from tests.upstream.replies import ToolCall


@pytest.fixture
async def chat(tmp_path: Path, search_offered: None) -> AsyncIterator[Talk]:
    """A conversation with a summary, in which the model may search."""
    async with talk(tmp_path / "house", window_tokens=1_000) as conversation:
        await conversation.say(FACT)
        await conversation.many(6, length=120)
        assert (await conversation.summary())["id"] is not None
        yield conversation


async def test_without_anything_out_of_sight_there_is_nothing_to_search(tmp_path: Path) -> None:
    async with talk(tmp_path) as chat:
        await chat.say("Hello")
        assert "tools" not in chat.asked()[-1].json


async def test_a_search_is_shown_stored_and_answered_with_the_old_message(chat: Talk) -> None:
    events, turn, calls = await ask(
        chat, search("bicycle combination", text="Let me look."), Reply(text="It is 4417.")
    )
    assert turn["status"] == "completed"
    started = [event.data for event in events if event.type == "part.started"]
    ended = [event.data for event in events if event.type == "part.ended"]
    assert [data["kind"] for data in started] == ["reasoning", "text", "tool", "reasoning", "text"]
    assert (started[2]["name"], started[2]["input"]) == (
        "search_conversation",
        {"query": "bicycle combination"},
    )
    assert ended[2]["result"]["found"] >= 1
    part = turn["message"]["parts"][2]
    assert (part["type"], part["name"], part["input"]) == (
        "tool",
        "search_conversation",
        {"query": "bicycle combination"},
    )
    assert part["result"] == ended[2]["result"]
    assert answer_text(turn["message"]) == "Let me look.It is 4417."

    first, second = calls
    assert [tool["name"] for tool in first.json["tools"]] == ["search_conversation"]
    assert second.json["messages"][: len(first.json["messages"])] == first.json["messages"]
    answer, result = second.json["messages"][-2:]
    assert [block["type"] for block in answer["content"]] == ["thinking", "text", "tool_use"]
    (tool_result,) = result["content"]
    assert (tool_result["type"], tool_result["tool_use_id"]) == ("tool_result", answer["content"][-1]["id"])
    assert FACT in tool_result["content"]


async def test_the_thinking_goes_back_byte_for_byte(chat: Talk) -> None:
    # The simulator refuses a thinking block whose text or signature is not the one it gave, as the provider does.
    assert chat.sim.check_thinking
    thought = 'Hm – "4417"?\n\ttab, \U0001f6b2, </thinking> and \\ too'
    _, turn, calls = await ask(chat, search("bicycle", thinking=thought), Reply(text="4417."))
    assert turn["status"] == "completed"
    assert calls[1].status == 200
    block = calls[1].json["messages"][-2]["content"][0]
    assert block["thinking"] == thought
    assert block["signature"]


async def test_the_prefix_is_read_again_in_every_round(chat: Talk) -> None:
    _, _, calls = await ask(chat, search("bicycle"), search("library"), Reply(text="4417."))
    first, *later = (call.kinds for call in calls)
    prefix = first["cache_read"] + first["write_5m"] + first["write_1h"]
    assert [kinds["cache_read"] for kinds in later] == [prefix] * 2


async def test_what_the_tools_said_is_not_in_the_next_turn(chat: Talk) -> None:
    await ask(chat, search("bicycle combination"), Reply(text="It is 4417."))
    await chat.say("Thanks!")
    kinds = {block["type"] for message in chat.asked()[-1].json["messages"] for block in message["content"]}
    assert kinds == {"text"}
    assert chat.asked()[-1].kinds["cache_read"] > 0


async def test_a_search_that_finds_nothing_says_so(chat: Talk) -> None:
    _, turn, calls = await ask(chat, search("xylophone quartz"), Reply(text="I do not know."))
    assert calls[1].json["messages"][-1]["content"][0]["content"] == "No older message matches."
    (part,) = (part for part in turn["message"]["parts"] if part["type"] == "tool")
    assert part["result"] == {"found": 0}


@pytest.mark.parametrize("arguments", [{}, {"query": ""}, {"query": 7}, {"query": None}, {"other": "x"}])
async def test_whatever_the_model_asks_with_is_answered(chat: Talk, arguments: dict[str, Any]) -> None:
    wild = Reply(text="", tools=(ToolCall(name="search_conversation", input=arguments),))
    _, turn, calls = await ask(chat, wild, Reply(text="Well."))
    assert turn["status"] == "completed"
    assert calls[1].json["messages"][-1]["content"][0]["type"] == "tool_result"


async def test_two_searches_at_once_are_both_answered(chat: Talk) -> None:
    calls = tuple(
        ToolCall(name="search_conversation", input={"query": query}) for query in ("bicycle", "quartz")
    )
    _, turn, exchanges = await ask(chat, Reply(text="", tools=calls), Reply(text="4417."))
    expected = [
        block["id"] for block in exchanges[1].json["messages"][-2]["content"] if block["type"] == "tool_use"
    ]
    results = exchanges[1].json["messages"][-1]["content"]
    assert [block["tool_use_id"] for block in results] == expected
    assert [part["type"] for part in turn["message"]["parts"]].count("tool") == 2


async def test_a_model_that_never_stops_searching_is_stopped(chat: Talk) -> None:
    endless = [search(f"bicycle {n}", text=f"Once more {n}. ") for n in range(MAX_ROUNDS + 1)]
    _, turn, calls = await ask(chat, *endless)
    assert len(calls) == MAX_ROUNDS + 1
    assert "Answer now with what you have." in calls[-1].json["messages"][-1]["content"][0]["content"]
    assert "Answer now" not in str(calls[-2].json["messages"][-1])
    assert turn["status"] == "completed"
    assert [part["type"] for part in turn["message"]["parts"]].count("tool") == MAX_ROUNDS
    assert (await chat.say("And then?"))["status"] == "completed"


async def test_a_second_round_that_fails_before_its_own_words_is_repeated(chat: Talk) -> None:
    events, turn, calls = await ask(
        chat, search("bicycle", text="Let me look. "), faults.overloaded(), Reply(text="4417.")
    )
    assert turn["status"] == "completed"
    assert answer_text(turn["message"]) == "Let me look. 4417."
    assert len(calls) == 3
    assert calls[1].body == calls[2].body
    (retry,) = notes(events, "retry")
    assert retry["reason"] == "overloaded"


async def test_a_second_round_that_fails_after_its_own_words_keeps_them(chat: Talk) -> None:
    _, turn, calls = await ask(chat, search("bicycle", text="Let me look. "), faults.eof_after("It is 44"))
    assert len(calls) == 2
    assert turn["status"] == "failed"
    assert turn["message"]["status"] == "failed"
    assert answer_text(turn["message"]) == "Let me look. It is 44"
    assert [part["type"] for part in turn["message"]["parts"]].count("tool") == 1
    assert (await chat.say("Go on"))["status"] == "completed"


async def test_a_refusal_in_the_second_round_withdraws_everything(chat: Talk) -> None:
    _, turn, _ = await ask(chat, search("bicycle", text="Let me look. "), faults.refusal(after="It is"))
    assert turn["error"]["code"] == "content_filtered"
    assert turn["message"]["parts"] == []


async def test_a_turn_stopped_between_rounds_keeps_what_was_said(chat: Talk) -> None:
    gate = chat.sim.gate()
    chat.sim.script(
        search("bicycle", text="Let me look. "), Reply(text="4417.", head_gate=gate), when=converses
    )
    accepted = await chat.app.say("t", "What was it again?")
    async for event in chat.app.stream(accepted["id"]):
        if event.type == "part.started" and event.data["kind"] == "tool":
            break
    await chat.app.http.post(f"/api/turns/{accepted['id']}/cancel")
    _, turn = await finished(chat.app, accepted["id"])
    gate.open()
    assert turn["status"] == "cancelled"
    assert answer_text(turn["message"]) == "Let me look. "


async def test_every_call_has_its_row_in_the_ledger(chat: Talk) -> None:
    _, turn, calls = await ask(chat, search("bicycle"), search("library"), Reply(text="4417."))
    rows = await ledger(chat.app, turn["id"])
    assert [row.attempt for row in rows] == [1, 2, 3]
    assert [row.upstream_id for row in rows] == [call.message_id for call in calls]
    for row, call in zip(rows, calls, strict=True):
        assert (row.purpose, row.outcome, row.estimated) == ("reply", "ok", False)
        assert (
            row.usage.prompt
            == call.kinds["input"]
            + call.kinds["cache_read"]
            + call.kinds["write_5m"]
            + call.kinds["write_1h"]
        )
    assert turn["usage"]["input_tokens"] == sum(row.usage.prompt for row in rows)
    assert turn["usage"]["output_tokens"] == sum(row.usage.output for row in rows)
    forecast = [row.estimated_usage for row in rows]
    assert forecast[0] is not None, "the plan foresaw the first call"
    assert forecast[1:] == [None, None]
    assert all(row.cache_miss is None for row in rows)


async def test_a_call_is_in_the_ledger_before_the_log_tells_of_its_tools(chat: Talk) -> None:
    """A crash between them would leave a call of which the log says that its words are in the ledger already."""
    write = chat.app.deps.database.write
    events = {
        "event_rounds": "NEW.events",
        "turn_events": "NEW.payload",
    }  # in a round, or with the turn's end
    await write(lambda connection: connection.execute(text("CREATE TABLE seen (events, calls INTEGER)")))
    for table, new in events.items():
        watching = (
            f"CREATE TRIGGER watching_{table} AFTER INSERT ON {table} "
            f"BEGIN INSERT INTO seen SELECT {new}, count(*) FROM ledger_entries; END"
        )
        await write(partial(Connection.execute, statement=text(watching)))
    before = await chat.app.deps.database.read(
        lambda connection: connection.scalar(text("SELECT count(*) FROM ledger_entries"))
    )
    looking = replace(search("bicycle", text="Let me look. "), delay=0.1)
    await ask(chat, looking, search("library"), Reply(text="4417."))
    rows = await chat.app.deps.database.read(
        lambda connection: connection.execute(text("SELECT events, calls FROM seen")).all()
    )
    calls: dict[str, int] = {}
    for stored, count in rows:
        told = stored if isinstance(stored, str) else zlib.decompress(stored).decode(errors="replace")
        for part in re.findall(r'"part_id":"(\w+)","kind":"tool"', told):
            calls.setdefault(part, count - before)
    assert list(calls.values()) == [1, 2]


async def test_a_crash_between_two_rounds_is_recovered_from(tmp_path: Path) -> None:
    async with talk(tmp_path / "before", window_tokens=1_000) as chat:
        await chat.say(FACT)
        await chat.many(6, length=120)
        gate = chat.sim.gate()
        chat.sim.script(search("bicycle", text="Let me look. "), Reply(head_gate=gate), when=converses)
        accepted = await chat.app.say("t", "What was it again?")
        async for event in chat.app.stream(accepted["id"]):
            if event.type == "part.ended" and event.data.get("result"):
                break
        shutil.copytree(
            tmp_path / "before", tmp_path / "after", ignore=shutil.ignore_patterns("*.lock", "*-shm")
        )
        gate.open()
        await chat.app.follow(accepted["id"])
        await chat.settled()
        async with talking(tmp_path / "after", chat.sim, window_tokens=1_000) as after:
            _, turn = await finished(after.app, accepted["id"])
            assert turn["status"] == "failed"
            assert turn["error"]["code"] == "interrupted"
            assert answer_text(turn["message"]) == "Let me look. "
            (part,) = (part for part in turn["message"]["parts"] if part["type"] == "tool")
            assert (part["name"], part["input"]) == ("search_conversation", {"query": "bicycle"})
            again = await after.say("Go on")
            assert again["status"] == "completed"
