"""Build the deployment, the upstream client, the caller and the token sizes from the settings."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import structlog

from chat.budgets.reservations import Budgets
from chat.calls.caller import Caller
from chat.calls.hooks import Hooks
from chat.clock import Clock
from chat.config.load import BadSettings
from chat.config.settings import Settings
from chat.config.text_file import read_text
from chat.embeddings.embeddings import Embeddings
from chat.runtime.deployment import Deployment
from chat.runtime.runtime import Runtime
from chat.runtime.token_sizes import EVERY_MODEL, PrefixSize, Sizes, load_tokenizers
from chat.stream.journal import BufferLimits
from chat.upstream.admission import Admission
from chat.upstream.client import Timeouts, Upstream
from chat.upstream.local.capabilities import CLIENT_HEADERS
from chat.upstream.local.process import LocalModel
from chat.upstream.models import load as load_models
from chat.webhooks.endpoint import endpoints
from context.models.catalog import TIERS, Model, Tier
from context.policy import Policy
from context.request.prompts import ASSISTANT, Prompt
from context.routing.complexity import assess
from context.tokens.calibration import Calibration
from store import learned_stats
from store.database import Database

if TYPE_CHECKING:
    from chat.telemetry.otel import Providers

log = structlog.get_logger()


def upstream(
    settings: Settings,
    local_model: LocalModel | None,
    timeouts: Timeouts | None,
    telemetry: "Providers | None",
) -> Upstream:
    """The endpoint that is called: the local model's, Anthropic's, or another one like it."""
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
    key, auth_token = settings.anthropic_api_key, settings.anthropic_auth_token
    return Upstream(
        base_url=settings.anthropic_base_url,
        api_key=None if key is None else key.get_secret_value(),
        auth_token=None if key is not None or auth_token is None else auth_token.get_secret_value(),
        timeouts=timeouts,
        traces=traces,
        content=settings.otel_content,
    )


async def runtime(
    settings: Settings,
    database: Database,
    upstream: Upstream,
    clock: Clock,
    *,
    holder: str,
    local_model: LocalModel | None,
    hooks: Hooks,
    embeddings: Embeddings | None,
) -> Runtime:
    """The services of this process. `holder` is its id in leases. Raises BadSettings."""
    configuration = await deployment(settings, upstream, local_model)
    slots = settings.max_concurrent_calls
    made = Runtime(
        deployment=configuration,
        database=database,
        clock=clock,
        caller=Caller(
            upstream=upstream,
            admission=Admission(
                clock=clock,
                max_concurrent=slots if local_model is None else min(slots, local_model.slots),
                queue_length=settings.queue_length,
                queue_seconds=settings.queue_seconds,
            ),
            database=database,
            clock=clock,
            holder=holder,
            local=configuration.local,
            hooks=hooks,
            budgets=Budgets(all=settings.all_budgets),
        ),
        sizes=await token_sizes(settings, database, configuration.tiers),
        embeddings=embeddings,
    )
    await _adopt_prefixes(made)
    return made


async def _adopt_prefixes(runtime: Runtime) -> None:
    """Read what bills have told of the system prompt's size, with and without tools."""
    keys = {}
    for model in runtime.deployment.models:
        for tools in {(), runtime.deployment.tools(model)}:
            settings = runtime.unsized_inputs(model, runtime.clock.now(), tools).settings
            keys[settings] = learned_stats.prefix_key(settings)
    for settings, value in (await runtime.database.read(partial(learned_stats.some, names=keys))).items():
        runtime.sizes.adopt_prefix(settings, PrefixSize.from_json(value))


async def deployment(settings: Settings, upstream: Upstream, local_model: LocalModel | None) -> Deployment:
    """The configuration turns share, from the settings and the provider's model list. Raises BadSettings."""
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
        models=models,
        tiers=tiers,
        default_tier=settings.default_tier,
        rules=tuple(setting.rule for setting in settings.routing_rules),
        classifier=settings.routing_classifier,
        cascade=settings.cascade,
        fallback=settings.fallback,
        prompt=_prompt(settings),
        policy=replace(Policy(), window_cap=settings.window_tokens),
        max_output=settings.max_output_tokens,
        recall_tokens=0 if settings.recall == "off" else settings.recall_tokens,
        recall_mode=settings.recall,
        diagnose=settings.cache_diagnostics,
        max_turn_seconds=settings.max_turn_seconds,
        journal_buffer=BufferLimits(
            seconds=settings.journal_buffer_seconds, bytes=settings.journal_buffer_bytes
        ),
        webhooks=endpoints(settings),
        model_titles=settings.titles == "model" or (settings.titles == "auto" and local_model is None),
    )


async def token_sizes(settings: Settings, database: Database, tiers: Mapping[Tier, str]) -> Sizes:
    """Token counts by the tokenizers that the settings name, and estimates with what bills have taught so far. Raises BadSettings."""
    try:
        sizes = Sizes(tiers["standard"], load_tokenizers(settings.tokenizer or {}))
    except ValueError as problem:
        raise BadSettings(f"PALAVER_TOKENIZER: {problem}") from None
    for model in (settings.tokenizer or {}).keys() - {EVERY_MODEL, *tiers.values()}:
        log.warning("tokenizer.unused", model=model)
    keys = {model: sizes.calibration_key(model) for model in tiers.values()}
    for model, value in (await database.read(partial(learned_stats.some, names=keys))).items():
        sizes.adopt(model, Calibration.from_json(value))
    return sizes


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
        text = read_text(path).strip()
    except (OSError, UnicodeDecodeError):
        raise BadSettings(f"PALAVER_SYSTEM_PROMPT_FILE: {path} cannot be read as UTF-8 text") from None
    if not text:
        raise BadSettings(f"PALAVER_SYSTEM_PROMPT_FILE: {path} is empty")
    return Prompt(name="custom", version=1, text=text)
