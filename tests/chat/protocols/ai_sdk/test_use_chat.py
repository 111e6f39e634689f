"""What `useChat` does, by its own code, against a running server: each word once, and the thread holds what the page shows."""

import asyncio
import re

import pytest

from tests.chat.protocols.ai_sdk.conftest import Open
from tests.chat.protocols.ai_sdk.tab import kinds, said
from tests.clocks import QuickClock
from tests.palaver import Palaver
from tests.upstream import Reply, faults

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def stored(house: Palaver, thread: str) -> list[tuple[str, str]]:
    """Role and text of each message of the visible branch."""
    return [
        (message["role"], "".join(part["text"] or "" for part in message["parts"] if part["type"] == "text"))
        for message in await house.messages(thread)
    ]


def asked(house: Palaver) -> list[tuple[str, str]]:
    """Role and first words of the messages in the last request to the model."""
    return [
        (message["role"], message["content"][-1]["text"]) for message in house.sim.requests[-1]["messages"]
    ]


async def test_a_message_is_answered_word_by_word_with_the_ids_of_the_thread(
    house: Palaver, thread: str, open_tab: Open
) -> None:
    gate = house.sim.gate()
    house.sim.script(Reply(text="one two three", chunk=4, thinking="Let me count.", gate=gate))
    tab = await open_tab()
    await tab.send("Count")
    gate.release(5)
    while_streaming = await tab.until("one ")
    assert "three" not in said(while_streaming)[-1][1]
    gate.open()
    state = await tab.end()
    assert said(state) == [("user", "Count"), ("assistant", "one two three")]
    assert said(state) == await stored(house, thread)
    question, answer = await house.messages(thread)
    assert [message["id"] for message in state["messages"]] == [question["id"], answer["id"]]
    shown = state["messages"][-1]
    assert kinds(shown) == ["step-start", "reasoning", "text"]
    assert (shown["parts"][1]["text"], shown["parts"][1]["state"]) == ("Let me count.", "done")
    assert shown["metadata"]["threadId"] == thread
    assert shown["metadata"]["turnId"] == answer["turn_id"]
    assert shown["metadata"]["model"] == answer["model"]
    assert shown["metadata"]["usage"]["outputTokens"] == answer["usage"]["output_tokens"]
    assert [end["finishReason"] for end in state["finished"]] == ["stop"]
    assert "data-route" in {part["type"] for part in state["data"]}


@pytest.mark.parametrize("only_last", [False, True])
async def test_a_second_turn_has_the_first_in_its_history_once(
    house: Palaver, thread: str, open_tab: Open, only_last: bool
) -> None:
    house.sim.script(Reply(text="Hello Ada."), Reply(text="You are Ada."))
    tab = await open_tab(onlyLast=only_last)
    await tab.ask("I am Ada.")
    state = await tab.ask("Who am I?")
    expected = [("user", "I am Ada."), ("assistant", "Hello Ada."), ("user", "Who am I?"), ("assistant", "You are Ada.")]  # fmt: skip
    assert said(state) == expected
    assert await stored(house, thread) == expected
    assert [role for role, _ in asked(house)] == ["user", "assistant", "user"]
    assert state["errors"] == []


async def test_a_post_that_comes_again_is_the_same_turn(house: Palaver, thread: str, open_tab: Open) -> None:
    gate = house.sim.gate()
    house.sim.script(Reply(text="one two three", chunk=4, thinking="", gate=gate))
    tab = await open_tab()
    await tab.send("Count")
    gate.release(1)
    state = await tab.until("one ")
    body = state["requests"][0]["body"]
    again = [
        asyncio.create_task(house.http.post("/api/ai-sdk/chat", json={**body, "session": "the app's own"}))
        for _ in range(3)
    ]
    gate.open()
    await tab.end()
    [body_of_all] = {(await answer).content for answer in again}
    assert b"".join(re.findall(rb'"delta":"([^"]*)"', body_of_all)) == b"one two three"
    await tab.send()  # the last message once more, as the SDK does without arguments
    state = await tab.end("error")
    assert state["error"] == "messageId: only a message of the user can be sent"
    assert len(house.sim.requests) == 1
    assert await stored(house, thread) == [("user", "Count"), ("assistant", "one two three")]


