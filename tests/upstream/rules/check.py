"""All rules of one request, from its raw JSON to an accepted call."""

from __future__ import annotations

from typing import Any, Literal

from tests.upstream.call import Call
from tests.upstream.errors import invalid
from tests.upstream.models import find_model
from tests.upstream.prompt import Prompt, lay_out
from tests.upstream.rules import abilities, marks, shape, thoughts, turns

Purpose = Literal["message", "count", "batch"]
FIRST_STRICT_VERSION = "2026-10-21"


def check(
    body: Any, *, workspace: str, version: str, purpose: Purpose, check_thinking: bool
) -> tuple[Call, Prompt]:
    """The accepted call and its prompt; raises `ApiError` with the first fault."""
    shape.check_body(body, counting=purpose == "count")
    model = find_model(body["model"])
    strict = version >= FIRST_STRICT_VERSION
    shape.check_sampling(body, model, strict=strict)
    turns.check_messages(body, model, strict=strict)
    turns.check_tools(body)
    marks.check_marks(body)
    call = Call(body=body, model=model, workspace=workspace, batch=purpose == "batch")
    abilities.check_settings(call, counting=purpose == "count")
    prompt = lay_out(call)
    thoughts.check_thinking_blocks(prompt, call, enforced=check_thinking)
    if purpose != "count" and prompt.tokens > model.context:
        raise invalid(f"prompt is too long: {prompt.tokens} tokens > {model.context} maximum")
    return call, prompt
