"""`POST /v1/messages` and `/v1/messages/count_tokens`: the life of a request.

Accepted → billed against the cache as it is now → perhaps held or failed before the head → its cache entries become
visible → sent as scripted.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.types import Scope

from tests.upstream import answers, stream, tokens
from tests.upstream.answers import Answer
from tests.upstream.cache import Bill
from tests.upstream.call import Call
from tests.upstream.errors import ApiError
from tests.upstream.headers import response_headers
from tests.upstream.log import Exchange
from tests.upstream.play import play, silent
from tests.upstream.prompt import Prompt
from tests.upstream.replies import BrokenEnding, HttpFault, NoResponse, Reply
from tests.upstream.rules.check import Purpose, check
from tests.upstream.wire import Disconnected, Wire

if TYPE_CHECKING:
    from tests.upstream.simulator import Simulator

SSE = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One accepted request on its way."""

    call: Call
    prompt: Prompt
    bill: Bill
    reply: Reply
    started: float


async def create(sim: Simulator, wire: Wire, exchange: Exchange, _scope: Scope) -> None:
    turn = open_turn(sim, exchange, exchange.json, purpose="message")
    async with wire.until_disconnect():
        await _before_the_head(wire, exchange, turn.reply)
        answer, message = finish_turn(sim, exchange, turn)
        exchange.status = 200
        if turn.call.stream:
            await _stream(sim, wire, exchange, turn.reply, answer, message)
        else:
            await _send_whole(sim, wire, exchange, turn.reply, message)


async def count_tokens(sim: Simulator, _wire: Wire, exchange: Exchange, _scope: Scope) -> Any:
    """An estimate: the same for the same request, and a few percent off on purpose."""
    _, prompt = _check(sim, exchange, exchange.json, "count")
    return {"input_tokens": tokens.estimate(prompt.tokens, prompt.blocks[-1].plain)}


def open_turn(sim: Simulator, exchange: Exchange, body: Any, *, purpose: Purpose) -> Turn:
    """Accept a request, take its reply from the script and bill it against the cache of this moment."""
    call, prompt = _check(sim, exchange, body, purpose)
    reply = sim.next_reply(call.body, scripted=purpose == "message")
    now = sim.clock.now
    if _reaches_the_model(reply):
        bill = sim.cache.open(prompt.blocks, now=now, least=call.model.min_cache)
    else:
        bill = Bill(input=0)
    if purpose == "message":
        exchange.limits = sim.meter.admit(call.workspace, call.model, bill, call.speed)
    return Turn(call=call, prompt=prompt, bill=bill, reply=reply, started=now)


def finish_turn(sim: Simulator, exchange: Exchange, turn: Turn) -> tuple[Answer, dict[str, Any]]:
    """The response begins: its entries become visible, its answer and usage are settled."""
    call, prompt, reply = turn.call, turn.prompt, turn.reply
    if reply.billed:
        sim.cache.begin_response(turn.bill, now=sim.clock.now)
    answer = answers.compose(
        reply, call, input_tokens=prompt.tokens, prefix=prompt.prefix, previous=prompt.last_thought
    )
    sim.meter.produced(call.workspace, call.model, answer.output_tokens, call.speed)
    message_id = sim.new_id("msg")
    usage = _usage(call, turn.bill, answer)
    exchange.began_at = sim.clock.now
    exchange.message_id = message_id
    if reply.billed:
        exchange.usage = usage
        sim.log.bill(call.model.id, exchange.kinds)
    exchange.text, exchange.stop_reason = answer.text, answer.stop_reason
    diagnostics = sim.fingerprints.compare(call, prompt, turn.started)
    if call.body.get("diagnostics") is not None:
        sim.fingerprints.remember(message_id, call, prompt, turn.started)
    message = {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": call.body["model"],
        "content": list(answer.content),
        "stop_reason": answer.stop_reason,
        "stop_sequence": answer.stop_sequence,
        "stop_details": answer.stop_details,
        "usage": usage,
    }
    if reply.diagnostics is not None:
        message["diagnostics"] = dict(reply.diagnostics)
    elif call.body.get("diagnostics") is not None:
        message["diagnostics"] = diagnostics
    return answer, message


def _check(sim: Simulator, exchange: Exchange, body: Any, purpose: Purpose) -> tuple[Call, Prompt]:
    return check(
        body,
        workspace=exchange.workspace or "",
        version=exchange.headers["anthropic-version"],
        purpose=purpose,
        check_thinking=sim.check_thinking,
    )


def _reaches_the_model(reply: Reply) -> bool:
    return not isinstance(reply.fault, HttpFault | NoResponse)


def _usage(call: Call, bill: Bill, answer: Answer) -> dict[str, Any]:
    usage = {
        "input_tokens": bill.input,
        "cache_creation_input_tokens": bill.write_5m + bill.write_1h,
        "cache_read_input_tokens": bill.read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": bill.write_5m,
            "ephemeral_1h_input_tokens": bill.write_1h,
        },
        "output_tokens": answer.output_tokens,
        "service_tier": "batch" if call.batch else "standard",
        "inference_geo": call.body.get("inference_geo") or "global",
    }
    if answer.thinking_tokens:
        usage["output_tokens_details"] = {"thinking_tokens": answer.thinking_tokens}
    if call.speed == "fast":
        usage["speed"] = "fast"
    return usage


async def _before_the_head(wire: Wire, exchange: Exchange, reply: Reply) -> None:
    if reply.head_gate is not None:
        await reply.head_gate.pass_through()
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


async def _stream(
    sim: Simulator, wire: Wire, exchange: Exchange, reply: Reply, answer: Answer, message: dict[str, Any]
) -> None:
    unfinished: dict[str, Any] = {
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
    }
    usage = {**message["usage"], "output_tokens": min(1, answer.output_tokens)}
    usage.pop("output_tokens_details", None)
    broken = isinstance(reply.fault, BrokenEnding) and not reply.fault.late
    content = stream.content_frames(answer, reply.chunk, open_ended=broken)
    if isinstance(reply.fault, BrokenEnding):
        content = content[: int(len(content) * reply.fault.share)]
    opening = stream.message_start({**message, **unfinished, "usage": usage})
    ending = stream.message_end(answer, message["usage"])
    if reply.gateway is not None:
        opening, content, ending = stream.from_gateway(opening, content, ending, reply.gateway)
    await wire.start(200, {**SSE, **response_headers(exchange)})
    await play(
        wire,
        exchange,
        reply,
        opening=opening,
        content=content,
        ending=ending,
        gate=reply.gate or (sim.held if reply.hold else None),
        silence_over=sim.silence_over,
    )


async def _send_whole(
    sim: Simulator, wire: Wire, exchange: Exchange, reply: Reply, message: dict[str, Any]
) -> None:
    """Without streaming all waiting happens before the head, and a broken ending breaks the whole."""
    gate = reply.gate or (sim.held if reply.hold else None)
    if gate is not None:
        await gate.pass_through()
    await asyncio.sleep(reply.first_delay)
    headers = response_headers(exchange)
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
        case "eof" | "no_message_stop" | "garbled":
            await wire.start(200, {"content-type": "application/json", **headers})
            await wire.write(b'{"id":')
            await wire.close()
