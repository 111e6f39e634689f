"""Who leaves an answer stops it: a client of this protocol cannot come back to it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from openai import AsyncOpenAI

from chat.errors import ThreadBusy
from chat.turns.accept import Accepted
from chat.turns.runner import Runner
from tests.chat.protocols.openai.told import Messages, assistant, bound, say, stored, user
from tests.palaver import Palaver
from tests.upstream import Reply
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


def watch_accept(
    monkeypatch: pytest.MonkeyPatch, around: Callable[[Awaitable[Accepted]], Awaitable[Accepted]]
) -> None:
    """Let `around` await every acceptance of a turn."""
    accept = Runner.accept

    async def watched(runner: Runner, *args: Any) -> Accepted:
        return await around(accept(runner, *args))

    monkeypatch.setattr(Runner, "accept", watched)


async def stopped(house: Palaver, thread: str) -> None:
    """Wait until the last answer of a thread has been stopped."""

    async def cancelled() -> bool:
        return bool((await house.messages(thread))[-1]["status"] == "cancelled")

    await until(cancelled)


async def test_a_client_that_leaves_stops_the_turn_and_can_go_on_at_once(
    house: Palaver, thread: str, openai_client: AsyncOpenAI
) -> None:
    gate = house.sim.gate()
    house.sim.script(Reply(text="one two three", chunk=4, thinking="", gate=gate), Reply(text="Go on."))
    answer = await openai_client.chat.completions.create(
        model="palaver-auto", messages=[user("Count")], stream=True, extra_headers=bound(thread)
    )
    gate.release(2)
    heard = ""
    async for chunk in answer:
        heard += chunk.choices[0].delta.content or ""
        if heard == "one two ":
            break
    await answer.close()
    await stopped(house, thread)
    await house.sim.idle()
    assert await say(openai_client, [user("Count"), assistant("one "), user("And?")], thread) == "Go on."
    assert await stored(house, thread) == [("user", "Count"), ("assistant", "one two "), ("user", "And?"), ("assistant", "Go on.")]  # fmt: skip


async def test_a_client_may_go_on_before_the_server_knows_that_it_stopped(
    house: Palaver, thread: str, openai_client: AsyncOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = house.sim.gate()
    house.sim.script(Reply(text="one two", chunk=4, thinking="", gate=gate), Reply(text="Go on."))
    answer = await openai_client.chat.completions.create(
        model="palaver-auto", messages=[user("Count")], stream=True, extra_headers=bound(thread)
    )
    gate.release(1)
    async for chunk in answer:
        if chunk.choices[0].delta.content:
            break
    refused = asyncio.Event()

    async def watched(acceptance: Awaitable[Accepted]) -> Accepted:
        try:
            return await acceptance
        except ThreadBusy:
            refused.set()
            raise

    watch_accept(monkeypatch, watched)
    told: Messages = [user("Count"), assistant("one "), user("And?")]
    asking = asyncio.create_task(say(openai_client.with_options(max_retries=0), told, thread))
    await refused.wait()
    await answer.close()
    assert await asking == "Go on."
    assert [text for _, text in await stored(house, thread)] == ["Count", "one ", "And?", "Go on."]


async def test_a_client_that_leaves_before_the_stream_begins_stops_the_turn(
    house: Palaver, thread: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = house.sim.gate()
    house.sim.script(Reply(text="one", gate=gate))
    accepted, left = asyncio.Event(), asyncio.Event()

    async def held(acceptance: Awaitable[Accepted]) -> Accepted:
        made = await acceptance
        accepted.set()
        await left.wait()
        return made

    watch_accept(monkeypatch, held)
    body = {"messages": [user("Count")], "stream": True}
    asking = asyncio.create_task(house.http.post("/v1/chat/completions", json=body, headers=bound(thread)))
    await accepted.wait()
    asking.cancel()
    await asyncio.wait([asking])
    left.set()
    await stopped(house, thread)


async def test_a_client_that_waits_for_the_whole_answer_stops_it_by_leaving_too(
    house: Palaver, thread: str, openai_client: AsyncOpenAI
) -> None:
    gate = house.sim.gate()
    house.sim.script(Reply(text="one", gate=gate))
    asking = asyncio.create_task(say(openai_client, [user("Count")], thread))
    await gate.reached()
    asking.cancel()
    await stopped(house, thread)
