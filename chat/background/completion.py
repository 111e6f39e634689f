"""Calls to the model that answer nobody: titles, summaries, keep-alives. Each has its ledger row, whatever became of it."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from chat.calls.caller import Caller
from chat.calls.ledger import entry
from chat.calls.record import CallContext, CallRecord, Size
from chat.runtime.runtime import Runtime
from chat.upstream.failures import UpstreamFailure
from chat.upstream.stream_decoder import Stopped, TextDelta
from store.ledger.entries import Entry

SHORT_ANSWER = 500  # tokens a side call's answer probably has, thinking included


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What came of a side call: its text, complete only when `ok`, and the ledger row to store with its effect.

    A call that was never sent, because it had to give way, has no row.
    """

    ok: bool
    text: str
    spent: tuple[Entry, ...]


async def say(runtime: Runtime, call_context: CallContext, model: str, body: bytes) -> Completion:
    """Send a streamed request and collect its text. Never raises for what the provider does."""
    caller = runtime.caller
    record = caller.record(
        call_context, model=model, tier=runtime.deployment.tier_of(model), size=size_of(runtime, model, body)
    )
    words: list[str] = []
    with suppress(UpstreamFailure):  # the record knows how it ended
        async with caller.ask(record, body) as pieces:
            async for piece in pieces:
                if isinstance(piece, TextDelta):
                    record.received(piece.words, caller.clock.monotonic())
                    if piece.kind == "text":
                        words.append(piece.words)
                elif isinstance(piece, Stopped):
                    whole = piece.reason in ("end_turn", "stop_sequence")
                    record.end("ok" if whole else piece.reason, caller.clock.monotonic())
    return Completion(ok=record.outcome == "ok", text="".join(words), spent=_spent(caller, record))


async def touch(runtime: Runtime, call_context: CallContext, model: str, body: bytes) -> Completion:
    """Send a request that asks for no answer and only renews a cached prefix."""
    caller = runtime.caller
    record = caller.record(
        call_context, model=model, tier=runtime.deployment.tier_of(model), size=size_of(runtime, model, body)
    )
    with suppress(UpstreamFailure):
        await caller.touch(record, body)
    return Completion(ok=record.outcome == "ok", text="", spent=_spent(caller, record))


def size_of(runtime: Runtime, model: str, body: bytes) -> Size:
    """How large a request is, its JSON counted as text: a little more than the model will read.

    One that asks for no answer reads the cache, which counts against no limit.
    """
    text, output = body.decode(), int(json.loads(body)["max_tokens"])
    prompt = runtime.sizes.count(text, model)
    return Size(
        prompt=prompt,
        bound=runtime.sizes.bound(text, model),
        output=output,
        fresh=prompt if output else 0,
        answer=min(output, SHORT_ANSWER),
    )


def _spent(caller: Caller, record: CallRecord) -> tuple[Entry, ...]:
    return (entry(record, local=caller.local),) if record.noted else ()


def completion_request(
    model: str,
    system: str,
    text: str,
    *,
    max_tokens: int,
    user_ref: str | None,
    more: Mapping[str, Any] | None = None,
) -> bytes:
    """A request of one system prompt and one user text, in canonical form, not cached."""
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": max_tokens,
        "system": [{"type": "text", "text": system}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": text}]}],
        **(more or {}),
    }
    if user_ref is not None:
        body["metadata"] = {"user_id": user_ref}
    body["stream"] = True
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
