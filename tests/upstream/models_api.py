"""`GET /v1/models` and `GET /v1/models/{id}`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from starlette.types import Scope

from tests.upstream.errors import invalid
from tests.upstream.log import Exchange
from tests.upstream.models import MODELS, find_model, model_info
from tests.upstream.wire import Wire

if TYPE_CHECKING:
    from tests.upstream.simulator import Simulator


async def retrieve(_sim: Simulator, _wire: Wire, _exchange: Exchange, scope: Scope) -> Any:
    return model_info(find_model(scope["path_params"]["model_id"]))


async def list_models(_sim: Simulator, _wire: Wire, exchange: Exchange, _scope: Scope) -> Any:
    """Newest first; active and deprecated unless `lifecycle` names others."""
    parameters = parse_qs(exchange.query)
    query = {name: values[-1] for name, values in parameters.items()}
    limit = query.get("limit", "20")
    if not limit.isdigit() or not 1 <= int(limit) <= 1000:
        raise invalid("limit: must be between 1 and 1000")
    lifecycles = parameters.get("lifecycle[]", parameters.get("lifecycle", ["active", "deprecated"]))
    rows = [model_info(model) for model in MODELS]
    rows = [row for row in rows if row["lifecycle"] in lifecycles]
    return page(rows, int(limit), query.get("after_id"), query.get("before_id"))


def page(rows: list[dict[str, Any]], limit: int, after: str | None, before: str | None) -> dict[str, Any]:
    """One page of a cursor list, as all lists of the API are paged."""
    ids = [row["id"] for row in rows]
    for cursor in (after, before):
        if cursor is not None and cursor not in ids:
            raise invalid("the cursor names nothing in this list")
    if before is not None:
        rows = rows[: ids.index(before)]
        chosen, more = rows[-limit:], len(rows) > limit
    else:
        rows = rows[ids.index(after) + 1 :] if after is not None else rows
        chosen, more = rows[:limit], len(rows) > limit
    return {
        "data": chosen,
        "has_more": more,
        "first_id": chosen[0]["id"] if chosen else None,
        "last_id": chosen[-1]["id"] if chosen else None,
    }
