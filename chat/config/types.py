"""Types of settings that are more than a number or a text: how they are parsed and validated."""

import base64
import json
import re
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, AliasChoices, BeforeValidator, SecretStr
from pydantic_core import PydanticUseDefault
from pydantic_settings import NoDecode

from chat.config.budgets import ConfiguredBudget
from chat.config.routing_rules import RoutingRule
from chat.config.tokens import DEFAULT_TOKEN, ISSUED_TOKEN, SIGNED_TOKEN, Token
from store.url import parse_postgres

PAIRS = {'"': '"', "'": "'", "`": "`", "“": "”", "‘": "’"}  # also those that text programs make of plain ones
QUOTES = frozenset(PAIRS) | frozenset(PAIRS.values())
PLAIN_PATH = re.compile(r"(/(?!\.\.?(?:/|$))[A-Za-z0-9._~-]+)+")
_AROUND = " \t\r\n\f\v\xa0\ufeff\u200b"


def _unquoted(text: str) -> str:
    """A value without what surely does not belong to it: white space, byte-order marks and one pair of quotes around it.

    A Docker `--env-file` keeps quotes, `$(cat file)` on Windows and copying from a web page bring line ends.
    """
    text = text.strip(_AROUND)
    if len(text) > 1 and PAIRS.get(text[0]) == text[-1]:
        text = text[1:-1].strip(_AROUND)
    return text


def _clean(value: object) -> object:
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return _unquoted(value) if isinstance(value, str) else value


def _check_line(value: str) -> str:
    if not value:
        raise ValueError("the value is empty")
    if not value.isprintable():
        raise ValueError("the value has a line break or another character that cannot be printed")
    return value


def _check_credential(secret: SecretStr) -> SecretStr:
    """It travels in an HTTP header."""
    value = secret.get_secret_value()
    if not value:
        raise ValueError("the value is empty")
    if any(character.isspace() or not character.isprintable() for character in value):
        raise ValueError("the value has a space or a line break inside")
    if not value.isascii():
        raise ValueError("the value has characters outside ASCII, which a header cannot carry")
    if value[0] in QUOTES or value[-1] in QUOTES:
        raise ValueError("the value begins or ends with a quote that has no pair")
    return secret


def _check_base_url(url: str) -> str:
    """The endpoint without the path that the SDK adds: `/v1`, `/v1/messages`."""
    _check_line(url)
    if not url.isascii() or " " in url:
        raise ValueError("the URL has a space or characters outside ASCII")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a bracket without its pair
        usable = False
    if not usable:
        raise ValueError("the URL is http://host or https://host, with a port and a path where it has them")
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise ValueError("the URL has no ? and no #")
    path = parts.path.rstrip("/")
    for added in ("/messages", "/v1"):
        if added == "/v1" or path.endswith("/v1/messages"):
            path = path.removesuffix(added).rstrip("/")
    return parts._replace(path=path).geturl()


def plain_path(text: str) -> str | None:
    """A path such as `/chat` or `/a/b` without a slash at its end; None for what is more than that.

    Letters, digits and `._~-` only: such a path is the same in a URL, in HTML and in a log, and has one spelling.
    """
    path = text.removesuffix("/")
    return path if PLAIN_PATH.fullmatch(path) else None


def _check_base_path(value: str) -> str:
    path = "/" if value == "/" else plain_path(value)
    if path is None:
        raise ValueError(
            "the path is / or like /chat: it begins with a slash, and has letters, digits and ._~- only"
        )
    return path


def _check_port(value: object) -> object:
    """Kubernetes sets PALAVER_PORT to `tcp://…` in every container beside a service called "palaver": that is no setting."""
    if isinstance(value, str) and value.startswith(("tcp://", "udp://")):
        raise PydanticUseDefault
    return value


