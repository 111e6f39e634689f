"""What `@anthropic-ai/sdk` makes of a running server: a conversation of two turns, the count, the list of models, an error."""

import json
from pathlib import Path

from tests import node
from tests.palaver import Palaver
from tests.upstream import Reply

DRIVER = Path(__file__).with_name("driver.mjs")


async def test_a_conversation_with_the_client_from_npm(app: Palaver) -> None:
    app.sim.script(Reply(text="Good morning."), Reply(text="Then the tide."))
    printed = await node.run(DRIVER, json.dumps({"url": app.url, "token": "any", "model": "palaver-auto"}))
    seen = json.loads(printed)
    assert [turn["text"] for turn in seen["said"]] == ["Good morning.", "Then the tide."]
    assert [turn["streamed"] for turn in seen["said"]] == ["Good morning.", "Then the tide."]
    total = (await app.get("/api/usage"))["total"]
    assert total["tokens"]["output"] == sum(turn["output"] for turn in seen["said"])
    assert total["calls"] == 2
    asked = app.sim.requests[1]["messages"]
    assert [message["role"] for message in asked] == ["user", "assistant", "user"]
    assert seen["counted"] > 0
    assert seen["models"][:4] == ["palaver-auto", "simple", "standard", "complex"]
    assert seen["refused"]["name"] == "NotFoundError"
    assert (seen["refused"]["status"], seen["refused"]["type"]) == (404, "not_found_error")
    assert seen["refused"]["requestId"]
