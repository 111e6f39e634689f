"""What settings may hold where that is more than a number or a text: how it is read, and what is refused and why."""

import base64
import json
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

from chat.config.budgets import ConfiguredBudget
from chat.config.tokens import DEFAULT_TOKEN, Token


def _with_commas(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _exact(origins: tuple[str, ...]) -> tuple[str, ...]:
    for origin in origins:
        scheme, _, host = origin.partition("://")
        if scheme not in {"http", "https"} or not host or set(host) & set("/*?# "):
            raise ValueError("each origin is exactly scheme://host or scheme://host:port")
    return origins


def _per_cent(shares: tuple[int, ...]) -> tuple[int, ...]:
    if not all(1 <= share <= 1_000 for share in shares):
        raise ValueError("each share is a whole number of per cent")
    return tuple(sorted(set(shares)))


def _known_database(url: str) -> str:
    if not url.startswith(("sqlite:///", "postgresql://", "postgres://", "postgresql+asyncpg://")):
        raise ValueError("a database URL begins with sqlite:/// or postgresql://")
    return url


def _known_redis(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(("redis://", "rediss://")):
        raise ValueError("a Redis URL begins with redis:// or rediss://")
    return url


def _an_address(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(("https://", "http://")):
        raise ValueError("a webhook's address begins with https:// or http://")
    return url


def _a_secret(secret: SecretStr) -> SecretStr:
    if secret.get_secret_value().startswith("whsec_"):
        try:
            base64.b64decode(secret.get_secret_value().removeprefix("whsec_"), validate=True)
        except ValueError:
            raise ValueError("what follows whsec_ is base64") from None
    return secret


def _told_apart(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
    if len({token.name for token in tokens}) < len(tokens):
        raise ValueError("each token has a name of its own")
    if len({token.sha256 for token in tokens}) < len(tokens):
        raise ValueError("each token has a digest of its own")
    if any(token.name == DEFAULT_TOKEN for token in tokens):
        raise ValueError(f"{DEFAULT_TOKEN} is the name of PALAVER_TOKEN; call it something else")
    return tokens


def _one_limit_each(budgets: tuple[ConfiguredBudget, ...]) -> tuple[ConfiguredBudget, ...]:
    if len({(one.scope, one.name, one.unit, one.period) for one in budgets}) < len(budgets):
        raise ValueError("two budgets have the same scope, name, unit and period")
    return budgets


def _one_for_every_model(value: object) -> object:
    if isinstance(value, str) and value.lstrip().startswith("{"):
        return json.loads(value)
    return {"*": value} if isinstance(value, (str, Path)) else value


# In the environment a list is written with commas, not as JSON.
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_with_commas)]
Origins = Annotated[Names, AfterValidator(_exact)]
Shares = Annotated[tuple[int, ...], NoDecode, BeforeValidator(_with_commas), AfterValidator(_per_cent)]
DatabaseUrl = Annotated[str, AfterValidator(_known_database)]
RedisUrl = Annotated[SecretStr, AfterValidator(_known_redis)]
WebhookUrl = Annotated[SecretStr, AfterValidator(_an_address)]
SigningSecret = Annotated[SecretStr, AfterValidator(_a_secret)]
Tokens = Annotated[tuple[Token, ...], AfterValidator(_told_apart)]
Tokenizers = Annotated[dict[str, Path], NoDecode, BeforeValidator(_one_for_every_model)]
Budgets = Annotated[tuple[ConfiguredBudget, ...], AfterValidator(_one_limit_each)]