def _comma_separated(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def check_origin(origin: str) -> str:
    """The origin of a page, unchanged. Raises ValueError."""
    scheme, _, host = origin.partition("://")
    if scheme not in {"http", "https"} or not host or set(host) & set("/*?# "):
        raise ValueError("each origin is exactly scheme://host or scheme://host:port")
    return origin


def _check_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    for origin in origins:
        check_origin(origin)
    return origins


def _check_thresholds(thresholds: tuple[int, ...]) -> tuple[int, ...]:
    if not all(1 <= share <= 1_000 for share in thresholds):
        raise ValueError("each threshold is a whole number of per cent, from 1 to 1000")
    return tuple(sorted(set(thresholds)))


def _check_database_url(url: str) -> str:
    if url.startswith("sqlite:///"):
        return f"sqlite:///{Path(url.removeprefix('sqlite:///')).expanduser()}"
    parse_postgres(url)
    return url


def _check_redis_url(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(("redis://", "rediss://")):
        raise ValueError("a Redis URL begins with redis:// or rediss://")
    return url


def _check_webhook_url(url: SecretStr) -> SecretStr:
    value = url.get_secret_value()
    if not value.startswith(("https://", "http://")):
        raise ValueError("a webhook URL begins with https:// or http://")
    try:
        parts = urlsplit(value)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("the webhook URL has no host, or a port that is no number")
    return url


def _check_web_url(url: SecretStr) -> SecretStr:
    try:
        parts = urlsplit(url.get_secret_value())
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a bracket without its pair
        usable = False
    if not usable:
        raise ValueError("the URL begins with https:// or http:// and a host")
    return url


def _check_secret(secret: SecretStr) -> SecretStr:
    if secret.get_secret_value().startswith("whsec_"):
        try:
            key = base64.b64decode(secret.get_secret_value().removeprefix("whsec_"), validate=True)
        except ValueError:
            raise ValueError("what follows whsec_ is base64") from None
        if not key:
            raise ValueError("nothing follows whsec_")
    return secret


def _check_tokens(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
    if len({token.name for token in tokens}) < len(tokens):
        raise ValueError("each token has a name of its own")
    if len({token.sha256 for token in tokens}) < len(tokens):
        raise ValueError("each token has a digest of its own")
    if any(token.name == DEFAULT_TOKEN for token in tokens):
        raise ValueError(f"{DEFAULT_TOKEN} is the name of PALAVER_TOKEN; call it something else")
    if any(token.name in (SIGNED_TOKEN, ISSUED_TOKEN) for token in tokens):
        raise ValueError(f"{SIGNED_TOKEN} and {ISSUED_TOKEN} are names of end users' tokens; take another")
    return tokens


def _check_budgets(budgets: tuple[ConfiguredBudget, ...]) -> tuple[ConfiguredBudget, ...]:
    if len({(budget.scope, budget.name, budget.unit, budget.period) for budget in budgets}) < len(budgets):
        raise ValueError("two budgets have the same scope, name, unit and period")
    return budgets


def from_json(value: object) -> object:
    """A table as the environment holds it."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as problem:
        raise ValueError(f"the value is not JSON: {problem}") from None


def _tokenizers_by_model(value: object) -> object:
    if isinstance(value, str) and value.lstrip().startswith("{"):
        return from_json(value)
    return {"*": value} if isinstance(value, (str, Path)) else value


FilePath = Annotated[Path, BeforeValidator(_clean), AfterValidator(Path.expanduser)]
Port = Annotated[int, BeforeValidator(_check_port)]
Line = Annotated[str, BeforeValidator(_clean), AfterValidator(_check_line)]
BasePath = Annotated[Line, AfterValidator(_check_base_path)]
Credential = Annotated[SecretStr, BeforeValidator(_clean), AfterValidator(_check_credential)]
BaseUrl = Annotated[str, BeforeValidator(_clean), AfterValidator(_check_base_url)]
# In the environment a list is written with commas, not as JSON.
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_comma_separated)]
Origins = Annotated[Names, AfterValidator(_check_origins)]
Thresholds = Annotated[
    tuple[int, ...], NoDecode, BeforeValidator(_comma_separated), AfterValidator(_check_thresholds)
]
DatabaseUrl = Annotated[Line, AfterValidator(_check_database_url)]
RedisUrl = Annotated[Credential, AfterValidator(_check_redis_url)]
WebhookUrl = Annotated[Credential, AfterValidator(_check_webhook_url)]
WebUrl = Annotated[Credential, AfterValidator(_check_web_url)]
SigningSecret = Annotated[SecretStr, BeforeValidator(_clean), AfterValidator(_check_secret)]
Tokens = Annotated[tuple[Token, ...], NoDecode, BeforeValidator(from_json), AfterValidator(_check_tokens)]
Tokenizers = Annotated[dict[str, FilePath], NoDecode, BeforeValidator(_tokenizers_by_model)]
RoutingRules = Annotated[tuple[RoutingRule, ...], NoDecode, BeforeValidator(from_json)]
Budgets = Annotated[
    tuple[ConfiguredBudget, ...], NoDecode, BeforeValidator(from_json), AfterValidator(_check_budgets)
]


def environment_alias(name: str) -> AliasChoices:
    """The established name of a setting in the environment, besides its own name elsewhere."""
    return AliasChoices(name, name.lower())
