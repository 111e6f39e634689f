"""The AI SDK's stream byte by byte, its parts as the real client builds them, and every way it ends early."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chat.api.event_stream import HEARTBEAT, follow
from chat.protocols.ai_sdk.chunks import stream
from chat.stream import events
from chat.stream.journal import TurnLog
from tests.chat.auth.tokens import ADA, GRANTED, client
from tests.chat.errors import assert_sentence
from tests.chat.protocols.ai_sdk.conftest import Open
from tests.chat.protocols.ai_sdk.tab import Browser, kinds, said
from tests.chat.talk import FACT, search, talk
from tests.clocks import QuickClock
from tests.palaver import Palaver, palaver
from tests.upstream import Reply, Simulator
from tests.waiting import LIMIT

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETTINGS = {"default_tier": "auto"}
DONE = b"data: [DONE]\n\n"
HOSTILE = 'a\r\nb\n\ndata: [DONE]\n\nevent: error\nid: 7\u2028\u2029\x85: ka\n"\\ \U0001f6b2 </script>'


def posted(thread: str, text: str, **fields: Any) -> dict[str, Any]:
    """The body for one message."""
    message = {"id": f"{thread}-question", "role": "user", "parts": [{"type": "text", "text": text}]}
    return {"id": thread, "messages": [message], "trigger": "submit-message", **fields}


def chunks(body: bytes) -> list[dict[str, Any]]:
    """The chunks of a stream. Asserts what every stream has: LF only, blocks of one `data:` line, `[DONE]` at the end and nowhere else."""
    assert b"\r" not in body
    assert body.endswith(DONE)
    blocks = body.removesuffix(DONE).removesuffix(b"\n\n").split(b"\n\n")
    lines = [block.removeprefix(HEARTBEAT).decode() for block in blocks]
    assert all(line.startswith("data: {") and len(line.splitlines()) == 1 for line in lines), body
    found = [json.loads(line.removeprefix("data: ")) for line in lines]
    assert not any(None in chunk.values() for chunk in found)
    return found


async def test_the_bytes_of_a_stream(house: Palaver, thread: str) -> None:
    house.sim.script(Reply(text=HOSTILE, thinking=HOSTILE, chunk=1_000))
    answer = await house.http.post("/api/ai-sdk/chat", json=posted(thread, "Hello"))
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-vercel-ai-ui-message-stream"] == "v1"
    assert answer.headers["cache-control"] == "no-cache, no-transform"
    assert answer.headers["x-accel-buffering"] == "no"
    found = chunks(answer.content)
    assert [chunk["type"] for chunk in found if not chunk["type"].startswith(("data-", "message-"))] == [
        "start", "start-step", "reasoning-start", "reasoning-delta", "reasoning-end",
        "text-start", "text-delta", "text-end", "finish-step", "finish",
    ]  # fmt: skip
    assert [chunk["delta"] for chunk in found if "delta" in chunk] == [HOSTILE, HOSTILE]
    assert b'"type":"finish"' in answer.content
    again = await house.http.get(f"/api/ai-sdk/chat/{thread}/stream")
    assert again.content == answer.content, "a replay is the same from the first chunk on"


async def test_hostile_text_reaches_the_page_as_it_was_said(house: Palaver, open_tab: Open) -> None:
    house.sim.script(Reply(text=HOSTILE, thinking="", chunk=3))
    state = await (await open_tab()).ask(HOSTILE)
    assert said(state) == [("user", HOSTILE), ("assistant", HOSTILE)]


async def test_thoughts_of_an_answer_that_was_not_taken_leave_the_page(
    house: Palaver, thread: str, open_tab: Open
) -> None:
    refused = Reply(text="", thinking="I would rather not", stop_reason="refusal")
    house.sim.script(refused, Reply(text="Here it is.", thinking="Of course"))
    state = await (await open_tab()).ask("What is the capital of Australia?")
    shown = state["messages"][-1]
    assert kinds(shown) == ["step-start", "reasoning", "text"]
    assert shown["parts"][1]["text"] == "Of course"
    [_, answer] = await house.messages(thread)
    assert shown["metadata"]["model"] == answer["model"], "the one that answered"


async def test_a_tool_the_server_ran_is_shown_with_its_result_and_is_not_asked_of_the_page(
    tmp_path: Path, node_browser: Browser, search_offered: None
) -> None:
    async with talk(tmp_path / "house", window_tokens=1_000) as conversation:
        await conversation.say(FACT)
        await conversation.many(6, length=120)
        conversation.sim.script(search("bicycle combination", text="Let me look."), Reply(text="It is 4417."))
        tab = await node_browser.open(conversation.app.url, conversation.thread)
        state = await tab.ask("What is the combination of my bicycle?")
    shown = state["messages"][-1]
    assert kinds(shown) == [
        "step-start", "reasoning", "text", "dynamic-tool", "step-start", "reasoning", "text",
    ]  # fmt: skip
    tool = shown["parts"][3]
    assert (tool["toolName"], tool["input"]) == ("search_conversation", {"query": "bicycle combination"})
    assert (tool["state"], tool["providerExecuted"]) == ("output-available", True)
    assert tool["output"]["found"] >= 1


async def test_a_thread_of_another_route_goes_on_here(house: Palaver, thread: str, open_tab: Open) -> None:
    house.sim.script(*(Reply(text=text) for text in ("Hi.", "Hello.", "Red.", "Blue.")))
    await house.chat(thread, "Hello")
    loaded = [
        {"id": message["id"], "role": message["role"], "parts": message["parts"]}
        for message in await house.messages(thread)
    ]
    tab = await open_tab(messages=loaded)
    await tab.do("regenerate")
    assert said(await tab.end()) == [("user", "Hello"), ("assistant", "Hello.")]
    state = await tab.ask("A color?")
    state = await tab.ask("A cold color?", messageId=state["messages"][2]["id"])
    assert [message["id"] for message in await house.messages(thread)][1::2] == [
        message["id"] for message in state["messages"]
    ][1::2]
    assert len(house.sim.requests) == 4


async def test_a_chat_that_was_copied_is_a_chat_of_its_own(
    house: Palaver, thread: str, open_tab: Open, node_browser: Browser
) -> None:
    house.sim.script(Reply(text="Hi."), Reply(text="Again."), Reply(text="Anew."))
    state = await (await open_tab()).ask("Hello")
    copy = await node_browser.open(house.url, f"{thread}-sent", messages=state["messages"][:1])
    await copy.send()
    assert said(await copy.end()) == [("user", "Hello"), ("assistant", "Again.")]
    copy = await node_browser.open(house.url, f"{thread}-again", messages=state["messages"])
    await copy.do("regenerate", messageId=state["messages"][-1]["id"])
    assert said(await copy.end()) == [("user", "Hello"), ("assistant", "Anew.")]
    for chat in (thread, f"{thread}-sent", f"{thread}-again"):
        assert len(await house.messages(chat)) == 2


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"messages": []}, 400, "messages: there is no message of the user"),
        ({"message": {"id": "a", "role": "assistant", "parts": []}}, 400, "messages: there is no message of the user"),
        ({"message": {"id": "a", "role": "user", "parts": [{"type": "file", "url": "x"}]}}, 400, "files cannot be sent to this chat"),
        ({"message": {"id": "a", "role": "user", "parts": [{"type": "text", "text": " "}]}}, 400, "must not be blank"),
        ({"message": {"id": "summary", "role": "user", "parts": [{"type": "text", "text": "x"}]}}, 400, "message.id"),
        ({"trigger": "regenerate-message", "messageId": "msg_none"}, 400, "there is no such answer in this chat"),
        ({"messageId": "another"}, 400, "only a message of the user can be sent"),
        ({"id": ""}, 400, "id: "),
        ({"model": "gpt-9"}, 404, "no such model here; there are: simple"),
    ],
)  # fmt: skip
async def test_what_cannot_be_done_is_said_in_a_sentence(
    house: Palaver, thread: str, body: dict[str, Any], status: int, message: str
) -> None:
    whole = posted(thread, "Hello")
    if "message" in body or body.get("messageId") == "msg_none":
        del whole["messages"]
    answer = await house.http.post("/api/ai-sdk/chat", json={**whole, **body})
    assert message in assert_sentence(answer, status)
    assert (await house.http.get(f"/api/threads/{thread}")).status_code == 404, "nothing was stored"


@pytest.mark.parametrize("chat", ["__LOCALID_x7", ":r1:", "ein Gespräch", "-"])
async def test_a_chat_whose_id_no_thread_can_have_is_a_thread_too(
    house: Palaver, node_browser: Browser, chat: str
) -> None:
    tab = await node_browser.open(house.url, chat)
    await tab.do("resume")
    await tab.end()
    await tab.ask("Hello")
    state = await tab.ask("Once more")
    thread = state["messages"][-1]["metadata"]["threadId"]
    assert len(await house.messages(thread)) == len(said(state)) == 4
    await tab.do("resume")
    assert said(await tab.end()) == said(state)
    assert [request["status"] for request in state["requests"]] == [204, 200, 200]
    assert await tab.do("stop") == 204


async def test_under_a_base_path_errors_are_sentences_too(tmp_path: Path) -> None:
    async with Simulator() as sim, palaver(tmp_path, sim, base_path="/inner") as app:
        answer = await app.http.post("/api/ai-sdk/chat", json={"id": "t"})
        assert assert_sentence(answer, 400) == "messages: there is no message of the user"
        assert_sentence(await app.http.get("/api/ai-sdk/nothing"), 404)


async def test_a_field_model_names_the_model_and_other_fields_are_the_apps_own(
    house: Palaver, thread: str
) -> None:
    body = posted(thread, "Hello", model="complex", system="You are a pirate", tools={}, metadata=None)
    await house.http.post("/api/ai-sdk/chat", json=body)
    assert house.sim.requests[-1]["model"] == house.deps.deployment.tiers["complex"]
    assert "pirate" not in json.dumps(house.sim.requests[-1])


async def test_a_comment_in_silence_is_passed_on(house: Palaver) -> None:
    found = await of_log(house, [started()], silence=0.02, until=HEARTBEAT)
    assert found.count(HEARTBEAT) >= 1
    assert [chunk["type"] for chunk in chunks(found)] == ["start", "start-step", "error"]


async def test_a_stream_that_a_restart_ends_is_an_error_and_no_whole_answer(house: Palaver) -> None:
    delta = events.PartDelta(part_id="p1", text="half")
    log = [started(), events.PartStarted(part_id="p1", kind="text"), delta]
    found = chunks(await of_log(house, log, silence=15, until=b"half"))
    assert [chunk["type"] for chunk in found][-2:] == ["text-delta", "error"]
    assert found[-1]["errorText"] == "It restarts."


async def test_a_token_that_ends_ends_its_stream_with_an_error_and_not_the_turn(tmp_path: Path) -> None:
    clock = QuickClock()
    soon = datetime.now(UTC) + timedelta(hours=1)
    granted = [{**token, "expires": soon.isoformat()} for token in GRANTED]
    async with (
        Simulator() as sim,
        palaver(tmp_path, sim, clock=clock, tokens=granted) as app,
        client(app, ADA) as ada,
    ):
        sim.script(Reply(text="Said to the end.", thinking="", chunk=4, hold=True))
        async with (
            asyncio.timeout(LIMIT),
            ada.stream("POST", "/api/ai-sdk/chat", json=posted("t", "Hello")) as answer,
        ):
            arriving = answer.aiter_bytes()
            body = await anext(arriving)
            clock.ahead += 3_600_000
            await app.deps.token_registry.check()
            async for more in arriving:
                body += more
        assert chunks(body)[-1] == {"type": "error", "errorText": "Your access has ended."}
        assert_sentence(await ada.get("/api/ai-sdk/chat/t/stream"), 401)
        sim.held.open()
        await app.settled()
        clock.ahead = 0
        assert (await ada.get("/api/threads/t/messages")).json()["messages"][-1]["status"] == "complete"


def started() -> events.TurnStarted:
    return events.TurnStarted(
        protocol=events.PROTOCOL, thread_id="t", message_id="m", user_message_id="u", created_at="now"
    )


async def of_log(house: Palaver, log: list[events.Event], *, silence: float, until: bytes) -> bytes:
    """The stream of a turn with these events, whose server drains as soon as these bytes were sent."""
    live, draining = TurnLog(), asyncio.Event()
    live.extend(
        [
            events.frame(seq, events.encode(event, seq=seq, turn_id="turn"))
            for seq, event in enumerate(log, start=1)
        ]
    )
    frames = follow(
        house.deps.database, "nobody", "turn", 0,
        find_live=lambda: live, draining=draining, silence=silence,
    )  # fmt: skip
    body = b""
    chunked: AsyncIterator[bytes] = stream(frames, lambda: "It restarts.")
    async for chunk in chunked:
        body += chunk
        if until in body:
            draining.set()
            live.wake()
    return body
