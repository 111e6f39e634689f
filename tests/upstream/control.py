"""Running the simulator by hand: `/sim/*` scripts it, moves its clock and shows its log. No key is asked for.

POST /sim/script, /sim/gates/{name} (`held` is the gate of replies with `hold`), /sim/clock, /sim/chaos, /sim/silence,
/sim/reset; GET /sim/log, /sim/clock. Each handler's docstring shows its body.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.upstream import faults
from tests.upstream.replies import Reply, ToolCall

if TYPE_CHECKING:
    from tests.upstream.simulator import Simulator

SIMPLE = {field.name for field in fields(Reply)} - {"fault", "gate", "head_gate", "tools"}


def routes(sim: Simulator) -> list[Route]:  # noqa: C901 - one short handler per route, none with branches of its own
    """The control routes."""

    async def script(request: Request) -> Response:
        """`{"replies": [{"text": …}, {"fault": "rate_limited", "retry_after": 2}, …]}`"""
        body = orjson.loads(await request.body())
        try:
            replies = [reply_from(sim, item) for item in body["replies"]]
        except (KeyError, TypeError) as error:
            return _json({"error": f"not a reply: {error}"}, 400)
        sim.script(*replies)
        return _json({"pending": sim.pending})

    async def clock(request: Request) -> Response:
        """`{"advance": seconds}`, `{"freeze": true}`, or GET to read it."""
        if request.method == "POST":
            body = orjson.loads(await request.body())
            if body.get("freeze"):
                sim.clock.freeze()
            sim.clock.advance(float(body.get("advance", 0)))
        return _json({"now": sim.clock.now})

    async def log(request: Request) -> Response:
        """`?after=N` leaves out the first N exchanges, `?bodies=0` what was sent; `billed` covers them all."""
        after = int(request.query_params.get("after", 0))
        rows = [entry.row() for entry in sim.log if entry.number > after]
        if request.query_params.get("bodies") == "0":
            rows = [{**row, "body": None, "json": None} for row in rows]
        return _json({"total": sim.log.total, "billed": sim.log.billed, "exchanges": rows})

    async def gate(request: Request) -> Response:
        """`{"release": n}` or `{"open": true}`."""
        body = orjson.loads(await request.body() or b"{}")
        chosen = sim.gate(request.path_params["name"])
        if body.get("open"):
            chosen.open()
        chosen.release(int(body.get("release", 0)))
        return _json({"passed": chosen.passed, "waiting": chosen.waiting})

    async def chaos(request: Request) -> Response:
        """`{"seed": 7, "rate": 0.2, "kinds": ["reset"]}`; a rate of 0 ends it."""
        body = orjson.loads(await request.body())
        kinds = tuple(body["kinds"]) if body.get("kinds") else None
        sim.chaos(body.get("seed", 0), float(body.get("rate", 0)), kinds)
        return _json({"rate": body.get("rate", 0)})

    async def silence(_request: Request) -> Response:
        """End every silence."""
        sim.release_silence()
        return _json({})

    async def reset(_request: Request) -> Response:
        """Forget scripts, chaos and log."""
        sim.reset()
        return _json({"pending": 0})

    return [
        Route("/sim/script", script, methods=["POST"]),
        Route("/sim/clock", clock, methods=["GET", "POST"]),
        Route("/sim/log", log, methods=["GET"]),
        Route("/sim/gates/{name}", gate, methods=["POST"]),
        Route("/sim/silence", silence, methods=["POST"]),
        Route("/sim/chaos", chaos, methods=["POST"]),
        Route("/sim/reset", reset, methods=["POST"]),
    ]


def reply_from(sim: Simulator, item: dict[str, Any]) -> Reply:
    """A reply from JSON: the fields of `Reply`, or a fault by name with its options; gates by name."""
    item = dict(item)
    if "fault" in item:
        return faults.named(item.pop("fault"), **item)
    gates: dict[str, Any] = {name: sim.gate(item.pop(name)) for name in ("gate", "head_gate") if name in item}
    tools = tuple(ToolCall(**tool) for tool in item.pop("tools", ()))
    unknown = set(item) - SIMPLE
    if unknown:
        raise KeyError(", ".join(sorted(unknown)))
    return Reply(tools=tools, **gates, **item)


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")
