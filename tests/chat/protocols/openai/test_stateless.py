"""Conversations that their client keeps: the model reads exactly what was sent, nothing but the ledger is written, and limits apply."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from openai import APIError, APIStatusError, AsyncOpenAI, BadRequestError, NotFoundError, RateLimitError

from tests.chat.protocols.openai.told import Messages, asked, assistant, bound, user
from tests.palaver import Palaver, palaver
from tests.upstream import Reply, Simulator, faults
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETTINGS = {"default_tier": "auto"}


async def calls(house: Palaver) -> list[dict[str, Any]]:
    """The ledger's rows, the newest first."""
    answer = await house.http.get("/api/usage/calls")
    return sorted(map(json.loads, answer.text.splitlines()), key=lambda row: row["id"], reverse=True)


async def test_the_model_reads_what_the_client_sent_and_nothing_is_stored(
    house: Palaver, openai_client: AsyncOpenAI
) -> None:
    house.sim.script(Reply(text="You are Ada.", thinking="Ada."))
    threads = await house.get("/api/threads")
    told: Messages = [
        {"role": "system", "content": "Be brief."},
        user("I am Ada."),
        assistant("Hello Ada."),
        {"role": "user", "content": [{"type": "text", "text": "Who"}, {"type": "text", "text": "am I?"}]},
    ]
    made = await openai_client.chat.completions.create(
        model="simple", messages=told, max_tokens=5_000, stop=["END", " "], user="u", seed=7
    )
    assert made.object == "chat.completion"
    [choice] = made.choices
    assert (choice.message.role, choice.message.content, choice.finish_reason) == ("assistant", "You are Ada.", "stop")  # fmt: skip
    assert getattr(choice.message, "reasoning_content", None) == "Ada."
    assert asked(house) == [("user", "I am Ada."), ("assistant", "Hello Ada."), ("user", "Who\n\nam I?")]
    sent = house.sim.requests[-1]
    assert [block["text"] for block in sent["system"]][1:] == ["Be brief."]
    assert (sent["max_tokens"], sent["stop_sequences"]) == (5_000, ["END"])
    assert sent["model"] == made.model == house.deps.deployment.tiers["simple"]
    [row, *_] = await calls(house)
    assert (row["outcome"], row["purpose"], row["thread"], row["turn"]) == ("ok", "reply", None, None)
    assert made.usage is not None
    assert made.usage.completion_tokens == row["output_tokens"]
    assert await house.get("/api/threads") == threads


async def test_the_router_chooses_by_the_last_message(house: Palaver, openai_client: AsyncOpenAI) -> None:
    for text, tier in (("Thanks!", "simple"), ("Prove that every finite integral domain is a field, and implement it in Rust.", "complex")):  # fmt: skip
        made = await openai_client.chat.completions.create(model="palaver-auto", messages=[user(text)])
        assert made.model == house.deps.deployment.tiers[tier]  # type: ignore[index]


