"""Message batches: requests answered later at half price, their results in no particular order.

A batch ends `Simulator.batch_seconds` of the simulator's clock after it was made. Parameters are checked only then;
one bad item is an `errored` result, not a failed batch.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import orjson
from starlette.types import Scope

from tests.upstream.clock import rfc3339
from tests.upstream.errors import ApiError, invalid, not_found
from tests.upstream.headers import response_headers
from tests.upstream.log import Exchange
from tests.upstream.messages import finish_turn, open_turn
from tests.upstream.models_api import page
from tests.upstream.wire import Wire

if TYPE_CHECKING:
    from tests.upstream.simulator import Simulator

CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
MOST = 100_000
DAY = 86_400.0
FORBIDDEN = ("stream", "speed")


@dataclass(slots=True, kw_only=True)
class Batch:
    """One batch; `results` is filled when it ends."""

    id: str
    workspace: str
    requests: list[dict[str, Any]]
    created: float
    exchange: Exchange
    cancelled_at: float | None = None
    ended: float | None = None
    results: list[dict[str, Any]] = field(default_factory=list)


async def create(sim: Simulator, _wire: Wire, exchange: Exchange, _scope: Scope) -> Any:
    requests = exchange.json.get("requests") if isinstance(exchange.json, dict) else None
    if not isinstance(requests, list) or not requests:
        raise invalid("requests: Field required")
    if len(requests) > MOST:
        raise invalid(f"requests: at most {MOST} requests are allowed in a batch")
    ids = [request.get("custom_id") for request in requests]
    for number, custom_id in enumerate(ids):
        if not isinstance(custom_id, str) or not CUSTOM_ID.fullmatch(custom_id):
            raise invalid(f"requests.{number}.custom_id: String should match pattern '^{CUSTOM_ID.pattern}$'")
        if not isinstance(requests[number].get("params"), dict):
            raise invalid(f"requests.{number}.params: Field required")
    if len(set(ids)) != len(ids):
        raise invalid("requests: custom_id must be unique within the batch")
    batch = Batch(
        id=sim.new_id("msgbatch"),
        workspace=exchange.workspace or "",
        requests=requests,
        created=sim.clock.now,
        exchange=exchange,
    )
    sim.batches[batch.id] = batch
    return _view(sim, batch)


async def retrieve(sim: Simulator, _wire: Wire, exchange: Exchange, scope: Scope) -> Any:
    return _view(sim, _find(sim, exchange, scope))


async def list_batches(sim: Simulator, _wire: Wire, exchange: Exchange, _scope: Scope) -> Any:
    query = {name: values[-1] for name, values in parse_qs(exchange.query).items()}
    own = [batch for batch in reversed(sim.batches.values()) if batch.workspace == exchange.workspace]
    rows = [_view(sim, batch) for batch in own]
    return page(rows, int(query.get("limit", 20)), query.get("after_id"), query.get("before_id"))


async def cancel(sim: Simulator, _wire: Wire, exchange: Exchange, scope: Scope) -> Any:
    """What has not been answered yet is `canceled`; the batch ends at the next look."""
    batch = _find(sim, exchange, scope)
    if batch.ended is not None:
        raise invalid(f"Batch {batch.id} has already ended")
    batch.cancelled_at = sim.clock.now
    view = _view(sim, batch, settle=False)
    return {**view, "processing_status": "canceling"}


async def delete(sim: Simulator, _wire: Wire, exchange: Exchange, scope: Scope) -> Any:
    batch = _find(sim, exchange, scope)
    if batch.ended is None:
        raise invalid(f"Batch {batch.id} is still in progress; cancel it first")
    del sim.batches[batch.id]
    return {"id": batch.id, "type": "message_batch_deleted"}


async def results(sim: Simulator, wire: Wire, exchange: Exchange, scope: Scope) -> None:
    """JSON lines, shuffled the same way every time."""
    batch = _find(sim, exchange, scope)
    if batch.ended is None:
        raise not_found(f"Batch {batch.id} has no results yet")
    lines = b"".join(orjson.dumps(line) + b"\n" for line in batch.results)
    exchange.status = 200
    await wire.json(200, lines, {**response_headers(exchange), "content-type": "application/x-jsonl"})


def _find(sim: Simulator, exchange: Exchange, scope: Scope) -> Batch:
    batch = sim.batches.get(scope["path_params"]["batch_id"])
    if batch is None or batch.workspace != exchange.workspace:
        raise not_found(f"message batch {scope['path_params']['batch_id']} not found")
    _settle(sim, batch)
    return batch


def _settle(sim: Simulator, batch: Batch) -> None:
    if batch.ended is not None:
        return
    if batch.cancelled_at is None and sim.clock.now < batch.created + sim.batch_seconds:
        return
    batch.ended = sim.clock.now
    for request in batch.requests:
        result = (
            {"type": "canceled"} if batch.cancelled_at is not None else _answer(sim, batch, request["params"])
        )
        batch.results.append({"custom_id": request["custom_id"], "result": result})
    random.Random(batch.id).shuffle(batch.results)
    if len(batch.results) > 1 and [row["custom_id"] for row in batch.results] == [
        request["custom_id"] for request in batch.requests
    ]:
        batch.results.reverse()


def _answer(sim: Simulator, batch: Batch, params: dict[str, Any]) -> dict[str, Any]:
    origin = batch.exchange
    item = Exchange(
        number=sim.log.next_number(),
        method="BATCH",
        path="/v1/messages",
        query="",
        headers=origin.headers,
        received_at=sim.clock.now,
        request_id=sim.new_id("req"),
        json=params,
        workspace=batch.workspace,
    )
    sim.log.add(item)
    try:
        for name in FORBIDDEN:
            if params.get(name):
                raise invalid(f"{name}: not allowed in a batch")
        turn = open_turn(sim, item, params, purpose="batch")
        _, message = finish_turn(sim, item, turn)
    except ApiError as error:
        item.outcome, item.status = "rejected", error.status
        return {"type": "errored", "error": error.body(item.request_id)}
    item.outcome, item.status, item.ended_at = "completed", 200, sim.clock.now
    return {"type": "succeeded", "message": message}


def _view(sim: Simulator, batch: Batch, *, settle: bool = True) -> dict[str, Any]:
    if settle:
        _settle(sim, batch)
    kinds = [row["result"]["type"] for row in batch.results]
    ended = batch.ended is not None
    return {
        "id": batch.id,
        "type": "message_batch",
        "processing_status": "ended" if ended else "in_progress",
        "request_counts": {
            "processing": 0 if ended else len(batch.requests),
            "succeeded": kinds.count("succeeded"),
            "errored": kinds.count("errored"),
            "canceled": kinds.count("canceled"),
            "expired": 0,
        },
        "created_at": rfc3339(batch.created),
        "expires_at": rfc3339(batch.created + DAY),
        "ended_at": rfc3339(batch.ended) if batch.ended is not None else None,
        "cancel_initiated_at": rfc3339(batch.cancelled_at) if batch.cancelled_at is not None else None,
        "archived_at": None,
        "results_url": f"{sim.base_url}/v1/messages/batches/{batch.id}/results" if ended else None,
    }
