"""Sending one answer: its pace, its gates, and the end it was scripted to come to."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from tests.upstream import stream
from tests.upstream.errors import ApiError
from tests.upstream.gate import Gate
from tests.upstream.log import Exchange
from tests.upstream.replies import BrokenEnding, Reply
from tests.upstream.wire import Wire

BREATH = 32
"""Frames written before other streams get a turn, when nothing else makes this one wait."""


async def play(
    wire: Wire,
    exchange: Exchange,
    reply: Reply,
    *,
    opening: bytes,
    content: list[bytes],
    ending: list[bytes],
    gate: Gate | None,
    silence_over: asyncio.Event,
) -> None:
    """Write the stream of one reply. The response head is already out."""
    await wire.write(opening)
    for _ in range(reply.pings):
        await wire.write(stream.PING)
    if reply.first_delay:
        await _wait(wire, reply.first_delay, reply.ping_every)
    frames: Iterable[bytes] = stream.with_odd_events(content) if reply.odd_events else content
    if gate is None and not reply.delay:
        await _rush(wire, exchange, frames)
    else:
        await _pace(wire, exchange, frames, gate, reply.delay)
    if isinstance(reply.fault, BrokenEnding):
        if reply.fault.late:
            await wire.write(ending[0])
        await _break(wire, exchange, reply, reply.fault, silence_over)
        return
    for data in ending:
        await wire.write(data)
    await wire.finish()


async def _rush(wire: Wire, exchange: Exchange, frames: Iterable[bytes]) -> None:
    for number, data in enumerate(frames, start=1):
        await wire.write(data)
        exchange.deltas_sent += data.startswith(stream.DELTA)
        if not number % BREATH:
            await asyncio.sleep(0)


async def _pace(
    wire: Wire, exchange: Exchange, frames: Iterable[bytes], gate: Gate | None, delay: float
) -> None:
    """Deltas are due at `start + n·delay`, so a slow machine does not stretch the reply."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    for data in frames:
        if stream.is_delta(data):
            if gate is not None:
                await gate.pass_through()
            if delay:
                await asyncio.sleep(max(0.0, due - loop.time()))
                due += delay
            exchange.deltas_sent += 1
        await wire.write(data)
    if gate is not None:
        await gate.pass_through()


async def _break(
    wire: Wire, exchange: Exchange, reply: Reply, fault: BrokenEnding, silence_over: asyncio.Event
) -> None:
    exchange.outcome = f"fault:{fault.how}"
    match fault.how:
        case "reset":
            await wire.reset()
        case "eof":
            await wire.close()
        case "no_message_stop":
            await wire.finish()
        case "garbled":
            await wire.write(b"event: content_block_delta\ndata: {not json\n\n")
            await wire.finish()
        case "error":
            error = fault.error or ApiError(status=529, type="overloaded_error", message="Overloaded")
            await wire.write(stream.error_event(error.body(exchange.request_id)))
            await wire.finish()
        case "silence":
            await silent(wire, fault.seconds, reply.ping_every, silence_over)
            await wire.close()


async def silent(wire: Wire, seconds: float | None, ping_every: float | None, over: asyncio.Event) -> None:
    """Say nothing for `seconds` (None: until `over` is set), with a ping now and then if asked."""
    loop = asyncio.get_running_loop()
    end = None if seconds is None else loop.time() + seconds
    while not over.is_set():
        remaining = None if end is None else end - loop.time()
        if remaining is not None and remaining <= 0:
            return
        step = min((value for value in (remaining, ping_every) if value is not None), default=None)
        try:
            await asyncio.wait_for(over.wait(), step)
        except TimeoutError:
            if ping_every is not None:
                await wire.write(stream.PING)


async def _wait(wire: Wire, seconds: float, ping_every: float | None) -> None:
    await silent(wire, seconds, ping_every, asyncio.Event())
