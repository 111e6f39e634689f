"""What the `anthropic` package does against a running server: answers, bytes as they were sent, failures, and the ledger."""

import asyncio
import json
from pathlib import Path
from typing import Any

import anthropic
import httpx
import pytest

from chat.protocols.anthropic.relay import Relay
from tests.palaver import Palaver, palaver
from tests.upstream import Reply, Simulator, ToolCall, faults
from tests.waiting import LIMIT, until

HI: list[anthropic.types.MessageParam] = [{"role": "user", "content": "Hi"}]


async def test_a_named_model_gets_the_bytes_as_they_were_sent(app: Palaver) -> None:
    body = '{ "max_tokens" : 9, "messages":[{"content":"\\u00e9 \\"x\\"","role":"user"}],  "model": "claude-sonnet-5-5"}'
    answer = await app.http.post(
        "/v1/messages",
        content=body,
        headers={"content-type": "application/json", "anthropic-version": "2026-10-21"},
    )
    assert answer.status_code == 200, answer.text
    assert app.sim.log[-1].body == body.encode()


async def test_a_stream_is_whole_and_counted(app: Palaver, client: anthropic.AsyncAnthropic) -> None:
    app.sim.script(Reply(text="one two three", chunk=4))
    async with client.messages.stream(model="palaver-auto", max_tokens=900, messages=HI) as stream:
        message = await stream.get_final_message()
    assert message.content[-1].type == "text"
    assert message.content[-1].text == "one two three"
    tokens = (await app.get("/api/usage"))["total"]["tokens"]
    assert tokens["output"] == message.usage.output_tokens


async def test_a_stream_that_breaks_off_ends_with_an_error(
    app: Palaver, client: anthropic.AsyncAnthropic
) -> None:
    app.sim.script(faults.reset_after("half"))
    with pytest.raises(anthropic.APIStatusError):
        async with client.messages.stream(model="standard", max_tokens=900, messages=HI) as stream:
            await stream.get_final_message()
    assert (await app.get("/api/usage"))["total"]["estimated"] == 1


async def test_an_overloaded_provider_is_529(app: Palaver, client: anthropic.AsyncAnthropic) -> None:
    app.sim.script(faults.overloaded())
    with pytest.raises(anthropic.APIStatusError) as failure:
        await client.messages.create(model="standard", max_tokens=900, messages=HI)
    assert failure.value.status_code == 529


async def test_a_reader_that_leaves_cancels_the_call(app: Palaver, client: anthropic.AsyncAnthropic) -> None:
    gate = app.sim.gate()
    app.sim.script(Reply(text="one two three", chunk=4, gate=gate))
    async with client.messages.stream(model="standard", max_tokens=900, messages=HI) as stream:
        gate.release(1)
        async for _ in stream:
            break
    await app.sim.idle()
    assert app.sim.log[-1].outcome == "disconnected"


async def test_a_client_that_waits_for_the_whole_answer_leaves_too(
    app: Palaver, client: anthropic.AsyncAnthropic
) -> None:
    gate = app.sim.gate()
    app.sim.script(Reply(text="one two three", head_gate=gate))
    asking = asyncio.create_task(client.messages.create(model="standard", max_tokens=900, messages=HI))
    await until(lambda: app.sim.pending == 0)
    asking.cancel()
    await app.sim.idle()
    assert app.sim.log[-1].outcome == "disconnected"


async def test_an_answer_is_whole_without_a_stream_also_for_the_plain_client(app: Palaver) -> None:
    app.sim.script(Reply(text="one two three", thinking=""))

    def ask() -> anthropic.types.Message:
        with anthropic.Anthropic(api_key="any", base_url=app.url, max_retries=0) as plain:
            return plain.messages.create(model="simple", max_tokens=900, messages=HI)

    message = await asyncio.to_thread(ask)
    assert [block.text for block in message.content if block.type == "text"] == ["one two three"]
    assert (await app.get("/api/usage"))["total"]["tokens"]["output"] == message.usage.output_tokens
    assert await app.get("/api/threads") == {"threads": [], "next_cursor": None}, "nothing is kept of it"