async def test_stop_ends_the_turn_and_keeps_the_text_so_far(
    house: Palaver, thread: str, open_tab: Open
) -> None:
    gate = house.sim.gate()
    house.sim.script(Reply(text="one two three", chunk=4, thinking="", gate=gate), Reply(text="Go on."))
    tab, other = await open_tab(), await open_tab()
    await tab.send("Count")
    gate.release(2)
    await tab.until("two")
    await other.do("resume")
    await other.until("two")
    assert await tab.do("stop") == 204
    assert said(await tab.end()) == [("user", "Count"), ("assistant", "one two ")]
    elsewhere = await other.end()
    assert elsewhere["finished"][-1]["finishReason"] == "interrupted"
    assert elsewhere["errors"] == []
    [_, answer] = await house.messages(thread)
    assert answer["status"] == "cancelled"
    assert await tab.do("stop") == 204, "nothing runs, and nothing is wrong"
    state = await tab.ask("And?")
    assert said(state)[-2:] == [("user", "And?"), ("assistant", "Go on.")]


async def test_leaving_the_page_cancels_nothing_and_a_reload_finds_the_answer(
    house: Palaver, thread: str, open_tab: Open
) -> None:
    gate = house.sim.gate()
    house.sim.script(Reply(text="one two three", chunk=4, thinking="", gate=gate))
    tab = await open_tab()
    await tab.send("Count")
    gate.release(1)
    await tab.until("one")
    await tab.do("leave")
    loaded = [
        {"id": message["id"], "role": message["role"], "parts": message["parts"]}
        for message in await house.messages(thread)
    ]
    reloaded = await open_tab(messages=loaded)
    await reloaded.do("resume")
    await reloaded.until("one")
    gate.open()
    state = await reloaded.end()
    assert said(state) == [("user", "Count"), ("assistant", "one two three")]
    assert state["messages"][0]["id"] == loaded[0]["id"]
    [_, answer] = await house.messages(thread)
    assert answer["status"] == "complete"


async def test_a_broken_connection_is_resumed_with_each_word_once(
    house: Palaver, thread: str, open_tab: Open
) -> None:
    gate = house.sim.gate()
    house.sim.script(Reply(text="one two three four", chunk=4, thinking="", gate=gate))
    tab = await open_tab()
    await tab.send("Count")
    gate.release(1)
    await tab.until("one")
    await tab.do("drop")
    broken = await tab.end("error")
    assert broken["finished"][-1]["isDisconnect"]
    await tab.do("resume")
    gate.release(2)
    await tab.until("thre")
    await tab.do("drop")
    await tab.end("error")
    gate.open()
    await house.settled()
    await tab.do("resume")  # the answer has ended meanwhile
    state = await tab.end()
    assert said(state) == [("user", "Count"), ("assistant", "one two three four")]
    assert len(house.sim.requests) == 1


async def test_a_chat_in_which_nothing_runs_has_nothing_to_resume(
    house: Palaver, thread: str, open_tab: Open, clock: QuickClock
) -> None:
    new = await open_tab()
    await new.do("resume")
    state = await new.end()
    assert [request["status"] for request in state["requests"]] == [204]
    await new.ask("Hello")
    await new.do("resume")
    state = await new.end()
    assert len(said(state)) == 2, "an answer that just ended comes again, in its own place"
    clock.ahead += 61_000
    answer = await house.http.get(f"/api/ai-sdk/chat/{thread}/stream")
    assert (answer.status_code, answer.content) == (204, b"")


async def test_an_error_before_the_answer_is_a_sentence_and_the_message_can_be_sent_again(
    house: Palaver, thread: str, open_tab: Open
) -> None:
    gate = house.sim.gate()
    house.sim.script(Reply(text="Yes.", head_gate=gate), Reply(text="Now."))
    first, second = await open_tab(), await open_tab()
    await first.send("Hello")
    await gate.reached()
    await second.send("Me too")
    state = await second.end("error")
    assert state["error"] == "the thread has a running turn; wait for it or cancel it"
    assert state["requests"][-1]["status"] == 409
    gate.open()
    await first.end()
    await second.do("regenerate")
    state = await second.end()
    assert said(state) == [("user", "Me too"), ("assistant", "Now.")]
    assert (await stored(house, thread))[-2:] == [("user", "Me too"), ("assistant", "Now.")]


