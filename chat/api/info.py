"""`GET /api/info`, `/healthz` and `/readyz`: version, models, health and readiness."""

from importlib.metadata import version

from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import Response

from chat import DISTRIBUTION
from chat.api.deps import json_response
from chat.api.endpoint import Endpoint, Resource
from chat.api.schemas.info import HealthOut, InfoOut, ModelOut
from chat.errors import Unavailable
from chat.stream.events import PROTOCOL
from context.models.catalog import TIERS
from store.errors import StoreError, StoreFull

LOCAL_NOTICE = (
    "A small local demo model answers here: fast and private, but not clever. "
    "Set ANTHROPIC_API_KEY and start Palaver again to talk to Claude."
)


class Info(Resource):
    """The handlers of `/api/info`, `/healthz` and `/readyz`."""

    @Endpoint(
        "GET",
        "/api/info",
        "Version, models, and whether Claude or the local model answers",
        answers={200: InfoOut},
        thread_check="not_needed",
    )
    async def info(self, request: Request) -> Response:
        deployment = self.deps.deployment
        models: dict[str, ModelOut] = {}
        for tier in TIERS:
            model = deployment.models[deployment.tiers[tier]]
            models.setdefault(model.id, ModelOut(id=model.id, label=model.label, tier=tier))
        return json_response(
            InfoOut(
                version=version(DISTRIBUTION),
                protocol=PROTOCOL,
                backend=deployment.backend,
                notice=LOCAL_NOTICE if deployment.backend == "local" else None,
                window_tokens=deployment.policy.window_cap,
                models=list(models.values()),
            )
        )

    @Endpoint("GET", "/healthz", "Liveness: the process runs", answers={200: HealthOut}, public=True)
    async def live(self, request: Request) -> Response:
        return json_response(HealthOut(status="ok"))

    @Endpoint(
        "GET",
        "/readyz",
        "Readiness: the database answers and takes writes, and new turns are accepted, even while no model can be reached (see `checks.models`)",
        answers={200: HealthOut},
        errors=(Unavailable,),
        public=True,
    )
    async def ready(self, request: Request) -> Response:
        if self.deps.runner.stopping:
            raise Unavailable("this server is shutting down")
        try:
            await self.deps.database.read(lambda connection: connection.scalar(text("SELECT 1")))
        except StoreError:
            raise Unavailable("the database does not answer") from None
        failure = self.deps.database.write_failure
        if failure is not None:
            full = isinstance(failure, StoreFull)
            raise Unavailable("the disk is full" if full else "the database refuses writes")
        checks: dict[str, str] = {"database": self.deps.database.dialect}
        deployment = self.deps.deployment
        models = set(deployment.tiers.values())
        available = models - self.deps.runtime.caller.admission.open_breakers()
        checks["models"] = (
            f"{len(available)} of {len(models)}"  # reported, not required: breakers close by themselves
        )
        if self.deps.local_model is not None:
            checks["local_model"] = self.deps.local_model.status.state
            if self.deps.local_model.status.state == "failed":
                raise Unavailable("the local model does not start; see `palaver doctor` and the log")
        return json_response(HealthOut(status="ok", checks=checks))
