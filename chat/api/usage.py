"""Usage and cost: sums over the ledger, and an export of its rows."""

import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from chat.api.deps import json_response, principal
from chat.api.endpoint import Endpoint, Resource, query
from chat.api.report import report
from chat.api.schemas.usage import (
    CallsQuery,
    FirstTokenOut,
    LedgerQuery,
    RoutingReport,
    TokensOut,
    UsageGroup,
    UsageQuery,
    UsageReport,
)
from chat.clock import rfc3339
from chat.errors import BadRequest, Forbidden, QueryTimeout
from chat.stream.one_line import one_line
from chat.usage.amounts import dollars
from chat.usage.csv_export import CALL_COLUMNS, FIGURES, as_csv, flat, flat_call
from chat.usage.date_range import BadQuestion, Span, span
from chat.usage.queries import answer as query_usage
from chat.usage.queries import cost_of, saved_of
from chat.usage.routing import routing_comparison
from store.ledger import entries
from store.ledger.aggregates import KINDS, Dimension, Selection, conditions
from store.ledger.entries import Entry
from store.ledger.reports import Sums

CSV = "text/csv"
LINES = "application/x-ndjson"
BATCH = 500  # rows per query: a slow reader holds no database connection between two


class Ledger(Resource):
    """The handlers of `/api/usage`."""

    @Endpoint(
        "GET",
        "/api/usage",
        "Sum tokens, cost, outcomes and latency of calls by group; `Accept: text/csv` for a spreadsheet",
        query=UsageQuery,
        answers={200: UsageReport},
        media=(CSV,),
        errors=(Forbidden, QueryTimeout),
    )
    async def sums(self, request: Request) -> Response:
        body = query(request, UsageQuery)
        dates, by = self._span(body), cast("list[Dimension]", body.group_by.split(","))
        top_model = self.deps.deployment.tiers["complex"]
        usage = await report(
            self.deps.database,
            request,
            partial(
                query_usage,
                span=dates,
                by=by,
                owner_id=_owner(request, body),
                only=body.only,
                limit=body.limit,
                top_model=top_model,
            ),
        )
        if _wants_csv(request, body.format):
            text = as_csv([flat(group, by) for group in usage.groups], [*by, *FIGURES])
            return Response(
                text, media_type=f"{CSV}; charset=utf-8", headers=_attachment("usage", dates, "csv")
            )
        return json_response(
            UsageReport(
                start=rfc3339(dates.start),
                end=rfc3339(dates.end),
                time_zone=body.time_zone,
                group_by=list(by),
                groups=[_group(group, by) for group in usage.groups],
                more=usage.more,
                total=_group(usage.total, []),
                top_model=top_model,
            )
        )

    @Endpoint(
        "GET",
        "/api/usage/routing",
        "Compare the cost of replies with each thread's best single tier that would have been good enough",
        query=LedgerQuery,
        answers={200: RoutingReport},
        errors=(Forbidden, QueryTimeout),
    )
    async def routing(self, request: Request) -> Response:
        body = query(request, LedgerQuery)
        dates = self._span(body)
        selection = Selection(
            owner_id=_owner(request, body), start=dates.start, end=dates.end, only=body.only
        )
        compared, more = await report(
            self.deps.database,
            request,
            partial(routing_comparison, selection=selection, models=self.deps.deployment.tiers),
        )
        return json_response(
            RoutingReport(
                start=rfc3339(dates.start),
                end=rfc3339(dates.end),
                time_zone=body.time_zone,
                threads=compared.threads,
                turns=compared.turns,
                cost_usd=dollars(compared.paid),
                single_tier_usd=dollars(compared.single),
                saved_usd=dollars(compared.single - compared.paid),
                needed_more=compared.needed_more,
                surplus_usd=dollars(compared.surplus),
                more=more,
            )
        )

    @Endpoint(
        "GET",
        "/api/usage/calls",
        "Export the ledger's rows, oldest call first, as JSON lines or CSV; `after` continues behind a row",
        query=CallsQuery,
        answers={200: None},
        media=(LINES, CSV),
        errors=(Forbidden, QueryTimeout),
    )
    async def calls(self, request: Request) -> Response:
        body = query(request, CallsQuery)
        dates, owner_id = self._span(body), _owner(request, body)
        after: Entry | None = None
        if body.after is not None:
            read = partial(entries.get, owner_id=owner_id, call_id=body.after)
            after = await report(self.deps.database, request, read)
            if after is None:
                raise BadRequest("after: no such call", param="after")
        selection = Selection(owner_id=owner_id, start=dates.start, end=dates.end, only=body.only)
        as_table = _wants_csv(request, body.format)
        return StreamingResponse(
            self._export(request, selection, after, body.limit, as_table=as_table),
            media_type=f"{CSV}; charset=utf-8" if as_table else LINES,
            headers=_attachment("calls", dates, "csv" if as_table else "jsonl"),
        )

    async def _export(
        self, request: Request, selection: Selection, after: Entry | None, limit: int, *, as_table: bool
    ) -> AsyncIterator[str]:
        if as_table:
            yield as_csv([], CALL_COLUMNS)
        while limit > 0:
            read = partial(
                entries.page, conditions=conditions(selection), after=after, limit=min(limit, BATCH)
            )
            calls = await report(self.deps.database, request, read)
            rows = [flat_call(call) for call in calls]
            yield as_csv(rows, CALL_COLUMNS, header=False) if as_table else "".join(map(_line, rows))
            if len(calls) < min(limit, BATCH):
                return
            after, limit = calls[-1], limit - len(calls)

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
        raise Forbidden("the usage of the whole deployment needs a token with admin rights", param="scope")
    return None


def _wants_csv(request: Request, requested_format: str | None) -> bool:
    if requested_format is not None:
        return requested_format == "csv"
    return CSV in request.headers.get("accept", "").lower()


def _attachment(name: str, dates: Span, extension: str) -> dict[str, str]:
    """The header that makes a response a download with a file name."""
    since, until = (rfc3339(at)[:10] for at in (dates.start, dates.end - 1))
    return {"content-disposition": f'attachment; filename="palaver-{name}-{since}-{until}.{extension}"'}


def _line(row: dict[str, Any]) -> str:
    return one_line(json.dumps(row, ensure_ascii=False, separators=(",", ":"))) + "\n"


def _group(sums: Sums, by: list[Dimension]) -> UsageGroup:
    saved, latency = saved_of(sums), sums.first_token_ms
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
        first_token_ms=FirstTokenOut(**latency) if latency else None,
        top_model_usd=None if saved is None else dollars(sums.on_top),
        saved_usd=saved,
    )
