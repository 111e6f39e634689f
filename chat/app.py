"""All wiring, in one place: settings in, a running application out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from filelock import FileLock, Timeout
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from chat.access.alerts import Alerts, Webhook
from chat.access.budgets import Budgets
from chat.access.middleware import Access
from chat.access.tokens import Tokens
from chat.allowance import Allowance
from chat.api import page, routes
from chat.api.deps import Deps
from chat.calls import Caller
from chat.clock import Clock, SystemClock
from chat.counting import Sizes
from chat.deployment import Deployment
from chat.edge import Edge, http_exception
from chat.folds import Folder
from chat.hangup import HangUp
from chat.limits import Limits, Rates
from chat.observe.watch import Watch, Watcher
from chat.runner import Runner
from chat.settings import BadSettings, Settings
from chat.standing import calibration_name
from chat.tending import Tending
from chat.upstream.client import Timeouts, Upstream
from chat.upstream.gate import Gate
from chat.upstream.local.capabilities import CLIENT_HEADERS
from chat.upstream.local.process import LocalModel
from chat.upstream.models import load as load_models
from chat.upstream.sharing import Sharing
from context.catalog import TIERS, Model, Tier
from context.policy import Policy
from context.pricing import PICO
from context.prompts import ASSISTANT, Prompt
from context.routing.complexity import assess
from context.tokens.calibration import Calibration
from store import learned, migrate, sqlite, users
from store.database import Database

if TYPE_CHECKING:  # loaded only when they are asked for
    from chat.observe.otel import Providers
    from chat.observe.prometheus import Prometheus

log = structlog.get_logger()

CORS_HEADERS = ["authorization", "content-type", "idempotency-key", "last-event-id", "x-request-id"]
CORS_EXPOSED = ["location", "retry-after", "x-request-id", "idempotency-replayed"]


@asynccontextmanager
async def running(
    settings: Settings,
    *,
    clock: Clock | None = None,
    local_model: LocalModel | None = None,
    timeouts: Timeouts | None = None,
    telemetry: "Providers | None" = None,
) -> AsyncIterator[Deps]:
    """Everything a server needs, started, and stopped again on the way out. Raises BadSettings and StoreError.

    `local_model` is started already; it is needed when the settings name no provider. `telemetry`: where OpenTelemetry goes
    instead of over OTLP.
    """
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings, clock))
        holder = clock.new_id("proc")
        metrics = _metrics(settings)
        telemetry = await _telemetry(settings, telemetry, stack)
        upstream = _upstream(settings, local_model, timeouts, telemetry)
        stack.push_async_callback(upstream.close)
        deployment = await _deployment(
            settings,
            database,
            upstream,
            clock,
            holder,
            local_model,
            _watch(settings, metrics, telemetry),
        )
        folder = Folder(database=database, deployment=deployment, clock=clock)
        runner = Runner(
            database=database,
            deployment=deployment,
            clock=clock,
            holder=holder,
            shared=database.dialect == "postgresql",
            folder=folder,
            tending=Tending(
                database=database,
                deployment=deployment,
                clock=clock,
                folder=folder,
                keepalives=settings.keepalives,
                allowance=Allowance(
                    thread=int(settings.keepalive_usd_per_thread * PICO),
                    service=int(settings.keepalive_usd_per_day * PICO),
                ),
            ),
            log_hours=settings.log_hours,
        )
        if settings.budgets:
            await stack.enter_async_context(_alerts(settings, database, clock).watching())
        rates = Rates(None if settings.redis_url is None else settings.redis_url.get_secret_value())
        stack.push_async_callback(rates.close)
        if settings.redis_url is not None:
            sharing = Sharing(settings.redis_url.get_secret_value(), deployment.caller.gate, holder)
            await sharing.start()
            stack.push_async_callback(sharing.stop)
        await runner.start()
        stack.push_async_callback(runner.stop)
        yield Deps(
            settings=settings,
            database=database,
            deployment=deployment,
            runner=runner,
            clock=clock,
            rates=rates,
            local_model=local_model,
            metrics=metrics,
        )


def application(deps: Deps) -> Starlette:
    """The ASGI application over started parts."""
    endpoints = routes.endpoints(deps)
    token, scraper = deps.settings.token, deps.settings.metrics_token
    tokens = Tokens(deps.settings.tokens, None if token is None else token.get_secret_value())
    middleware = [
        Middleware(HangUp),
        Middleware(Edge, clock=deps.clock),
        Middleware(
            Limits,
            per_minute=deps.settings.requests_per_minute,
            at_once=deps.settings.requests_at_once,
            rates=deps.rates,
        ),
        Middleware(
            Access,
            tokens=tokens,
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
        routes=[*(endpoint.route() for endpoint in endpoints), *page.routes(endpoints)],
        middleware=middleware,
        exception_handlers={HTTPException: http_exception},
    )
    app.router.redirect_slashes = False  # it would build a Location from the Host header
    return app


@asynccontextmanager
async def open_database(settings: Settings, clock: Clock) -> AsyncIterator[Database]:
    """The database, migrated and ready. A SQLite file belongs to one process at a time."""
    async with AsyncExitStack() as stack:
        if settings.database.startswith("sqlite:///"):
            stack.enter_context(_only_process(Path(settings.database.removeprefix("sqlite:///"))))
            _warn_of_old_sqlite()
        database = Database(settings.database)
        stack.push_async_callback(database.close)
        before, after = await migrate.upgrade(database)
        if before != after:
            log.info("migrated the database", before=before, after=after)
        names = {users.LOCAL: "You", **{token.user: token.user for token in settings.tokens}}

        async def ensure_users(connection: AsyncConnection) -> None:
            for user_id, name in sorted(names.items()):
                await users.ensure(connection, user_id, name, clock.now())

        await database.write(ensure_users)
        yield database


def _alerts(settings: Settings, database: Database, clock: Clock) -> Alerts:
    webhook = None
    if settings.alert_webhook is not None and settings.alert_secret is not None:
        webhook = Webhook(
            url=settings.alert_webhook.get_secret_value(), secret=settings.alert_secret.get_secret_value()
        )
    return Alerts(
        database=database,
        clock=clock,
        budgets=settings.all_budgets,
        shares=settings.alert_shares,
        webhook=webhook,
    )


def _only_process(path: Path) -> FileLock:
    lock = FileLock(path.with_name(path.name + ".lock"), timeout=0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise BadSettings(
            f"another Palaver process uses {path}; stop it, or give this one another PALAVER_DATA_DIR"
        ) from None
    except OSError as problem:
        raise BadSettings(
            f"PALAVER_DATA_DIR: {path.parent} cannot hold the database: {problem.strerror}"
        ) from None
    return lock


def _warn_of_old_sqlite() -> None:
    library = sqlite.driver()
    if library.sqlite_version_info < sqlite.SAFE_VERSION:
        log.warning(
            "this SQLite may corrupt a database under load; use Python with SQLite 3.51.3 or newer",
            sqlite=library.sqlite_version,
        )


def _metrics(settings: Settings) -> "Prometheus | None":
    if not settings.metrics:
        return None
    from chat.observe.prometheus import Prometheus

    return Prometheus()


async def _telemetry(
    settings: Settings, given: "Providers | None", stack: AsyncExitStack
) -> "Providers | None":
    if not settings.otel:
        return None
    try:
        from chat.observe.otel import over_otlp

        made = given or over_otlp()
    except ImportError:
        raise BadSettings(
            "PALAVER_OTEL: OpenTelemetry is not installed: pip install 'palaver[otel]'"
        ) from None
    # Closing sends what is left, which may take as long as the collector does.
    stack.push_async_callback(asyncio.to_thread, made.close)
    return made


def _watch(settings: Settings, metrics: "Prometheus | None", telemetry: "Providers | None") -> Watch:
    watchers: list[Watcher] = [] if metrics is None else [metrics]
    if telemetry is not None:
        from chat.observe.otel import OpenTelemetry

        watchers.append(OpenTelemetry(telemetry, content=settings.otel_content))
    return Watch(tuple(watchers))


def _upstream(
    settings: Settings,
    local_model: LocalModel | None,
    timeouts: Timeouts | None,
    telemetry: "Providers | None",
) -> Upstream:
    traces = None if telemetry is None else telemetry.traces
    if local_model is not None:
        return Upstream(
            base_url=local_model.base_url,
            api_key=local_model.api_key,
            timeouts=timeouts,
            headers=CLIENT_HEADERS,
            traces=traces,
            content=settings.otel_content,
        )
    key = settings.anthropic_api_key
    return Upstream(
        base_url=settings.anthropic_base_url,
        api_key="none" if key is None else key.get_secret_value(),
        timeouts=timeouts,
        traces=traces,
        content=settings.otel_content,
    )


async def _deployment(
    settings: Settings,
    database: Database,
    upstream: Upstream,
    clock: Clock,
    holder: str,
    local_model: LocalModel | None,
    watch: Watch,
) -> Deployment:
    tiers: dict[Tier, str]
    if local_model is not None:
        tiers = dict.fromkeys(TIERS, local_model.model_id)
        models = {local_model.model_id: _local(local_model)}
    else:
        tiers = settings.tiers
        models = await load_models(upstream.client, tiers)
    if len(set(tiers.values())) > 1:
        assess("")  # reads the router's words and weights now, not in the first turn
    return Deployment(
        backend="claude" if local_model is None else "local",
        caller=Caller(
            upstream=upstream,
            gate=Gate(
                clock=clock,
                at_once=settings.calls_at_once
                if local_model is None
                else min(settings.calls_at_once, local_model.slots),
                length=settings.queue_length,
                seconds=settings.queue_seconds,
            ),
            database=database,
            clock=clock,
            holder=holder,
            local=local_model is not None,
            watch=watch,
            budgets=Budgets(all=settings.all_budgets),
        ),
        models=models,
        tiers=tiers,
        default_tier=settings.default_tier,
        rules=tuple(one.rule for one in settings.routing_rules),
        opinion=settings.routing_opinion,
        cascade=settings.cascade,
        prompt=_prompt(settings),
        policy=replace(Policy(), window_cap=settings.window_tokens),
        sizes=await _sizes(database, tiers),
        max_output=settings.max_output_tokens,
        recall_tokens=settings.recall_tokens,
        diagnose=settings.cache_diagnostics,
        max_turn_seconds=settings.max_turn_seconds,
        fallback=settings.fallback,
        model_titles=settings.titles == "model" or (settings.titles == "auto" and local_model is None),
    )


async def _sizes(database: Database, tiers: dict[Tier, str]) -> Sizes:
    """Token estimates with what bills have taught so far."""
    known: dict[str, Calibration] = {}
    async with database.reading() as connection:
        for model in set(tiers.values()):
            value = await learned.get(connection, calibration_name(model))
            if value is not None:
                known[model] = Calibration.from_json(value)
    return Sizes(tiers["standard"], known)


def _local(served: LocalModel) -> Model:
    return Model(
        id=served.model_id,
        label=f"{served.model_id} (local)",
        context_window=served.max_input_tokens,
        max_output=served.max_output_tokens,
        min_cacheable=0,
        local=True,
    )


def _prompt(settings: Settings) -> Prompt:
    path = settings.system_prompt_file
    if path is None:
        return ASSISTANT
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise BadSettings(f"PALAVER_SYSTEM_PROMPT_FILE: {path} cannot be read as UTF-8 text") from None
    if not text:
        raise BadSettings(f"PALAVER_SYSTEM_PROMPT_FILE: {path} is empty")
    return Prompt(name="custom", version=1, text=text)