async def test_tools_and_thinking_go_both_ways_unchanged_and_the_model_stays(
    app: Palaver, client: anthropic.AsyncAnthropic
) -> None:
    app.sim.script(
        Reply(thinking="I must look.", text="", tools=(ToolCall(name="tide", input={"port": "Brest"}),)),
        Reply(text="High at nine."),
    )
    tools: list[Any] = [
        {
            "name": "tide",
            "description": "Tides of a port",
            "input_schema": {"type": "object", "properties": {}},
        }
    ]
    messages: list[Any] = [
        {
            "role": "user",
            "content": "Prove that every bounded monotone sequence converges; then say the tide.",
        }
    ]
    async with client.messages.stream(
        model="palaver-auto", max_tokens=9_000, messages=messages, tools=tools
    ) as stream:
        asked = await stream.get_final_message()
    [call] = [block for block in asked.content if block.type == "tool_use"]
    assert call.input == {"port": "Brest"}
    messages += [
        {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in asked.content]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "ok"}]},
    ]
    async with client.messages.stream(
        model="palaver-auto", max_tokens=9_000, messages=messages, tools=tools
    ) as stream:
        await stream.get_final_message()
    first, second = (json.loads(entry.body) for entry in list(app.sim.log)[-2:])
    assert second["model"] == first["model"], "the thinking is for the model that wrote it"
    assert second["messages"] == json.loads(json.dumps(messages))


async def test_the_answer_says_what_was_decided(app: Palaver, client: anthropic.AsyncAnthropic) -> None:
    answer = await client.messages.with_raw_response.create(model="palaver-auto", max_tokens=900, messages=HI)
    assert answer.headers["palaver-model"] == json.loads(app.sim.log[-1].body)["model"]
    assert answer.headers["palaver-cache"] == "none"
    assert answer.headers["palaver-reason"]
    assert answer.headers["request-id"] == app.sim.log[-1].request_id
    assert "anthropic-ratelimit-requests-remaining" in answer.headers


async def test_counting_is_the_providers_and_costs_nothing(
    app: Palaver, client: anthropic.AsyncAnthropic
) -> None:
    counted = await client.messages.count_tokens(model="simple", messages=HI)
    assert counted.input_tokens > 0
    assert (await app.get("/api/usage"))["total"]["calls"] == 0


async def test_a_model_that_is_not_ours_is_not_found(app: Palaver, client: anthropic.AsyncAnthropic) -> None:
    with pytest.raises(anthropic.NotFoundError) as failure:
        await client.messages.create(model="gpt-9", max_tokens=9, messages=HI)
    assert failure.value.type == "not_found_error"
    assert app.sim.requests == []