async def test_a_stream_and_its_bytes(house: Palaver) -> None:
    hostile = 'a\r\nb\n\ndata: [DONE]\n\nevent: error\nid: 7\u2028\u2029\x85: ka\n"\\ \U0001f6b2'
    house.sim.script(Reply(text=hostile, thinking="", chunk=1_000))
    answer = await house.http.post("/v1/chat/completions", json={"messages": [user("Hello")], "stream": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.headers["x-request-id"]
    body = answer.content
    assert body.endswith(b"data: [DONE]\n\n")
    assert b"\r" not in body
    assert b"usage" not in body
    lines = body.decode().removesuffix("\n\n").split("\n")
    assert all(line.startswith("data: ") or line in ("", ": ka") for line in lines), (
        "no id:, event: or retry:"
    )


async def test_a_conversation_that_goes_on_is_cached_and_a_first_message_is_not(
    house: Palaver, openai_client: AsyncOpenAI
) -> None:
    told: Messages = [user("1")]
    await openai_client.chat.completions.create(model="standard", messages=told)
    assert "cache_control" not in str(house.sim.requests[-1])
    await openai_client.chat.completions.create(model="standard", messages=[*told, assistant("a"), user("2")])
    assert house.sim.requests[-1]["messages"][-1]["content"][-1]["cache_control"] == {"type": "ephemeral"}


async def test_a_client_that_leaves_stops_the_call_and_the_ledger_knows(
    house: Palaver, openai_client: AsyncOpenAI
) -> None:
    gate = house.sim.gate()
    house.sim.script(Reply(text="one two three", chunk=4, thinking="", gate=gate))
    answer = await openai_client.chat.completions.create(
        model="simple", messages=[user("Count")], stream=True
    )
    gate.release(1)
    async for chunk in answer:
        if chunk.choices[0].delta.content:
            break
    await answer.close()

    async def counted() -> bool:
        return bool((await calls(house))[0]["outcome"] == "cancelled")

    await until(counted)
    await house.sim.idle()
    assert house.deps.runtime.caller.admission.waiting == 0


async def test_failures_are_repeated_and_given_to_another_model_before_the_first_word(
    house: Palaver, openai_client: AsyncOpenAI
) -> None:
    simple = house.deps.deployment.tiers["simple"]
    house.sim.script(faults.overloaded(), faults.overloaded(), Reply(text="Here."))
    made = await openai_client.chat.completions.create(model="simple", messages=[user("Hello")])
    assert made.choices[0].message.content == "Here."
    assert [request["model"] for request in house.sim.requests][:2] == [simple, simple]
    assert made.model == house.sim.requests[-1]["model"] != simple
    assert [row["outcome"] for row in (await calls(house))[:3]] == ["ok", "overloaded", "overloaded"]


async def test_an_error_in_the_middle_raises(house: Palaver, openai_client: AsyncOpenAI) -> None:
    house.sim.script(faults.error_event("one two "))
    answer = await openai_client.chat.completions.create(
        model="simple", messages=[user("Count")], stream=True
    )
    heard = ""
    with pytest.raises(APIError):  # noqa: PT012 - what was heard before it counts
        async for chunk in answer:
            heard += chunk.choices[0].delta.content or ""
    assert heard.startswith("one ")
    assert len(house.sim.requests) == 1


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({}, 400, "bad_request", "messages"),
        ({"messages": []}, 400, "bad_request", "messages"),
        ({"messages": [{"role": "user", "content": " "}]}, 400, "bad_request", "messages"),
        ({"messages": [user("a"), assistant("b")]}, 400, "bad_request", "messages"),
        ({"messages": [{"role": "tool", "content": "a", "tool_call_id": "x"}]}, 400, "bad_request", "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, 400, "bad_request", "messages"),
        ({"messages": [user("a")] * 4_001}, 400, "bad_request", "messages"),
        ({"messages": [user("a")], "model": "gpt-9"}, 404, "model_not_found", "model"),
        ({"messages": [user("word " * 79_000)] * 6}, 400, "context_length_exceeded", "messages"),
    ],
)  # fmt: skip
async def test_errors_have_their_shape_and_status(
    house: Palaver, body: dict[str, Any], status: int, code: str, param: str
) -> None:
    answer = await house.http.post("/v1/chat/completions", json=body)
    assert answer.status_code == status, answer.text[:200]
    error = answer.json()["error"]
    assert (error["code"], error["param"], error["type"]) == (code, param, "invalid_request_error")
    assert error["message"]


async def test_the_client_raises_the_right_classes(house: Palaver, openai_client: AsyncOpenAI) -> None:
    with pytest.raises(NotFoundError):
        await openai_client.chat.completions.create(model="gpt-9", messages=[user("a")])
    with pytest.raises(NotFoundError):
        await openai_client.models.retrieve("gpt-9")
    with pytest.raises(BadRequestError):
        await openai_client.chat.completions.create(model="simple", messages=[])
    house.sim.respond(lambda _: faults.refusal(before=True))
    with pytest.raises(APIStatusError) as refused:
        await openai_client.chat.completions.create(model="simple", messages=[user("a")])
    assert (refused.value.status_code, refused.value.code) == (400, "content_filtered")


async def test_models(house: Palaver, openai_client: AsyncOpenAI) -> None:
    names = [model.id async for model in await openai_client.models.list()]
    tiers = house.deps.deployment.tiers
    assert names == ["palaver-auto", *tiers, *dict.fromkeys(tiers.values())]
    assert (await openai_client.models.retrieve("palaver-auto")).object == "model"


async def test_a_conversation_that_begins_with_an_answer_and_one_with_gaps(
    house: Palaver, openai_client: AsyncOpenAI
) -> None:
    told: Messages = [assistant("Welcome!"), user("Hello"), user("Anyone?"), assistant(""), user("Well?")]
    await openai_client.chat.completions.create(model="simple", messages=told)
    assert asked(house) == [("user", "(The assistant speaks first.)"), ("assistant", "Welcome!"), ("user", "Hello|Anyone?|Well?")]  # fmt: skip


async def test_budgets_apply(tmp_path: Path) -> None:
    budgets = [{"scope": "user", "unit": "requests", "period": "day", "limit": 1}]
    async with Simulator() as sim, palaver(tmp_path, sim, budgets=budgets) as app:
        async with AsyncOpenAI(base_url=f"{app.url}/v1", api_key="none") as client:
            await client.chat.completions.create(model="simple", messages=[user("a")])
            with pytest.raises(RateLimitError) as refused:
                await client.chat.completions.create(model="simple", messages=[user("a")])
        assert refused.value.code == "budget_exceeded"
        assert len(sim.requests) == 1


async def test_money_that_is_nearly_spent_makes_answers_shorter_and_then_refuses(tmp_path: Path) -> None:
    budgets = [{"scope": "user", "unit": "tokens", "period": "day", "limit": 5_000}]
    async with Simulator() as sim, palaver(tmp_path, sim, budgets=budgets) as app:
        async with AsyncOpenAI(base_url=f"{app.url}/v1", api_key="none") as client:
            await client.chat.completions.create(model="simple", messages=[user("a")])
            assert 2_048 <= sim.requests[-1]["max_tokens"] < 5_000
            with pytest.raises(APIStatusError) as refused:
                await client.chat.completions.create(model="simple", messages=[user("word " * 3_000)])
        assert (refused.value.status_code, refused.value.code) == (429, "budget_exceeded")
        assert len(sim.requests) == 1


@pytest.mark.parametrize("headers", [{}, bound("t")])
async def test_a_server_that_stops_tells_the_reader(tmp_path: Path, headers: dict[str, str]) -> None:
    async with Simulator() as sim, palaver(tmp_path, sim) as app:
        gate = sim.gate()
        sim.script(Reply(text="one two", chunk=4, thinking="", gate=gate))
        async with AsyncOpenAI(base_url=f"{app.url}/v1", api_key="none") as client:
            answer = await client.chat.completions.create(
                model="simple", messages=[user("Count")], stream=True, extra_headers=headers
            )
            gate.release(1)
            heard = ""
            with pytest.raises(APIError) as ended:  # noqa: PT012 - what was heard before it counts
                async for chunk in answer:
                    heard += chunk.choices[0].delta.content or ""
                    if heard and headers:
                        app.deps.runner.draining.set()
                    elif heard:
                        await app.deps.runner.drain(0)
            assert (heard, ended.value.code) == ("one ", "interrupted")


async def test_many_at_once(house: Palaver, openai_client: AsyncOpenAI) -> None:
    house.sim.respond(lambda request: Reply(text=request["messages"][-1]["content"][0]["text"], thinking=""))
    made = await asyncio.gather(
        *(
            openai_client.chat.completions.create(model="simple", messages=[user(f"word {number}")])
            for number in range(20)
        )
    )
    assert [each.choices[0].message.content for each in made] == [f"word {number}" for number in range(20)]
