"""Calls to the model that answer nobody: titles, summaries, keep-alives. Each has its ledger row, whatever became of it."""

import json
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from chat.clock import Clock
from chat.deployment import Deployment
from chat.ledger import CallRecord, entry
from chat.upstream.client import Call
from chat.upstream.failures import UpstreamFailure
from chat.upstream.wire import Stopped, Words
from store.usage import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What came of a side call: its text, complete only when `ok`, and the ledger row to store with its effect."""

    ok: bool
    text: str
    spent: Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """On whose behalf and for what a side call is made."""

    owner_id: str
    thread_id: str
    purpose: str
    turn_id: str | None = None


async def say(deployment: Deployment, clock: Clock, errand: Errand, model: str, body: bytes) -> Side:
    """Send a streamed request and collect its text. Never raises for what the provider does."""
    record = _record(model, clock)
    words: list[str] = []
    reason = ""
    try:
        async with deployment.upstream.ask(body, record.call) as pieces, aclosing(pieces):
            async for piece in pieces:
                if isinstance(piece, Words):
                    record.heard(piece.words, clock.monotonic())
                    if piece.kind == "text":
                        words.append(piece.words)
                elif isinstance(piece, Stopped):
                    reason = piece.reason
        record.end(
            "ok" if reason in ("end_turn", "stop_sequence") else reason or "unfinished", clock.monotonic()
        )
    except UpstreamFailure as failure:
        record.end(failure.trouble.outcome, clock.monotonic())
    finally:
        if record.ended is None:
            record.end("cancelled", clock.monotonic())
    return Side(
        ok=record.outcome == "ok", text="".join(words), spent=_spent(deployment, clock, errand, record)
    )


async def touch(deployment: Deployment, clock: Clock, errand: Errand, model: str, body: bytes) -> Side:
    """Send a request that asks for no answer and only renews a cached prefix."""
    record = _record(model, clock)
    try:
        await deployment.upstream.touch(body, record.call)
        record.end("ok", clock.monotonic())
    except UpstreamFailure as failure:
        record.end(failure.trouble.outcome, clock.monotonic())
    return Side(ok=record.outcome == "ok", text="", spent=_spent(deployment, clock, errand, record))


def text_request(
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


def _record(model: str, clock: Clock) -> CallRecord:
    return CallRecord(call=Call(), model=model, started=clock.monotonic(), created_at=clock.now())


def _spent(deployment: Deployment, clock: Clock, errand: Errand, record: CallRecord) -> Entry:
    return entry(
        record,
        clock,
        owner_id=errand.owner_id,
        thread_id=errand.thread_id,
        turn_id=errand.turn_id,
        purpose=errand.purpose,
        local=deployment.backend == "local",
    )
