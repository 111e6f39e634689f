"""Validate webhooks as an operator writes them: `[[webhooks]]` in palaver.toml."""

import os
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_settings import NoDecode

from chat.config.sources import env_file_in_use, read_dotenv
from chat.config.tokens import NAME
from chat.config.types import SigningSecret, WebhookUrl, from_json

EventName = Literal[
    "turn.completed",
    "turn.failed",
    "turn.cancelled",
    "thread.created",
    "thread.compacted",
    "feedback",
    "budget.share_reached",
]
"""What webhooks report. chat/webhooks/README.md has their payloads."""

EVENTS: Final[tuple[EventName, ...]] = get_args(EventName)
ALERT_WEBHOOK = "alert_webhook"
"""The name of the endpoint in PALAVER_ALERT_WEBHOOK."""


def matching(pattern: str) -> frozenset[EventName]:
    """The events that a name stands for: `turn.failed` for itself, `turn.*` for all of turns, `*` for all."""
    if not pattern.endswith("*"):
        return frozenset(event for event in EVENTS if event == pattern)
    prefix = pattern.removesuffix("*")
    return frozenset(
        event for event in EVENTS if event.startswith(prefix) and (not prefix or prefix.endswith("."))
    )


class ConfiguredWebhook(BaseModel):
    """One `[[webhooks]]` entry. The secret stands in `secret`, or in the variable of the environment that `secret_env` names."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: str = Field(pattern=NAME)
    url: WebhookUrl
    secret: SigningSecret = Field(min_length=16)
    secret_env: str | None = Field(default=None, min_length=1, max_length=200)
    events: tuple[str, ...] = Field(default=("*",), min_length=1)
    include_text: bool = False
    allow_private: bool = False

    @model_validator(mode="before")
    @classmethod
    def _read_secret(cls, values: Any) -> Any:
        if not isinstance(values, dict) or not isinstance(values.get("secret_env"), str):
            return values
        if "secret" in values:
            raise ValueError("there is a `secret` and a `secret_env`; leave one out")
        name = values["secret_env"]
        secret = os.environ.get(name) or read_dotenv(env_file_in_use.get()).get(name)
        if not secret:
            raise ValueError(f"the environment has no {name[:200]}, which `secret_env` names")
        return {**values, "secret": secret}

    @model_validator(mode="after")
    def _makes_sense(self) -> "ConfiguredWebhook":
        if self.name == ALERT_WEBHOOK:
            raise ValueError(f"{ALERT_WEBHOOK} is PALAVER_ALERT_WEBHOOK; call it something else")
        for pattern in self.events:
            if not matching(pattern):
                raise ValueError(f"each of `events` is one of {', '.join(EVENTS)}, or such as turn.* or *")
        return self


def _check_names(webhooks: tuple[ConfiguredWebhook, ...]) -> tuple[ConfiguredWebhook, ...]:
    if len({webhook.name for webhook in webhooks}) < len(webhooks):
        raise ValueError("each webhook has a name of its own")
    return webhooks


Webhooks = Annotated[
    tuple[ConfiguredWebhook, ...], NoDecode, BeforeValidator(from_json), AfterValidator(_check_names)
]