async def test_what_the_provider_finds_wrong_is_told_as_it_says_it(
    app: Palaver, client: anthropic.AsyncAnthropic
) -> None:
    wrong: Any = [{"role": "user", "content": [{"type": "of_tomorrow"}]}]
    with pytest.raises(anthropic.BadRequestError) as failure:
        await client.messages.create(model="simple", max_tokens=9, messages=wrong)
    assert failure.value.request_id == app.sim.log[-1].request_id


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"max_tokens": 9, "messages": HI}, "model"),
        ({"model": "simple", "max_tokens": 9}, "messages"),
        ({"model": "simple", "max_tokens": 9, "messages": []}, "messages"),
        ({"model": "simple", "max_tokens": "9", "messages": HI}, "max_tokens"),
        ({"model": "simple", "max_tokens": 9, "messages": HI, "stream": "yes"}, "stream"),
    ],
)
async def test_a_request_that_lacks_what_decides_is_refused_by_name(
    app: Palaver, body: dict[str, Any], param: str
) -> None:
    answer = await app.http.post("/v1/messages", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert param in answer.json()["error"]["message"]
    assert app.sim.requests == []


async def test_a_budget_that_is_spent_refuses_before_the_provider_is_asked(tmp_path: Path) -> None:
    budget = {"scope": "user", "unit": "tokens", "period": "day", "limit": "50"}
    async with Simulator() as sim, palaver(tmp_path, sim, budgets=[budget]) as app:
        async with anthropic.AsyncAnthropic(api_key="any", base_url=app.url, max_retries=0) as client:
            with pytest.raises(anthropic.APIStatusError) as failure:
                await client.messages.create(model="standard", max_tokens=900, messages=HI)
        assert failure.value.status_code == 429
        assert sim.requests == []


@pytest.mark.parametrize("header", ["authorization", "x-api-key"])
async def test_the_token_comes_as_either_header(tmp_path: Path, header: str) -> None:
    token = "of-the-owner-0123456789abcdef"
    async with Simulator() as sim, palaver(tmp_path, sim, token=token) as app:
        value = f"Bearer {token}" if header == "authorization" else token
        body = {"model": "simple", "max_tokens": 900, "messages": HI}
        async with httpx.AsyncClient(base_url=app.url, trust_env=False, timeout=LIMIT) as plain:
            right = await plain.post("/v1/messages", json=body, headers={header: value})
            wrong = await plain.post("/v1/messages", json=body, headers={header: value + "x"})
            elsewhere = await plain.get("/api/threads", headers={"x-api-key": token})
        assert (right.status_code, wrong.status_code, elsewhere.status_code) == (200, 401, 401)
        assert wrong.json()["error"]["type"] == "authentication_error"
        assert token not in sim.log[-1].body.decode()


async def test_the_last_event_waits_until_the_call_is_in_the_ledger(
    app: Palaver, client: anthropic.AsyncAnthropic, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored, written, store = asyncio.Event(), asyncio.Event(), Relay._store

    async def slow(relay: Relay) -> None:
        stored.set()
        await written.wait()
        await store(relay)

    monkeypatch.setattr(Relay, "_store", slow)
    app.sim.script(Reply(text="one", thinking=""))
    seen: list[str] = []

    async def read() -> None:
        async with client.messages.stream(model="standard", max_tokens=900, messages=HI) as stream:
            async for event in stream:
                seen.append(event.type)

    reading = asyncio.create_task(read())
    await stored.wait()
    await asyncio.wait([reading], timeout=0.3)
    assert "message_stop" not in seen
    written.set()
    await reading
    assert seen[-1] == "message_stop"


@pytest.mark.parametrize("streams", [True, False])
async def test_who_waits_is_let_go_when_access_ends_while_the_call_is_stored(
    app: Palaver, monkeypatch: pytest.MonkeyPatch, streams: bool
) -> None:
    held, relays = asyncio.Event(), list[Relay]()

    async def slow(relay: Relay) -> None:
        relays.append(relay)
        await held.wait()

    monkeypatch.setattr(Relay, "_store", slow)
    body = {"model": "standard", "max_tokens": 900, "messages": HI, "stream": streams}
    asking = asyncio.create_task(app.http.post("/v1/messages", json=body))
    await until(lambda: bool(relays))
    relays[0].revoke()
    answer = await asking
    held.set()
    assert b"message_stop" not in answer.content
    assert streams or answer.json()["error"]["type"] == "authentication_error"


async def test_a_budget_of_turns_counts_these_requests(tmp_path: Path) -> None:
    budget = {"scope": "user", "unit": "requests", "period": "day", "limit": "1"}
    async with Simulator() as sim, palaver(tmp_path, sim, budgets=[budget]) as app:
        async with anthropic.AsyncAnthropic(api_key="any", base_url=app.url, max_retries=0) as client:
            await client.messages.create(model="standard", max_tokens=900, messages=HI)
            with pytest.raises(anthropic.RateLimitError):
                await client.messages.create(model="standard", max_tokens=900, messages=HI)
        assert len(sim.requests) == 1


async def test_models_are_described_as_the_provider_does(
    app: Palaver, client: anthropic.AsyncAnthropic
) -> None:
    listed = [model async for model in client.models.list(limit=2)]
    assert [model.id for model in listed][:2] == ["palaver-auto", "simple"]
    assert all(model.type == "model" and model.display_name for model in listed)
    one = await client.models.retrieve("standard")
    assert one.display_name.startswith("Palaver standard: ")
    with pytest.raises(anthropic.NotFoundError):
        await client.models.retrieve("gpt-9")
    plain = (await app.http.get("/v1/models")).json()
    assert plain["object"] == "list"
    assert [model["id"] for model in plain["data"]] == [model.id for model in listed]
