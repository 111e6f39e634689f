"""Wire the application: start every part from the settings, stop them again, and build the ASGI app."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from rich.console import Console
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from chat.api import page, routes
from chat.api.deps import Deps
from chat.api.endpoint import Endpoint
from chat.api.middleware.auth import Auth
from chat.api.middleware.base_path import BasePath
from chat.api.middleware.origin import OriginCheck
from chat.api.middleware.rate_limit import RateLimit, Rates
from chat.api.middleware.request_context import RequestContext, http_exception
from chat.api.middleware.unread_body import UnreadBody
from chat.auth.token_registry import TokenRegistry
from chat.auth.tokens import Tokens
from chat.background import jobs
from chat.background.access_token_cleanup import delete_expired_tokens
from chat.background.event_log_cleanup import delete_old_event_logs
from chat.background.keepalive import Keepalives
from chat.background.keepalive_cap import KeepaliveCap
from chat.background.scheduler import Scheduler
from chat.background.search_index import index_missing
from chat.background.summarizer import Summarizer
from chat.background.write_probe import probe
from chat.budgets.alerts import Alerts
from chat.calls import ledger
from chat.clock import Clock, SystemClock
from chat.config.settings import Settings
from chat.embeddings import embeddings
from chat.protocols import routes as protocols
from chat.runtime import build
from chat.runtime.open_database import open_database
from chat.runtime.runtime import Runtime
from chat.telemetry import logs, start
from chat.turns.after import AfterTurn
from chat.turns.runner import Runner
from chat.upstream.client import Timeouts
from chat.upstream.local.process import LocalModel
from chat.webhooks import cleanup
from context.models.pricing import PICO
from store.errors import StoreError

if TYPE_CHECKING:  # loaded only when they are asked for
    from chat.telemetry.otel import Providers

KEEPALIVE_PAUSE = 2.0  # seconds between looks for cache states that are due
WRITE_PROBE_PAUSE = 10.0  # seconds between two writes that only try whether writing works
CLEANUP_PAUSE = 3_600.0  # seconds between deletions of old event logs, and of old webhook deliveries

CORS_HEADERS = ["authorization", "content-type", "idempotency-key", "last-event-id", "x-request-id"]
CORS_HEADERS += [
    "palaver-thread",
    *("x-api-key", "anthropic-version", "anthropic-beta", "anthropic-dangerous-direct-browser-access"),
    *(f"x-stainless-{name}" for name in ("arch", "helper-method", "lang", "os", "package-version")),
    *(f"x-stainless-{name}" for name in ("retry-count", "runtime", "runtime-version", "timeout")),
]
CORS_EXPOSED = [
    "location",
    "retry-after",
    "x-request-id",
    "idempotency-replayed",
    "x-vercel-ai-ui-message-stream",
    "x-resumable-stream-id",
    *("request-id", "palaver-model", "palaver-cache", "palaver-reason", "palaver-thread", "palaver-turn"),
]


@asynccontextmanager
async def running(
    settings: Settings,
    *,
    clock: Clock | None = None,
    local_model: LocalModel | AbstractAsyncContextManager[LocalModel] | None = None,
    timeouts: Timeouts | None = None,
    telemetry: "Providers | None" = None,
) -> AsyncIterator[Deps]:
    """Everything a server needs, started, and stopped again on the way out. Raises BadSettings and StoreError.

    `local_model` is needed when the settings name no provider: started already, or a context that starts it. That may download
    100 MB, so the context is entered when the database is open. `telemetry`: where OpenTelemetry goes
    instead of over OTLP.
    """
    clock = clock or SystemClock()
    logs.configure_unless_configured(settings)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings, clock))
        if isinstance(local_model, AbstractAsyncContextManager):
            local_model = await stack.enter_async_context(local_model)
        metrics = start.metrics(settings)
        telemetry = await start.telemetry(settings, telemetry, stack)
        endpoint = build.upstream(settings, local_model, timeouts, telemetry)
        stack.push_async_callback(endpoint.close)
        embedding_model = await embeddings.start(settings, database, Console(stderr=True, highlight=False))
        if embedding_model is not None:
            stack.push_async_callback(embedding_model.close)
        runtime = await build.runtime(
            settings,
            database,
            endpoint,
            clock,
            holder=clock.new_id("proc"),
            local_model=local_model,
            hooks=start.hooks(settings, metrics, telemetry),
            embeddings=embedding_model,
        )
        await _report_events(settings, runtime, stack)
        rates = await _shared_limits(settings, runtime, stack)
        token_registry = TokenRegistry(settings, database, clock)
        await stack.enter_async_context(token_registry.reloading())
        work = await _start_work(settings, runtime, stack)
        await runtime.warm()
        yield Deps(
            settings=settings,
            runtime=runtime,
            runner=work.runner,
            scheduler=work.scheduler,
            summarizer=work.summarizer,
            keepalives=work.keepalives,
            rates=rates,
            token_registry=token_registry,
            local_model=local_model,
            metrics=metrics,
        )


RESOURCES = (*routes.RESOURCES, *protocols.RESOURCES)


def endpoints(deps: Deps) -> list[Endpoint]:
    """Every described route: our own, then those of other protocols."""
    return [endpoint for resource in RESOURCES for endpoint in resource(deps).endpoints()]


def described() -> list[Endpoint]:
    """The same routes without their handlers, for the OpenAPI document."""
    return [endpoint for resource in RESOURCES for endpoint in resource.declared().values()]


def application(deps: Deps) -> Starlette:
    """The ASGI application over started parts."""
    described = endpoints(deps)
    scraper = deps.settings.metrics_token
    middleware = [
        Middleware(UnreadBody),
        Middleware(RequestContext, clock=deps.clock, error_responses=protocols.ERROR_RESPONSES),
        Middleware(BasePath, base=deps.settings.path_prefix, trusted_proxies=deps.settings.trusted_proxies),
        Middleware(  # before the rate limit: what a foreign page sends must not use up its visitor's requests
            OriginCheck,
            requires_token=lambda: deps.token_registry.requires_token,
            hosts=(deps.settings.host, *deps.settings.allowed_hosts),
            origins=deps.settings.cors_origins,
        ),
        Middleware(
            RateLimit,
            per_minute=deps.settings.requests_per_minute,
            at_once=deps.settings.max_concurrent_requests,
            rates=deps.rates,
            trusts_proxies=bool(deps.settings.trusted_proxies),
        ),
        Middleware(
            Auth,
            token_registry=deps.token_registry,
            clock=deps.clock,
            metrics=Tokens([], None if scraper is None else scraper.get_secret_value()),
        ),
    ]
    if deps.settings.cors_origins:
        # Outermost, so that errors carry the headers too; browsers hide an answer without them from the page.
        cors = Middleware(
            CORSMiddleware,
            allow_origins=list(deps.settings.cors_origins),
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=CORS_HEADERS,
            expose_headers=CORS_EXPOSED,
            max_age=86_400,
        )
        middleware.insert(0, cors)
    app = Starlette(
        routes=[
            *(endpoint.route(deps.database) for endpoint in described),
            *page.routes(described, documented=deps.settings.docs),
        ],
        middleware=middleware,
        exception_handlers={HTTPException: http_exception},
    )
    app.router.redirect_slashes = False  # it would build a Location from the Host header
    return app


async def _shared_limits(settings: Settings, runtime: Runtime, stack: AsyncExitStack) -> Rates:
    """Rate limits and circuit breakers, shared with other replicas where there is a Redis."""
    url = None if settings.redis_url is None else settings.redis_url.get_secret_value()
    rates = Rates(url)
    stack.push_async_callback(rates.close)
    if url is not None:
        from chat.upstream.replica_sync import ReplicaSync  # loads Redis's client

        replica_sync = ReplicaSync(url, runtime.caller.admission, runtime.caller.holder)
        await replica_sync.start()
        stack.push_async_callback(replica_sync.stop)
    return rates


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What runs turns and background jobs."""

    runner: Runner
    scheduler: Scheduler
    summarizer: Summarizer
    keepalives: Keepalives


