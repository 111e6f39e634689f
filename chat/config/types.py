"""Types of settings that are more than a number or a text: how they are parsed and validated."""

import base64
import json
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

from chat.config.budgets import ConfiguredBudget
from chat.config.tokens import DEFAULT_TOKEN, Token


def _comma_separated(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _check_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    for origin in origins:
        scheme, _, host = origin.partition("://")
        if scheme not in {"http", "https"} or not host or set(host) & set("/*?# "):
            raise ValueError("each origin is exactly scheme://host or scheme://host:port")
    return origins


def _check_thresholds(thresholds: tuple[int, ...]) -> tuple[int, ...]:
    if not all(1 <= share <= 1_000 for share in thresholds):
        raise ValueError("each threshold is a whole number of per cent, from 1 to 1000")
    return tuple(sorted(set(thresholds)))


def _check_database_url(url: str) -> str:
    if not url.startswith(("sqlite:///", "postgresql://", "postgres://", "postgresql+asyncpg://")):
        raise ValueError("a database URL begins with sqlite:/// or postgresql://")
    return url


def _check_redis_url(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(("redis://", "rediss://")):
        raise ValueError("a Redis URL begins with redis:// or rediss://")
    return url


def _check_webhook_url(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(("https://", "http://")):
        raise ValueError("a webhook URL begins with https:// or http://")
    return url


def _check_secret(secret: SecretStr) -> SecretStr:
    if secret.get_secret_value().startswith("whsec_"):
        try:
            base64.b64decode(secret.get_secret_value().removeprefix("whsec_"), validate=True)
        except ValueError:
            raise ValueError("what follows whsec_ is base64") from None
    return secret


def _check_tokens(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
    if len({token.name for token in tokens}) < len(tokens):
        raise ValueError("each token has a name of its own")
    if len({token.sha256 for token in tokens}) < len(tokens):
        raise ValueError("each token has a digest of its own")
    if any(token.name == DEFAULT_TOKEN for token in tokens):
        raise ValueError(f"{DEFAULT_TOKEN} is the name of PALAVER_TOKEN; call it something else")
    return tokens


def _check_budgets(budgets: tuple[ConfiguredBudget, ...]) -> tuple[ConfiguredBudget, ...]:
    if len({(budget.scope, budget.name, budget.unit, budget.period) for budget in budgets}) < len(budgets):
        raise ValueError("two budgets have the same scope, name, unit and period")
    return budgets


def _tokenizers_by_model(value: object) -> object:
    if isinstance(value, str) and value.lstrip().startswith("{"):
        return json.loads(value)
    return {"*": value} if isinstance(value, (str, Path)) else value


# In the environment a list is written with commas, not as JSON.
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_comma_separated)]
Origins = Annotated[Names, AfterValidator(_check_origins)]
Thresholds = Annotated[
    tuple[int, ...], NoDecode, BeforeValidator(_comma_separated), AfterValidator(_check_thresholds)
]
DatabaseUrl = Annotated[str, AfterValidator(_check_database_url)]
RedisUrl = Annotated[SecretStr, AfterValidator(_check_redis_url)]
WebhookUrl = Annotated[SecretStr, AfterValidator(_check_webhook_url)]
SigningSecret = Annotated[SecretStr, AfterValidator(_check_secret)]
Tokens = Annotated[tuple[Token, ...], AfterValidator(_check_tokens)]
Tokenizers = Annotated[dict[str, Path], NoDecode, BeforeValidator(_tokenizers_by_model)]
Budgets = Annotated[tuple[ConfiguredBudget, ...], AfterValidator(_check_budgets)]
