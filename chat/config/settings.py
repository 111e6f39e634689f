"""All settings with their defaults and descriptions. `chat.config.load` reads them; README.md has the table."""

from decimal import Decimal
from typing import Literal

import platformdirs
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from chat.config.notifications import Notifications
from chat.config.sources import FILE, DotEnv, Toml, config_file, env_file_in_use
from chat.config.types import (
    BaseUrl,
    Budgets,
    Credential,
    DatabaseUrl,
    FilePath,
    Line,
    Names,
    Origins,
    RedisUrl,
    RoutingRules,
    Tokenizers,
    Tokens,
    environment_alias,
)
from context.limits.budgets import Budget
from context.models.catalog import Tier
from context.recall.purchase import RecallMode


class Settings(Notifications):
    """What an operator configures. A field's description is its row in README.md."""

    model_config = SettingsConfigDict(
        env_prefix="PALAVER_",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,  # a mistyped key must not appear in the error message about it
    )

    config: FilePath | None = Field(
        default=None,
        description="The settings file instead of `palaver.toml` in the working folder, as `--config`.",
    )
    data_dir: FilePath = Field(
        default_factory=lambda: platformdirs.user_data_path("palaver"),
        description="Folder of the database, unless `database_url` names another.",
    )
    database_url: DatabaseUrl | None = Field(
        default=None, description="`postgresql://…` or `sqlite:///path`; unset: a file in `data_dir`."
    )
    token: Credential | None = Field(
        default=None, min_length=16, description="Bearer token that every API request must carry."
    )
    tokens: Tokens = Field(
        default=(),
        description="Access tokens of users, as `[[tokens]]` in `palaver.toml` (JSON in the environment); see `chat/auth/README.md`.",
    )
    budgets: Budgets = Field(
        default=(),
        description="Spending limits, as `[[budgets]]` in `palaver.toml` (JSON in the environment); see `chat/budgets/README.md`.",
    )
    cors_origins: Origins = Field(
        default=(), description="Exact origins (comma-separated) whose pages may use the API."
    )
    allowed_hosts: Names = Field(
        default=(),
        description="Further names (comma-separated) under which a server without a token is reached; others are refused.",
    )
    docs: bool = Field(
        default=True, description="Whether `/docs` and `/openapi.json` are served, to anybody."
    )
    anthropic_api_key: Credential | None = Field(
        default=None,
        validation_alias=environment_alias("ANTHROPIC_API_KEY"),
        description="Key of the Claude API; unset: the local model answers.",
    )
    anthropic_auth_token: Credential | None = Field(
        default=None,
        validation_alias=environment_alias("ANTHROPIC_AUTH_TOKEN"),
        description="Bearer token of the Claude API or a gateway, sent where no key is set.",
    )
    anthropic_base_url: BaseUrl | None = Field(
        default=None,
        validation_alias=environment_alias("ANTHROPIC_BASE_URL"),
        description="Another Messages endpoint than Anthropic's own.",
    )
    local_model: FilePath | None = Field(default=None, description="A GGUF file to use as the local model.")
    cache_dir: FilePath = Field(
        default_factory=lambda: platformdirs.user_cache_path("palaver"),
        description="Folder for the downloaded files of the local model and the embedding model.",
    )
    model_simple: Line = Field(default="claude-haiku-5-5", description="Model of the tier `simple`.")
    model_standard: Line = Field(default="claude-sonnet-5-5", description="Model of the tier `standard`.")
    model_complex: Line = Field(default="claude-opus-5-5", description="Model of the tier `complex`.")
    tokenizer: Tokenizers | None = Field(
        default=None,
        description="A `tokenizer.json` that counts exactly for every model, or a table of model ids and files (JSON in the environment).",
    )
    default_tier: Literal["auto", "simple", "standard", "complex"] = Field(
        default="auto", description="Tier of a turn that asks for none; `auto`: the router decides."
    )
    routing_rules: RoutingRules = Field(
        default=(),
        description="Rules that choose a tier, as `[[routing_rules]]` with `name`, `tier` and a `pattern` or `label`; see `context/routing/README.md`.",
    )
    routing_classifier: bool = Field(
        default=False,
        description="Whether the cheapest model classifies turns the router is unsure of (2 s at most).",
    )
    cascade: bool = Field(
        default=True,
        description="Whether an answer that is refused, or fails before its first word, is retried one tier up.",
    )
    fallback: bool = Field(
        default=True, description="Whether another tier's model answers when the chosen one cannot."
    )
    max_output_tokens: int = Field(
        default=16_000, ge=64, le=128_000, description="Most tokens of one answer, thinking included."
    )
    max_turn_seconds: int = Field(default=900, ge=10, le=7_200, description="Longest time one turn may take.")
    window_tokens: int = Field(
        default=60_000, ge=1_000, le=900_000, description="Most tokens of conversation sent with one request."
    )
    recall: RecallMode = Field(
        default="balanced",
        description="How much older messages are worth on a turn that may need them: `off`, `thrifty`, `balanced` or `generous`; see `context/recall/README.md`.",
    )
    recall_tokens: int = Field(
        default=8_000,
        ge=0,
        le=100_000,
        description="Most tokens of older messages recalled for one turn, however much they are worth; 0: none.",
    )
    recall_embeddings: bool = Field(
        default=False,
        description="Whether recall also finds messages by meaning (English), with a model downloaded once; needs `palaver-chat[embeddings]`.",
    )
    keepalives: bool = Field(
        default=True, description="Whether cached prefixes are renewed between turns where that is cheaper."
    )
    keepalive_usd_per_thread: Decimal = Field(
        default=Decimal("0.5"),
        ge=0,
        description="Most USD that keep-alives of one thread may cost in a day (UTC); 0: no limit.",
    )
    keepalive_usd_per_day: Decimal = Field(
        default=Decimal(10),
        ge=0,
        description="Most USD that all keep-alives together may cost in a day (UTC); 0: no limit.",
    )
    cache_diagnostics: bool = Field(
        default=True,
        description="Whether the provider is asked for the cause of a cache miss; turn it off for endpoints that do not know the field.",
    )
    system_prompt_file: FilePath | None = Field(
        default=None, description="A text file that replaces the built-in system prompt."
    )
    titles: Literal["auto", "model", "first_words"] = Field(
        default="auto",
        description="How titles are made; `auto`: by the simple tier's model, but never by the local one.",
    )
    requests_per_minute: int = Field(
        default=6_000, ge=0, le=1_000_000, description="Requests one address may make in a minute; 0: any."
    )
    max_concurrent_requests: int = Field(
        default=200, ge=0, le=100_000, description="Requests and streams one address may have open; 0: any."
    )
    redis_url: RedisUrl | None = Field(
        default=None,
        description="`redis://…`, through which replicas share breakers, rate limits and request counts; unset: each for itself.",
    )
    max_concurrent_calls: int = Field(
        default=64,
        ge=1,
        le=10_000,
        description="Calls in flight to one model; more of them wait. The local model takes fewer.",
    )
    queue_length: int = Field(
        default=200,
        ge=0,
        le=100_000,
        description="Calls that may wait for a model; when so many wait, new turns are refused with 503.",
    )
    queue_seconds: int = Field(
        default=60, ge=1, le=3_600, description="Longest time a call may wait for a model."
    )
    metrics: bool = Field(default=False, description="Whether `/metrics` serves Prometheus metrics.")
    metrics_token: Credential | None = Field(
        default=None, min_length=16, description="Bearer token for `/metrics` alone."
    )
    otel: bool = Field(
        default=False,
        description="Whether traces and metrics are sent to OpenTelemetry; needs `palaver-chat[otel]` and its `OTEL_…` settings.",
    )
    otel_content: bool = Field(default=False, description="Whether traces contain prompts and answers.")
    log_hours: int = Field(
        default=24, ge=1, le=87_600, description="Hours a finished turn's event log is kept for resuming."
    )
    journal_buffer_seconds: int = Field(
        default=60,
        ge=0,
        le=3_600,
        description="Seconds a running answer goes on in memory while the database is away.",
    )
    journal_buffer_bytes: int = Field(
        default=4_000_000,
        ge=10_000,
        le=1_000_000_000,
        description="Most bytes of one running answer that are held in memory while the database is away.",
    )
    report_connections: int = Field(
        default=2, ge=1, le=100, description="Database connections that search and reports share."
    )
    report_seconds: int = Field(default=15, ge=1, le=600, description="Most seconds of a search or report.")
    grace_seconds: int = Field(
        default=20, ge=0, le=600, description="Seconds running turns have to finish when the server stops."
    )
    log_format: Literal["auto", "text", "json"] = Field(
        default="auto", description="Format of log lines; `auto`: text on a terminal, JSON otherwise."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Lowest level logged."
    )

    @property
    def all_budgets(self) -> tuple[Budget, ...]:
        """The budgets in exact amounts: picodollars, tokens or requests."""
        return tuple(configured.budget() for configured in self.budgets)

    @property
    def requires_token(self) -> bool:
        """Whether the API requires a token."""
        return self.token is not None or bool(self.tokens) or self.verifies_tokens

    @property
    def database(self) -> str:
        """The database's URL. Never log it: it may contain a password."""
        return self.database_url or f"sqlite:///{self.data_dir / 'palaver.db'}"

    @property
    def tiers(self) -> dict[Tier, str]:
        """The model of each tier."""
        return {"simple": self.model_simple, "standard": self.model_standard, "complex": self.model_complex}

    @property
    def uses_local_model(self) -> bool:
        """Whether the embedded local model answers, because no other endpoint is configured."""
        return self.anthropic_credential is None and self.anthropic_base_url is None

    @property
    def anthropic_credential(self) -> SecretStr | None:
        """What authenticates calls: the key, which shadows the bearer token, as the SDK documents it."""
        return self.anthropic_api_key or self.anthropic_auth_token

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        env_file = env_file_in_use.get()
        overrides = init_settings.init_kwargs if isinstance(init_settings, InitSettingsSource) else {}
        toml = Toml(settings_cls, config_file(overrides, env_file) or FILE)
        return init_settings, env_settings, DotEnv(settings_cls, env_file=env_file), toml
