"""The real `openai` for JavaScript against a running server."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests import node
from tests.chat.protocols.openai.told import asked, assistant, bound, stored, user
from tests.palaver import Palaver
from tests.upstream import Reply, faults

pytestmark = pytest.mark.asyncio(loop_scope="module")

DRIVER = Path(__file__).parent / "driver.mjs"


async def run(house: Palaver, *calls: dict[str, Any]) -> dict[str, Any]:
    """What these calls came to, one after another."""
    done: dict[str, Any] = json.loads(
        await node.run(DRIVER, json.dumps({"url": house.url, "calls": list(calls)}))
    )
    return done


async def test_a_conversation_in_a_thread_with_a_stop_and_an_error(house: Palaver, thread: str) -> None:
    gate = house.sim.gate()
    gate.release(2)
    house.sim.script(
        Reply(text="Hello Ada.", thinking="", chunk=3),
        Reply(text="one two three", thinking="", chunk=4, gate=gate),
        Reply(text="You are Ada.", thinking=""),
        faults.error_event("one "),
    )
    first = [user("I am Ada.")]
    second = [*first, assistant("Hello Ada."), user("Count")]
    third = [*second, assistant("one "), user("Who am I?")]
    streamed = {"headers": bound(thread), "stream": True}
    done = await run(
        house,
        {**streamed, "messages": first, "stream_options": {"include_usage": True}},
        {**streamed, "messages": second, "abortAfter": "one two"},
        {"headers": bound(thread), "messages": third},
        {"messages": [user("Count")], "stream": True},
        {"messages": [user("Hello")], "model": "gpt-9"},
    )
    said, stopped, asked_again, broken, unknown = done["results"]
    assert (said["content"], said["finish"]) == ("Hello Ada.", "stop")
    assert said["usage"]["total_tokens"] > 0
    assert stopped["content"] == "one two "
    assert asked_again["content"] == "You are Ada."
    assert await stored(house, thread) == [
        ("user", "I am Ada."),
        ("assistant", "Hello Ada."),
        ("user", "Count"),
        ("assistant", "one two "),
        ("user", "Who am I?"),
        ("assistant", "You are Ada."),
    ]
    assert [message["status"] for message in await house.messages(thread)][3] == "cancelled"
    assert broken["code"] == "upstream_error"
    assert (unknown["error"], unknown["status"], unknown["code"]) == ("NotFoundError", 404, "model_not_found")
    assert unknown["requestID"]
    assert len(house.sim.requests) == 4
    assert "palaver-auto" in done["models"]
    assert asked(house) == [("user", "Count")]
