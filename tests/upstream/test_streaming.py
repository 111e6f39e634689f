"""The stream as the real SDK reads it, event by event."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import orjson
import pytest
from anthropic import AsyncAnthropic, DefaultAioHttpClient

from tests.upstream import Reply, Simulator, ToolCall, faults
from tests.upstream.asking import HAIKU, OPUS, ask, tool, words
from tests.waiting import LIMIT


async def events(client: AsyncAnthropic, **fields: Any) -> list[Any]:
    stream = await client.messages.create(stream=True, **ask(**fields))
    return [event async for event in stream]


async def raw_events(client: AsyncAnthropic, **fields: Any) -> list[tuple[str, dict[str, Any]]]:
    """Names and data as they are on the wire, pings included."""
    async with client.messages.with_streaming_response.create(stream=True, **ask(**fields)) as response:
        body = b"".join([part async for part in response.iter_bytes()])
    wire_events = []
    for block in body.decode().split("\n\n")[:-1]:
        name, data = block.split("\n", 1)
        wire_events.append((name.removeprefix("event: "), orjson.loads(data.removeprefix("data: "))))
    return wire_events


async def test_a_reply_is_the_documented_sequence(sim: Simulator, client: AsyncAnthropic) -> None:
    sim.script(Reply(text="Hello there", chunk=6, thinking=""))
    wire_events = await raw_events(client)
    assert [name for name, _ in wire_events] == [
        "message_start",
        "ping",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert all(data["type"] == name for name, data in wire_events)
    start, end = wire_events[0][1]["message"], wire_events[-2][1]
    assert (start["content"], start["stop_reason"], start["usage"]["output_tokens"]) == ([], None, 1)
    assert end["delta"] == {"stop_reason": "end_turn", "stop_sequence": None}
    assert end["usage"].keys() == {"output_tokens"}


async def test_omitted_thinking_shows_only_its_signature(sim: Simulator, client: AsyncAnthropic) -> None:
    sim.script(Reply(text="Yes.", thinking="Let me see"))
    block_events = [data for name, data in await raw_events(client) if name.startswith("content_block")]
    assert block_events[0]["content_block"] == {"type": "thinking", "thinking": "", "signature": ""}
    assert [data["delta"]["type"] for data in block_events if "delta" in data] == [
        "signature_delta",
        "text_delta",
    ]


async def test_summarised_thinking_streams_its_text(sim: Simulator, client: AsyncAnthropic) -> None:
    sim.script(Reply(text="Yes.", thinking="Let me see", chunk=5))
    async with client.messages.stream(
        **ask(thinking={"type": "adaptive", "display": "summarized"})
    ) as stream:
        message = await stream.get_final_message()
    thought = message.content[0]
    assert thought.type == "thinking"
    assert (thought.thinking, bool(thought.signature)) == ("Let me see", True)
    assert message.usage.output_tokens_details is not None
    assert 0 < message.usage.output_tokens_details.thinking_tokens < message.usage.output_tokens


async def test_thinking_follows_the_default_of_the_model(client: AsyncAnthropic) -> None:
    thinks = await client.messages.create(**ask(model=HAIKU))
    silent = await client.messages.create(**ask(model="claude-opus-4-8"))
    assert [block.type for block in thinks.content] == ["thinking", "text"]
    assert [block.type for block in silent.content] == ["text"]


async def test_tool_input_arrives_in_pieces(sim: Simulator, client: AsyncAnthropic) -> None:
    tool_input = {"path": "/notes/today.md", "lines": [1, 2, 3]}
    sim.script(Reply(text="Let me look.", tools=(ToolCall(name="look", input=tool_input),)))
    async with client.messages.stream(**ask(tools=[tool()])) as stream:
        pieces = [
            event.delta.partial_json
            async for event in stream
            if event.type == "content_block_delta" and event.delta.type == "input_json_delta"
        ]
        message = await stream.get_final_message()
    assert len(pieces) > 3
    assert orjson.loads("".join(pieces)) == tool_input
    assert message.stop_reason == "tool_use"
    assert message.content[-1].model_dump()["input"] == tool_input


async def test_a_forced_tool_is_called_without_thinking(client: AsyncAnthropic) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    message = await client.messages.create(
        **ask(
            model=HAIKU,
            tools=[{"name": "weather", "input_schema": schema}],
            tool_choice={"type": "tool", "name": "weather"},
        )
    )
    assert [block.type for block in message.content] == ["tool_use"]
    assert message.content[0].model_dump()["input"] == {"city": "sample"}


async def test_a_schema_is_answered_with_json_that_fits(client: AsyncAnthropic) -> None:
    schema = {
        "type": "object",
        "properties": {"title": {"type": "string"}, "kind": {"enum": ["a", "b"]}, "n": {"type": "integer"}},
        "required": ["title", "kind", "n"],
    }
    message = await client.messages.create(
        **ask(output_config={"format": {"type": "json_schema", "schema": schema}})
    )
    assert orjson.loads(message.content[-1].model_dump()["text"]) == {"title": "sample", "kind": "a", "n": 1}


async def test_the_same_request_gets_the_same_reply_under_another_id(client: AsyncAnthropic) -> None:
    first = await client.messages.create(**ask())
    second = await client.messages.create(**ask())
    assert first.content == second.content
    assert first.usage == second.usage
    assert first.id != second.id


async def test_streamed_and_whole_replies_agree(client: AsyncAnthropic) -> None:
    whole = await client.messages.create(**ask())
    async with client.messages.stream(**ask()) as stream:
        streamed = await stream.get_final_message()
    assert [block.model_dump() for block in streamed.content] == [
        block.model_dump() for block in whole.content
    ]
    assert streamed.usage == whole.usage


async def test_max_tokens_cuts_the_text_and_bills_exactly_that(
    sim: Simulator, client: AsyncAnthropic
) -> None:
    sim.script(Reply(text=words(500), thinking=""))
    message = await client.messages.create(**ask(max_tokens=40))
    assert message.stop_reason == "max_tokens"
    assert message.usage.output_tokens == 40
    assert message.content[0].model_dump()["text"] == words(30)


async def test_max_tokens_inside_thinking_leaves_no_text(sim: Simulator, client: AsyncAnthropic) -> None:
    sim.script(faults.max_tokens_in_thinking(), Reply(text="never said", thinking=words(500)))
    for _ in range(2):
        message = await client.messages.create(**ask(max_tokens=30))
        assert ([block.type for block in message.content], message.stop_reason) == (
            ["thinking"],
            "max_tokens",
        )
        assert message.usage.output_tokens == 30


async def test_a_stop_sequence_ends_the_text_before_it(sim: Simulator, client: AsyncAnthropic) -> None:
    sim.script(Reply(text="one two STOP three"))
    message = await client.messages.create(**ask(stop_sequences=["three", "STOP"]))
    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "STOP")
    assert message.content[-1].model_dump()["text"] == "one two "


async def test_a_full_window_ends_the_reply(sim: Simulator, client: AsyncAnthropic) -> None:
    sim.script(Reply(text=words(500)))
    history = [{"role": "user", "content": words(199_900)}]
    message = await client.messages.create(**ask(*history, model="claude-haiku-4-5", max_tokens=2_000))
    assert message.stop_reason == "model_context_window_exceeded"
    assert message.usage.input_tokens + message.usage.output_tokens == 200_000


async def test_a_refusal_before_output_is_empty_and_unbilled(sim: Simulator, client: AsyncAnthropic) -> None:
    sim.script(faults.refusal(before=True, category="bio"))
    message = await client.messages.create(**ask())
    assert (message.stop_reason, message.content) == ("refusal", [])
    assert message.stop_details is not None
    assert message.stop_details.category == "bio"
    assert sum(sim.log[-1].kinds.values()) == 0


async def test_a_refusal_mid_stream_is_billed(sim: Simulator, client: AsyncAnthropic) -> None:
    sim.script(faults.refusal(after="First you take"))
    async with client.messages.stream(**ask()) as stream:
        message = await stream.get_final_message()
    assert message.stop_reason == "refusal"
    assert message.content[-1].model_dump()["text"] == "First you take"
    assert message.stop_details is not None
    assert sim.log[-1].kinds["output"] == message.usage.output_tokens > 0


async def test_unknown_events_do_not_disturb_the_sdk(sim: Simulator, client: AsyncAnthropic) -> None:
    sim.script(Reply(text="Still here", odd_events=True), Reply(text="Still here", odd_events=True))
    assert {"weather_report", "content_block_delta"} <= {name for name, _ in await raw_events(client)}
    async with client.messages.stream(**ask()) as stream:
        assert await stream.get_final_text() == "Still here"


async def test_a_gate_lets_the_stream_advance_delta_by_delta(sim: Simulator, client: AsyncAnthropic) -> None:
    gate = sim.gate()
    sim.script(Reply(text="abcdef", chunk=2, thinking="", gate=gate))
    async with client.messages.stream(**ask()) as stream:
        heard = stream.text_stream
        gate.release(2)
        assert [await anext(heard), await anext(heard)] == ["ab", "cd"]
        await gate.reached()
        assert (sim.log[-1].deltas_sent, sim.log[-1].outcome) == (2, "running")
        gate.release()
        assert await anext(heard) == "ef"
        await gate.reached()
        gate.release()
        assert (await stream.get_final_message()).stop_reason == "end_turn"
    assert gate.passed == 4


async def test_a_held_reply_waits_for_the_simulators_own_gate(sim: Simulator, client: AsyncAnthropic) -> None:
    sim.script(Reply(text="abc", hold=True))
    task = asyncio.create_task(client.messages.create(**ask()))
    await sim.held.reached()
    assert not task.done()
    sim.held.open()
    assert (await task).stop_reason == "end_turn"


async def test_silence_keeps_the_line_alive_with_pings(sim: Simulator, client: AsyncAnthropic) -> None:
    sim.script(faults.silence("abc", seconds=0.05, ping_every=0.01))
    with pytest.raises(httpx2.RemoteProtocolError):
        await raw_events(client)
    assert sim.log[-1].outcome == "fault:silence"


async def test_a_client_that_leaves_is_noticed_at_once(sim: Simulator, client: AsyncAnthropic) -> None:
    gate = sim.gate()
    sim.script(Reply(text="abcdef", chunk=2, gate=gate))
    async with client.messages.stream(**ask()) as stream:
        await anext(aiter(stream))
    async with asyncio.timeout(LIMIT):
        await sim.idle()
    assert sim.log[-1].outcome == "disconnected"


async def test_the_aiohttp_transport_reads_the_same(sim: Simulator, client: AsyncAnthropic) -> None:
    async with AsyncAnthropic(
        base_url=sim.base_url, api_key="key-a", max_retries=0, http_client=DefaultAioHttpClient()
    ) as other:
        async with other.messages.stream(**ask()) as stream:
            over_aiohttp = await stream.get_final_text()
    async with client.messages.stream(**ask()) as stream:
        assert await stream.get_final_text() == over_aiohttp


async def test_many_streams_run_at_once(sim: Simulator, client: AsyncAnthropic) -> None:
    sim.respond(lambda request: Reply(text=request["messages"][0]["content"] * 50, chunk=3))

    async def answer(number: int) -> str:
        async with client.messages.stream(
            **ask({"role": "user", "content": f"n{number}"}, model=OPUS)
        ) as stream:
            return await stream.get_final_text()

    assert await asyncio.gather(*(answer(number) for number in range(30))) == [
        f"n{n}" * 50 for n in range(30)
    ]
