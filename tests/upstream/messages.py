"""`POST /v1/messages` and `/v1/messages/count_tokens`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from starlette.types import Scope

from tests.upstream import answers, prompt, stream, tokens
from tests.upstream.answers import Answer
from tests.upstream.call import Call
from tests.upstream.errors import ApiError, invalid
from tests.upstream.log import Exchange
from tests.upstream.models import find_model
from tests.upstream.play import play, silent
from tests.upstream.replies import BrokenEnding, HttpFault, NoResponse, Reply
from tests.upstream.wire import Disconnected, Wire

if TYPE_CHECKING:
    from tests.upstream.simulator import Simulator


async def create(sim: Simulator, wire: Wire, exchange: Exchange, _scope: Scope) -> None:
    """Validate, account, then answer as scripted."""
    call = accept(sim, exchange)
    blocks = prompt.lay_out(call)
    reply = sim.next_reply(call.body)
    async with wire.until_disconnect():
        await _before_the_head(wire, exchange, reply)
        usage = {
            "input_tokens": prompt.size(blocks),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        }
        answer = answers.compose(reply, call, input_tokens=prompt.size(blocks), prefix="", previous=None)
        usage |= {
            "output_tokens": answer.output_tokens,
            "service_tier": "standard",
            "inference_geo": "global",
        }
        exchange.usage = usage
        exchange.text, exchange.stop_reason = answer.text, answer.stop_reason
        exchange.message_id = sim.new_id("msg")
        message = {
            "id": exchange.message_id,
            "type": "message",
            "role": "assistant",
            "model": call.body["model"],
            "content": list(answer.content),
            "stop_reason": answer.stop_reason,
            "stop_sequence": answer.stop_sequence,
            "stop_details": answer.stop_details,
            "usage": usage,
        }
        await _send(sim, wire, exchange, reply, answer, message, call)


async def count_tokens(sim: Simulator, _wire: Wire, exchange: Exchange, _scope: Scope) -> Any:
    """An estimate: the same for the same request, and a few percent off on purpose."""
    call = accept(sim, exchange)
    return {"input_tokens": tokens.estimate(prompt.size(prompt.lay_out(call)), exchange.body)}


def accept(_sim: Simulator, exchange: Exchange) -> Call:
    body = exchange.json
    if not isinstance(body, dict):
        raise invalid("The request body is not valid JSON: an object is expected")
    for name in ("model", "messages"):
        if name not in body:
            raise invalid(f"{name}: Field required")
    return Call(body=body, model=find_model(body["model"]), workspace=exchange.workspace or "")


async def _before_the_head(wire: Wire, exchange: Exchange, reply: Reply) -> None:
    if reply.head_gate is not None:
        await reply.head_gate.pass_through()
    if reply.head_delay:
        await asyncio.sleep(reply.head_delay)
    match reply.fault:
        case HttpFault(error=error, delay=delay):
            await asyncio.sleep(delay)
            exchange.outcome = f"fault:{error.error_code or error.type}"
            raise error
        case NoResponse(delay=delay):
            await asyncio.sleep(delay)
            exchange.outcome = "fault:no_response"
            await wire.reset()
            raise Disconnected


async def _send(
    sim: Simulator,
    wire: Wire,
    exchange: Exchange,
    reply: Reply,
    answer: Answer,
    message: dict[str, Any],
    call: Call,
) -> None:
    from tests.upstream.routes import headers

    exchange.began_at = sim.clock.now
    exchange.status = 200
    gate = reply.gate or (sim.held if reply.hold else None)
    if not call.stream:
        await _send_whole(sim, wire, exchange, reply, message, headers(exchange))
        return
    opening = {**message, "content": [], "stop_reason": None, "stop_sequence": None, "stop_details": None}
    opening["usage"] = {**message["usage"], "output_tokens": min(1, answer.output_tokens)}
    broken = isinstance(reply.fault, BrokenEnding)
    content = stream.content_frames(answer, reply.chunk, open_ended=broken)
    if isinstance(reply.fault, BrokenEnding) and reply.fault.share < 1:
        content = content[: int(len(content) * reply.fault.share)]
    sse = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
    await wire.start(200, {**sse, **headers(exchange)})
    await play(
        wire,
        exchange,
        reply,
        opening=stream.message_start(opening),
        content=content,
        ending=stream.message_end(answer, message["usage"]),
        gate=gate,
        silence_over=sim.silence_over,
    )


async def _send_whole(
    sim: Simulator,
    wire: Wire,
    exchange: Exchange,
    reply: Reply,
    message: dict[str, Any],
    headers: dict[str, str],
) -> None:
    """Without streaming all waiting happens before the head, and a broken ending breaks the whole."""
    gate = reply.gate or (sim.held if reply.hold else None)
    if gate is not None:
        await gate.pass_through()
    await asyncio.sleep(reply.first_delay)
    if not isinstance(reply.fault, BrokenEnding):
        await wire.json(200, message, headers)
        return
    exchange.outcome = f"fault:{reply.fault.how}"
    match reply.fault.how:
        case "error":
            raise reply.fault.error or ApiError(status=529, type="overloaded_error", message="Overloaded")
        case "silence":
            await silent(wire, reply.fault.seconds, None, sim.silence_over)
            await wire.close()
        case "reset":
            await wire.reset()
        case "eof" | "no_message_stop":
            await wire.start(200, {"content-type": "application/json", **headers})
            await wire.write(b'{"id":')
            await wire.close()
