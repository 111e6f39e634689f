"""`GET /metrics`: the metrics of this process and the budgets, for Prometheus."""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from chat.api.deps import principal
from chat.api.endpoint import Endpoint, Resource
from chat.budgets.gauges import budget_shares
from chat.errors import Forbidden, NotFound


class Metrics(Resource):
    """The handler of `/metrics`."""

    @Endpoint(
        "GET",
        "/metrics",
        "Metrics in Prometheus's text format, with `PALAVER_METRICS` on; for admins and `PALAVER_METRICS_TOKEN`",
        answers={200: None},
        media=("text/plain",),
        errors=(NotFound, Forbidden),
    )
    async def metrics(self, request: Request) -> Response:
        metrics = self.deps.metrics
        if metrics is None:
            raise NotFound("metrics are off; set PALAVER_METRICS=true")
        if not principal(request).admin:
            raise Forbidden("metrics of the whole deployment need a token with admin rights")
        from chat.telemetry.prometheus import CONTENT_TYPE, Snapshot

        caller = self.deps.runtime.caller
        shares: dict[str, float] = {}
        if caller.budgets:
            shares = await self.deps.database.read(
                partial(budget_shares, budgets=caller.budgets.all, now=self.deps.clock.now())
            )
        now = Snapshot(
            running=self.deps.runner.count,
            waiting=caller.admission.waiting,
            breakers=caller.admission.breakers,
            budgets=shares,
        )
        return Response(metrics.page(now), media_type=None, headers={"content-type": CONTENT_TYPE})