async def test_an_error_in_the_middle_keeps_the_words_and_another_answer_replaces_them(
    house: Palaver, thread: str, open_tab: Open
) -> None:
    house.sim.script(
        faults.error_event("one two "),
        Reply(text="four five", thinking=""),
    )
    tab = await open_tab()
    await tab.send("Count")
    state = await tab.end("error")
    assert said(state)[-1][0] == "assistant"
    assert said(state)[-1][1].startswith("one ")
    assert state["messages"][-1]["metadata"]["error"]["retryable"] is True
    failed = await house.turn(state["messages"][-1]["metadata"]["turnId"])
    assert state["error"] == failed["error"]["message"]
    await tab.do("regenerate")
    state = await tab.end()
    assert said(state) == [("user", "Count"), ("assistant", "four five")]
    assert await stored(house, thread) == said(state)


async def test_another_answer_takes_the_place_of_the_first_beside_it(
    house: Palaver, thread: str, open_tab: Open
) -> None:
    house.sim.script(Reply(text="first"), Reply(text="second"), Reply(text="third"), Reply(text="after"))
    tab = await open_tab()
    state = await tab.ask("Say")
    await tab.do("regenerate")
    state = await tab.end()
    await tab.do("regenerate", messageId=state["messages"][-1]["id"])
    state = await tab.end()
    assert said(state) == [("user", "Say"), ("assistant", "third")]
    [_, answer] = await house.messages(thread)
    assert len(answer["sibling_ids"]) == 3
    state = await tab.ask("Go on")
    assert [role for role, _ in asked(house)] == ["user", "assistant", "user"]
    assert await stored(house, thread) == said(state)


async def test_an_edited_message_begins_a_branch_and_later_ones_follow_it(
    house: Palaver, thread: str, open_tab: Open
) -> None:
    house.sim.script(*(Reply(text=text) for text in ("Hi.", "Red.", "Blue.", "Sky.", "Green.")))
    tab = await open_tab()
    await tab.ask("Hello")
    state = await tab.ask("A color?")
    edited = state["messages"][2]["id"]
    state = await tab.ask("A cold color?", messageId=edited)
    expected = [("user", "Hello"), ("assistant", "Hi."), ("user", "A cold color?"), ("assistant", "Blue.")]
    assert said(state) == expected
    assert await stored(house, thread) == expected
    state = await tab.ask("What is blue?")
    assert await stored(house, thread) == said(state)
    assert "A color?" not in str(house.sim.requests[-1])
    await tab.ask("A cold color?", messageId=edited)
    assert len(house.sim.requests) == 4, "the same text again is the same turn"
    await tab.do("regenerate")
    state = await tab.end()
    assert said(state) == [*expected[:3], ("assistant", "Green.")]
    assert await stored(house, thread) == said(state)


async def test_the_first_message_can_be_edited_too(house: Palaver, thread: str, open_tab: Open) -> None:
    house.sim.script(Reply(text="Hi."), Reply(text="Ahoy."))
    tab = await open_tab()
    state = await tab.ask("Hello")
    state = await tab.ask("Ahoy", messageId=state["messages"][0]["id"])
    assert said(state) == [("user", "Ahoy"), ("assistant", "Ahoy.")]
    assert await stored(house, thread) == said(state)
    assert [role for role, _ in asked(house)] == ["user"]


async def test_a_page_that_cuts_its_history_itself_branches_where_it_cut(
    house: Palaver, thread: str, open_tab: Open
) -> None:
    house.sim.script(*(Reply(text=text) for text in ("Hi.", "Red.", "Blue.")))
    tab = await open_tab()
    state = await tab.ask("Hello")
    await tab.ask("A color?")
    await tab.do("set", messages=state["messages"])
    state = await tab.ask("A cold color?")
    assert await stored(house, thread) == said(state)
    assert "Red." not in str(house.sim.requests[-1])
