"""Cache diagnostics: which part of a request first differs from the previous one it names (upstream-facts 2.10).

Requests are compared, not cache entries: no divergence together with no reads means that the entry expired.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from tests.upstream.call import Call
from tests.upstream.prompt import Prompt

REMEMBERED_SECONDS = 3600.0
"""Assumed; the documentation says only that fingerprints expire quickly."""
MOST = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """What is kept of a request."""

    workspace: str
    model: tuple[str, str]
    prompt: Prompt
    at: float


class Fingerprints:
    """The requests of the last hour that asked for diagnostics, by the id of their response."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Fingerprint] = OrderedDict()

    def remember(self, message_id: str, call: Call, prompt: Prompt, now: float) -> None:
        self._known[message_id] = Fingerprint(
            workspace=call.workspace, model=(call.model.id, call.speed), prompt=prompt, at=now
        )
        if len(self._known) > MOST:
            self._known.popitem(last=False)

    def compare(self, call: Call, prompt: Prompt, now: float) -> dict[str, Any] | None:
        """The `diagnostics` of a response: None when not asked for or nothing diverged."""
        diagnostics = call.body.get("diagnostics")
        if not diagnostics or diagnostics.get("previous_message_id") is None:
            return None
        before = self._known.get(diagnostics["previous_message_id"])
        if before is None or before.workspace != call.workspace or now - before.at > REMEMBERED_SECONDS:
            return {"cache_miss_reason": {"type": "previous_message_not_found"}}
        reason = _divergence(before, call, prompt)
        return None if reason is None else {"cache_miss_reason": reason}


def _divergence(before: Fingerprint, call: Call, prompt: Prompt) -> dict[str, Any] | None:
    old = before.prompt
    if before.model != (call.model.id, call.speed):
        return _changed("model_changed", old.tokens)
    if old.tools != prompt.tools:
        return _changed("tools_changed", old.tokens)
    if old.system != prompt.system:
        tools = sum(block.tokens for block in old.blocks if block.level == "tools")
        return _changed("system_changed", old.tokens - tools)
    matched_tokens = 0
    for position, block in enumerate(old.blocks):
        if position >= len(prompt.blocks) or prompt.blocks[position].plain != block.plain:
            return _changed("messages_changed", old.tokens - matched_tokens)
        matched_tokens += block.tokens
    if old.blocks and old.blocks[-1].digest != prompt.blocks[len(old.blocks) - 1].digest:
        return {"type": "unavailable"}
    return None


def _changed(type: str, missed: int) -> dict[str, Any]:
    return {"type": type, "cache_missed_input_tokens": missed}
