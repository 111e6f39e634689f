"""Shapes of `/api/info`, `/healthz` and `/readyz`."""

from typing import Literal

from pydantic import Field

from chat.api.schemas.fields import Answer


class ModelOut(Answer):
    id: str
    label: str
    tier: str


class InfoOut(Answer):
    version: str
    protocol: str
    backend: Literal["local", "claude"]
    notice: str | None
    window_tokens: int
    models: list[ModelOut]


class HealthOut(Answer):
    status: str
    checks: dict[str, str] = Field(default={})
