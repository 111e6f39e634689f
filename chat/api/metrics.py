"""Figures for Prometheus."""

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
        "Figures for Prometheus, if `PALAVER_METRICS` is on; for admins and `PALAVER_METRICS_TOKEN`",
        answers={200: None},
        media=("text/plain",),
        errors=(NotFound, Forbidden),
    )
    async def figures(self, request: Request) -> Response:
        metrics = self.deps.metrics
        if metrics is None:
            raise NotFound("no figures are kept: PALAVER_METRICS is off")
        if not principal(request).admin:
            raise Forbidden("figures of the whole deployment need a token with admin rights")
        from chat.telemetry.prometheus import CONTENT_TYPE, Now

        caller = self.deps.runtime.caller
        shares: dict[str, float] = {}
        if caller.budgets:
            async with self.deps.database.reading() as connection:
                shares = await budget_shares(connection, caller.budgets.all, self.deps.clock.now())
        now = Now(
            running=self.deps.runner.count,
            waiting=caller.admission.waiting,
            breakers=caller.admission.breakers,
            budgets=shares,
        )
        return Response(metrics.page(now), media_type=None, headers={"content-type": CONTENT_TYPE})
