"""What was used and paid: sums over the ledger, and the ledger itself to take away."""

import json
from collections.abc import AsyncIterator
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from chat.api.deps import answer, principal
from chat.api.endpoint import Endpoint, Resource, query
from chat.api.schemas.usage import (
    CallsQuery,
    FirstTokenOut,
    LedgerQuery,
    TokensOut,
    UsageGroup,
    UsageQuery,
    UsageReport,
)
from chat.clock import rfc3339
from chat.errors import BadRequest, Forbidden
from chat.usage.amounts import dollars
from chat.usage.csv_export import CALL_COLUMNS, FIGURES, as_csv, flat, flat_call
from chat.usage.date_range import BadQuestion, Span, span
from chat.usage.queries import answer as ask
from chat.usage.queries import cost_of, saved_of
from store.ledger import entries
from store.ledger.aggregates import KINDS, Dimension, Selection, conditions
from store.ledger.entries import Entry
from store.ledger.reports import Sums

CSV = "text/csv"
LINES = "application/x-ndjson"
BATCH = 500  # calls read at once: a slow reader holds no connection meanwhile


class Ledger(Resource):
    """The handlers of `/api/usage`."""

    @Endpoint(
        "GET",
        "/api/usage",
        "Tokens, costs, outcomes and times of calls, in groups; `Accept: text/csv` for a spreadsheet",
        query=UsageQuery,
        answers={200: UsageReport},
        media=(CSV,),
        errors=(Forbidden,),
    )
    async def sums(self, request: Request) -> Response:
        body = query(request, UsageQuery)
        asked, by = self._span(body), cast("list[Dimension]", body.group_by.split(","))
        top_model = self.deps.deployment.tiers["complex"]
        async with self.deps.database.reading() as connection:
            found = await ask(
                connection,
                asked,
                by,
                owner_id=_owner(request, body),
                only=body.only,
                limit=body.limit,
                top_model=top_model,
            )
        if _wants_csv(request, body.format):
            text = as_csv([flat(one, by) for one in found.groups], [*by, *FIGURES])
            return Response(
                text, media_type=f"{CSV}; charset=utf-8", headers=_attached("usage", asked, "csv")
            )
        return answer(
            UsageReport(
                start=rfc3339(asked.start),
                end=rfc3339(asked.end),
                time_zone=body.time_zone,
                group_by=list(by),
                groups=[_group(one, by) for one in found.groups],
                more=found.more,
                total=_group(found.total, []),
                top_model=top_model,
            )
        )

    @Endpoint(
        "GET",
        "/api/usage/calls",
        "The ledger itself, oldest call first, as JSON lines or CSV; `after` pages on",
        query=CallsQuery,
        answers={200: None},
        media=(LINES, CSV),
        errors=(Forbidden,),
    )
    async def calls(self, request: Request) -> Response:
        body = query(request, CallsQuery)
        asked, owner_id = self._span(body), _owner(request, body)
        after: Entry | None = None
        if body.after is not None:
            async with self.deps.database.reading() as connection:
                after = await entries.get(connection, owner_id, body.after)
            if after is None:
                raise BadRequest("after: no such call", param="after")
        selection = Selection(owner_id=owner_id, start=asked.start, end=asked.end, only=body.only)
        as_table = _wants_csv(request, body.format)
        return StreamingResponse(
            self._export(selection, after, body.limit, as_table=as_table),
            media_type=f"{CSV}; charset=utf-8" if as_table else LINES,
            headers=_attached("calls", asked, "csv" if as_table else "jsonl"),
        )

    async def _export(
        self, selection: Selection, after: Entry | None, limit: int, *, as_table: bool
    ) -> AsyncIterator[str]:
        if as_table:
            yield as_csv([], CALL_COLUMNS)
        while limit > 0:
            async with self.deps.database.reading() as connection:
                found = await entries.page(
                    connection, conditions(selection), after=after, limit=min(limit, BATCH)
                )
            rows = [flat_call(one) for one in found]
            yield as_csv(rows, CALL_COLUMNS, header=False) if as_table else "".join(map(_line, rows))
            if len(found) < min(limit, BATCH):
                return
            after, limit = found[-1], limit - len(found)

    def _span(self, body: LedgerQuery) -> Span:
        try:
            return span(body.since, body.until, body.time_zone, self.deps.clock.now())
        except BadQuestion as problem:
            raise BadRequest(f"{problem.field}: {problem}", param=problem.field) from None


def _owner(request: Request, body: LedgerQuery) -> str | None:
    """Whose calls: the caller's own, or with admin rights everybody's (None). Raises Forbidden."""
    who = principal(request)
    if body.scope == "own":
        return who.owner_id
    if not who.admin:
        raise Forbidden("figures of the whole deployment need a token with admin rights", param="scope")
    return None


def _wants_csv(request: Request, named: str | None) -> bool:
    if named is not None:
        return named == "csv"
    return CSV in request.headers.get("accept", "").lower()


def _attached(what: str, asked: Span, ending: str) -> dict[str, str]:
    """A download under a name of our own making."""
    since, until = (rfc3339(at)[:10] for at in (asked.start, asked.end - 1))
    return {"content-disposition": f'attachment; filename="palaver-{what}-{since}-{until}.{ending}"'}


def _line(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n"


def _group(sums: Sums, by: list[Dimension]) -> UsageGroup:
    saved, quick = saved_of(sums), sums.first_token_ms
    return UsageGroup(
        group=dict(zip(by, sums.group, strict=True)),
        calls=sums.calls,
        ok=sums.ok,
        refused=sums.refused,
        cancelled=sums.cancelled,
        failed=sums.failed,
        estimated=sums.estimated,
        unpriced=sums.unpriced,
        tokens=TokensOut(**{kind: getattr(sums.usage, kind) for kind in KINDS}),
        cost_usd=cost_of(sums),
        first_token_ms=FirstTokenOut(**quick) if quick else None,
        top_model_usd=None if saved is None else dollars(sums.on_top),
        saved_usd=saved,
    )
