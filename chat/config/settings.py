"""Every setting, read once: environment (`PALAVER_…`), then `.env`, then `palaver.toml`, then the defaults here."""

import os
from decimal import Decimal
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import AliasChoices, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from chat.config.routing_rules import RoutingRule
from chat.config.types import (
    Budgets,
    DatabaseUrl,
    Names,
    Origins,
    RedisUrl,
    Shares,
    SigningSecret,
    Tokenizers,
    Tokens,
    WebhookUrl,
)
from context.limits.budgets import Budget
from context.models.catalog import Tier


def _named(name: str) -> AliasChoices:
    """A setting under its own name everywhere and under its established name in the environment."""
    return AliasChoices(name, name.lower())


class Settings(BaseSettings):
    """What an operator decides. Each field's description is its line in the README."""

    model_config = SettingsConfigDict(
        env_prefix="PALAVER_",
        env_file=".env",
        env_ignore_empty=True,
        toml_file="palaver.toml",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,  # a mistyped key must not appear in the complaint about it
    )

    host: str = Field(
        default="127.0.0.1", description="Address to listen on; other than loopback needs a token."
    )
    port: int = Field(default=8100, ge=0, le=65_535, description="Port to listen on; 0 takes a free one.")
    data_dir: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("palaver"),
        description="Folder of the database, unless `database_url` names another.",
    )
    database_url: DatabaseUrl | None = Field(
        default=None, description="`postgresql://…` or `sqlite:///path`; unset: a file in `data_dir`."
    )
    token: SecretStr | None = Field(
        default=None, min_length=16, description="Bearer token that every API request must carry."
    )
    tokens: Tokens = Field(
        default=(),
        description="Access tokens as `[[tokens]]` in the file (JSON in the environment): see Access.",
    )
    budgets: Budgets = Field(
        default=(),
        description="Limits on what is spent as `[[budgets]]` in the file (JSON in the environment): see Budgets.",
    )
    alert_thresholds: Shares = Field(
        default=(80, 100), description="Shares of a budget, in per cent, at which the operator is told."
    )
    alert_webhook: WebhookUrl | None = Field(
        default=None, description="Address alerts are posted to, besides the log."
    )
    alert_secret: SigningSecret | None = Field(
        default=None,
        min_length=16,
        validate_default=True,
        description="Secret alerts are signed with; `whsec_…` is taken as base64.",
    )
    cors_origins: Origins = Field(
        default=(), description="Exact origins (comma-separated) whose pages may use the API."
    )
    anthropic_api_key: SecretStr | None = Field(
        default=None,
        validation_alias=_named("ANTHROPIC_API_KEY"),
        description="Key of the Claude API; unset: the local model answers.",
    )
    anthropic_base_url: str | None = Field(
        default=None,
        validation_alias=_named("ANTHROPIC_BASE_URL"),
        description="Another Messages endpoint than Anthropic's own.",
    )
    local_model: Path | None = Field(default=None, description="A GGUF file to use as the local model.")
    cache_dir: Path = Field(
        default_factory=lambda: platformdirs.user_cache_path("palaver"),
        description="Folder where the local model and the embedding model are kept.",
    )
    model_simple: str = Field(default="claude-haiku-5-5", description="Model of the tier `simple`.")
    model_standard: str = Field(default="claude-sonnet-5-5", description="Model of the tier `standard`.")
    model_complex: str = Field(default="claude-opus-5-5", description="Model of the tier `complex`.")
    tokenizer: Tokenizers | None = Field(
        default=None,
        description="A `tokenizer.json` that counts exactly for every model, or a table of model ids and files (JSON in the environment).",
    )
    default_tier: Literal["auto", "simple", "standard", "complex"] = Field(
        default="auto", description="Tier of a turn that asks for none; `auto`: the router decides."
    )
    routing_rules: tuple[RoutingRule, ...] = Field(
        default=(),
        description="Rules that pin a tier: `[[routing_rules]]` tables with `name`, `tier` and a `pattern` or `label`.",
    )
    routing_classifier: bool = Field(
        default=False,
        description="Whether the cheapest model is asked about turns the router is unsure of (2 s at most).",
    )
    cascade: bool = Field(
        default=True,
        description="Whether an answer that is refused, or cut before its first word, is tried again one tier up.",
    )
    fallback: bool = Field(default=True, description="Whether another tier's model answers when one cannot.")
    max_output_tokens: int = Field(
        default=16_000, ge=64, le=128_000, description="Most tokens of one answer, thinking included."
    )
    max_turn_seconds: int = Field(default=900, ge=10, le=7_200, description="Longest time one turn may take.")
    window_tokens: int = Field(
        default=60_000, ge=1_000, le=900_000, description="Most tokens of conversation sent with one request."
    )
    recall_tokens: int = Field(
        default=1_000,
        ge=0,
        le=100_000,
        description="Most tokens of older messages brought back for one turn; 0: none.",
    )
    recall_embeddings: bool = Field(
        default=False,
        description="Whether recall also finds by meaning (English), with a model fetched once; needs `palaver[embeddings]`.",
    )
    keepalives: bool = Field(
        default=True, description="Whether cached prefixes are renewed during a pause where that is cheaper."
    )
    keepalive_usd_per_thread: Decimal = Field(
        default=Decimal("0.5"),
        ge=0,
        description="Most USD a thread's renewals may cost in a day (UTC); 0: any amount.",
    )
    keepalive_usd_per_day: Decimal = Field(
        default=Decimal(10),
        ge=0,
        description="Most USD all renewals together may cost in a day; 0: any amount.",
    )
    cache_diagnostics: bool = Field(
        default=True,
        description="Whether the provider is asked why a cache read failed; off for endpoints that do not know it.",
    )
    system_prompt_file: Path | None = Field(
        default=None, description="A text file that replaces the built-in system prompt."
    )
    titles: Literal["auto", "model", "first_words"] = Field(
        default="auto",
        description="Who writes titles; `auto`: the simple tier's model, but never the local one.",
    )
    requests_per_minute: int = Field(
        default=6_000,
        ge=0,
        le=1_000_000,
        description="Requests one address may make in a minute; 0: any number.",
    )
    max_concurrent_requests: int = Field(
        default=200,
        ge=0,
        le=100_000,
        description="Requests and streams one address may have open; 0: any number.",
    )
    trusted_proxies: Names = Field(
        default=(), description="Addresses (comma-separated) whose forwarding headers name the real client."
    )
    redis_url: RedisUrl | None = Field(
        default=None,
        description="`redis://…`, through which replicas share breakers, rate limits and request counts; unset: each for itself.",
    )
    max_concurrent_calls: int = Field(
        default=64,
        ge=1,
        le=10_000,
        description="Calls to one model at the same time; more of them wait. The local model takes fewer.",
    )
    queue_length: int = Field(
        default=200,
        ge=0,
        le=100_000,
        description="Calls that may wait for a model; when they do, new turns are refused with 503.",
    )
    queue_seconds: int = Field(
        default=60, ge=1, le=3_600, description="Longest time a call may wait for a model."
    )
    metrics: bool = Field(default=False, description="Whether `/metrics` has figures for Prometheus.")
    metrics_token: SecretStr | None = Field(
        default=None, min_length=16, description="Bearer token that `/metrics` takes, and nothing else does."
    )
    otel: bool = Field(
        default=False,
        description="Whether traces and metrics go to OpenTelemetry; needs `palaver[otel]`, takes `OTEL_…` settings.",
    )
    otel_content: bool = Field(
        default=False, description="Whether traces carry what people and the model say."
    )
    log_hours: int = Field(
        default=24, ge=1, le=87_600, description="Hours a finished turn's event log is kept for resuming."
    )
    grace_seconds: int = Field(
        default=20,
        ge=0,
        le=600,
        description="Seconds running turns get to finish when the server is stopped.",
    )
    log_format: Literal["auto", "text", "json"] = Field(
        default="auto", description="Log lines for people, for machines, or by whether a terminal looks on."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level logged."
    )

    @field_validator("alert_secret")
    @classmethod
    def _signed(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is None and info.data.get("alert_webhook") is not None:
            raise ValueError("alerts are signed: give a secret that the webhook knows too")
        return value

    @property
    def all_budgets(self) -> tuple[Budget, ...]:
        """The budgets in exact amounts."""
        return tuple(one.budget() for one in self.budgets)

    @property
    def asks_for_token(self) -> bool:
        """Whether nobody may use the API without a token."""
        return self.token is not None or bool(self.tokens)

    @property
    def database(self) -> str:
        """The database's URL. Never log it: it may hold a password."""
        return self.database_url or f"sqlite:///{self.data_dir / 'palaver.db'}"

    @property
    def tiers(self) -> dict[Tier, str]:
        """The model of each tier."""
        return {"simple": self.model_simple, "standard": self.model_standard, "complex": self.model_complex}

    @property
    def uses_local_model(self) -> bool:
        """Whether the embedded model answers."""
        return self.anthropic_api_key is None and self.anthropic_base_url is None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, dotenv_settings, TomlConfigSettingsSource(settings_cls)


def environment_name(field: str) -> str:
    """How a setting is called in the environment."""
    alias = Settings.model_fields[field].validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else f"PALAVER_{field.upper()}"


def unknown_names() -> list[str]:
    """Names in the environment that begin like a setting and are none: most likely mistyped."""
    known = {environment_name(field) for field in Settings.model_fields}
    return sorted(name for name in os.environ if name.startswith("PALAVER_") and name.upper() not in known)


class BadSettings(Exception):
    """Settings that cannot be used; the message names each key and what is wrong, never its value."""


def load(**overrides: object) -> Settings:
    """Settings from all sources; `overrides` come from the command line. Raises BadSettings."""
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]  # validated by pydantic, whatever they are
    except ValidationError as problem:
        lines = [f"{_key(error['loc'])}: {error['msg']}" for error in problem.errors(include_input=False)]
        raise BadSettings("\n".join(lines)) from None
    except (ValueError, OSError) as problem:
        raise BadSettings(f"palaver.toml or .env cannot be read: {problem}") from None


def _key(location: tuple[int | str, ...]) -> str:
    field = str(location[0]) if location else ""
    field = field.lower() if field.lower() in Settings.model_fields else field
    name = environment_name(field) if field in Settings.model_fields else field
    return name + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location[1:])