async def _start_work(settings: Settings, runtime: Runtime, stack: AsyncExitStack) -> _Work:
    """Start turns and background jobs, and stop them with the stack."""
    scheduler, summarizer = Scheduler(), Summarizer(runtime=runtime)
    keepalives = Keepalives(
        runtime=runtime,
        scheduler=scheduler,
        summarizer=summarizer,
        enabled=settings.keepalives,
        keepalive_cap=KeepaliveCap(
            thread=int(settings.keepalive_usd_per_thread * PICO),
            total=int(settings.keepalive_usd_per_day * PICO),
        ),
    )
    runner = Runner(
        runtime=runtime,
        holder=runtime.caller.holder,
        shared=runtime.database.dialect == "postgresql",
        after=AfterTurn(scheduler=scheduler, summarizer=summarizer),
    )
    await runner.start()
    clean_up = partial(delete_old_event_logs, runtime, hours=settings.log_hours)
    # At the start too: a server that lives shorter than the pause would never tidy up.
    scheduler.start(jobs.EVENT_LOG_CLEANUP, clean_up)
    scheduler.start(jobs.SEARCH_INDEX, partial(index_missing, runtime))
    scheduler.repeat(jobs.WRITE_PROBE, WRITE_PROBE_PAUSE, partial(probe, runtime))
    scheduler.repeat(jobs.EVENT_LOG_CLEANUP, CLEANUP_PAUSE, clean_up)
    tidy_webhooks = partial(cleanup.tidy, runtime.database, runtime.clock)
    scheduler.start(jobs.WEBHOOK_CLEANUP, tidy_webhooks)
    scheduler.repeat(jobs.WEBHOOK_CLEANUP, CLEANUP_PAUSE, tidy_webhooks)
    scheduler.repeat(jobs.ACCESS_TOKEN_CLEANUP, CLEANUP_PAUSE, partial(delete_expired_tokens, runtime))
    scheduler.repeat(jobs.DUE_KEEPALIVES, KEEPALIVE_PAUSE, keepalives.start_due)
    # Last first: turns end, jobs end, and the calls they left open are written to the ledger.
    stack.push_async_callback(_close_own_calls, runtime)
    stack.push_async_callback(scheduler.stop)
    stack.push_async_callback(runner.stop)
    return _Work(runner=runner, scheduler=scheduler, summarizer=summarizer, keepalives=keepalives)


async def _close_own_calls(runtime: Runtime) -> None:
    """Write estimated ledger rows for calls that this process gave up."""
    with suppress(StoreError):  # else the next process does it
        await ledger.close_own(runtime.database, runtime.caller.holder, local=runtime.deployment.local)


async def _report_events(settings: Settings, runtime: Runtime, stack: AsyncExitStack) -> None:
    """Look for budget alerts, and deliver to webhooks, until the stack ends."""
    endpoints = runtime.deployment.webhooks
    if settings.budgets:
        alerts = Alerts(
            database=runtime.database,
            clock=runtime.clock,
            budgets=settings.all_budgets,
            thresholds=settings.alert_thresholds,
            endpoints=endpoints,
        )
        await stack.enter_async_context(alerts.running())
    if endpoints:
        from chat.webhooks.dispatcher import Dispatcher  # loads an HTTP client

        dispatcher = Dispatcher(database=runtime.database, clock=runtime.clock, endpoints=endpoints)
        await stack.enter_async_context(dispatcher.running())
