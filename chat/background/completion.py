"""Calls to the model that are not a turn's answer: titles, summaries, classifications, keep-alives. Each has its ledger row."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from chat.calls import ledger
from chat.calls.record import CallContext, CallRecord, Size
from chat.clock import Clock
from chat.runtime.runtime import Runtime
from chat.upstream.failures import UpstreamFailure
from chat.upstream.stream_decoder import MessageStopped, StreamEvent, TextDelta
from context.request.request import canonical
from store.ledger.entries import Entry

DEADLINES: dict[str, float] = {"title": 120.0, "summary": 300.0, "classify": 10.0, "keepalive": 60.0}
"""Seconds a call may take in all, by purpose, waiting for its slot included. Pings reset the silence timeout, never this one."""

SHORT_ANSWER = 500  # tokens such a call's answer probably has, thinking included


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What came of a call: its text, complete only when `ok`, and the ledger row to store with its effect.

    A call that was never sent, because it had to give way, has no row.
    """

    ok: bool
    text: str
    spent: tuple[Entry, ...]


async def complete(
    runtime: Runtime,
    call_context: CallContext,
    model: str,
    body: bytes,
    *,
    deadline: float | None = None,
    when_cancelled: str = "interrupted",
) -> Completion:
    """Send a streamed request and collect its text. Never raises for what the provider does.

    After `deadline` seconds, or those of its purpose, the call is given up. `when_cancelled`: the outcome in the ledger when the caller itself is cancelled.
    """
    caller = runtime.caller
    record = await _record(runtime, call_context, model, body)
    words: list[str] = []
    async with _kept_when_cancelled(runtime, record, when_cancelled):
        with suppress(UpstreamFailure):  # the record knows how it ended
            async with _limited(record, deadline, caller.clock), caller.ask(record, body) as reads:
                async for events in reads:
                    words += _text(record, events, caller.clock.monotonic())
    return Completion(ok=record.outcome == "ok", text="".join(words), spent=_spent(runtime, record))


async def touch(runtime: Runtime, call_context: CallContext, model: str, body: bytes) -> Completion:
    """Send a request that asks for no answer and only renews a cached prefix."""
    record = await _record(runtime, call_context, model, body)
    async with _kept_when_cancelled(runtime, record, "interrupted"):
        with suppress(UpstreamFailure):
            async with _limited(record, None, runtime.caller.clock):
                await runtime.caller.touch(record, body)
    return Completion(ok=record.outcome == "ok", text="", spent=_spent(runtime, record))


def _text(record: CallRecord, events: Sequence[StreamEvent], now: float) -> list[str]:
    """The text of some stream events, which the record takes note of."""
    words: list[str] = []
    for event in events:
        if isinstance(event, TextDelta):
            record.received(event.text, now, kind=event.kind)
            if event.kind == "text":
                words.append(event.text)
        elif isinstance(event, MessageStopped):
            whole = event.reason in ("end_turn", "stop_sequence")
            record.end("ok" if whole else event.reason, now)
    return words


@asynccontextmanager
async def _limited(record: CallRecord, deadline: float | None, clock: Clock) -> AsyncIterator[None]:
    """Give a call up after its deadline, and record that it took too long."""
    limit = DEADLINES[record.call_context.purpose] if deadline is None else deadline
    try:
        async with asyncio.timeout(limit):
            yield
    except TimeoutError:
        record.end("timeout", clock.monotonic())


def completion_request(model: str, system: str, text: str, *, max_tokens: int, user_ref: str | None) -> bytes:
    """A request of one system prompt and one user text, in canonical form, not cached."""
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": max_tokens,
        "system": [{"type": "text", "text": system}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": text}]}],
    }
    if user_ref is not None:
        body["metadata"] = {"user_id": user_ref}
    body["stream"] = True
    return canonical(body)


class _Limit(msgspec.Struct):
    """What is read of a request's JSON; the rest is skipped."""

    max_tokens: int


async def _record(runtime: Runtime, call_context: CallContext, model: str, body: bytes) -> CallRecord:
    return runtime.caller.record(
        call_context,
        model=model,
        tier=runtime.deployment.tier_of(model),
        size=await _size(runtime, model, body),
    )


async def _size(runtime: Runtime, model: str, body: bytes) -> Size:
    """How large a request is, its JSON counted as text: a little more than the model will read.

    One that asks for no answer reads the cache, which counts against no limit.
    """
    text, output = body.decode(), msgspec.json.decode(body, type=_Limit).max_tokens
    await runtime.sizes.prepare([text], [model])
    prompt = runtime.sizes.count(text, model)
    return Size(
        prompt=prompt,
        bound=runtime.sizes.bound(text, model),
        output=output,
        fresh=prompt if output else 0,
        answer=min(output, SHORT_ANSWER),
    )


@asynccontextmanager
async def _kept_when_cancelled(runtime: Runtime, record: CallRecord, outcome: str) -> AsyncIterator[None]:
    """Write the ledger row of a call whose caller is cancelled: nobody is left to store it with its effect."""
    try:
        yield
    except asyncio.CancelledError:
        record.end(outcome, runtime.clock.monotonic())
        rows = _spent(runtime, record)
        await asyncio.shield(runtime.database.write(partial(ledger.keep, rows=rows)))
        raise


def _spent(runtime: Runtime, record: CallRecord) -> tuple[Entry, ...]:
    return (ledger.entry(record, local=runtime.deployment.local),) if record.opened else ()
