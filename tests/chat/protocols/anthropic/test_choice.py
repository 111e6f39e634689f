"""The model for `palaver-auto`, by what the request carries: the same for the same conversation."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from chat.auth.principal import Principal
from chat.protocols.anthropic.parsed_request import parse_request
from chat.protocols.anthropic.routing import route_of
from store.local_user import LOCAL
from tests.palaver import Palaver, palaver
from tests.upstream import Simulator

PROOF = "Prove that the square root of two is irrational, and that sums of two such roots are, too."
WHO = Principal(owner_id=LOCAL, admin=True)


@pytest.fixture
async def app(sim: Simulator, tmp_path: Path) -> AsyncIterator[Palaver]:
    async with palaver(tmp_path, sim, default_tier="auto") as running:
        yield running


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def answer(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": [*blocks, {"type": "text", "text": "It is."}]}


def tier(app: Palaver, *messages: dict[str, Any], model: str = "palaver-auto", who: Principal = WHO) -> Any:
    body = {"model": model, "max_tokens": 900, "messages": list(messages)}
    return route_of(app.deps.deployment, parse_request(json.dumps(body).encode()), who, {}).tier


async def test_what_the_user_said_last_decides(app: Palaver) -> None:
    assert tier(app, user(PROOF)) == "complex"
    assert tier(app, user("Hi")) == "simple"
    assert tier(app, user(PROOF), answer(), user("Thanks!")) == "simple"


async def test_with_thinking_the_choice_is_the_one_that_was_made_before_it(app: Palaver) -> None:
    thinking = {"type": "thinking", "thinking": "Assume it is rational.", "signature": "s"}
    assert tier(app, user(PROOF), answer(thinking), user("Thanks!")) == "complex"
    assert tier(app, user("Hi"), answer(), user(PROOF), answer(thinking), user("Thanks!")) == "complex"
    hidden = {"type": "redacted_thinking", "data": "x"}
    assert tier(app, user(PROOF), answer(hidden), user("Thanks!")) == "complex"


async def test_the_result_of_a_tool_decides_nothing(app: Palaver) -> None:
    called = {"type": "tool_use", "id": "t", "name": "tide", "input": {}}
    result = [
        {"type": "tool_result", "tool_use_id": "t", "content": "ok"},
        {"type": "text", "text": "Thanks!"},
    ]
    assert tier(app, user(PROOF), answer(called), user(result)) == "complex"


async def test_a_tier_by_name_and_a_bound_of_the_token_hold(app: Palaver) -> None:
    assert tier(app, user("Hi"), model="complex") == "complex"
    bound = Principal(owner_id=LOCAL, tier="simple", at_most=True)
    assert tier(app, user(PROOF), who=bound) == "simple"
