"""What this deployment answers with: its models, its prompt, its limits. Fixed from start to stop."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from chat.upstream.client import Upstream
from context.catalog import Model, Tier
from context.policy import Policy
from context.prompts import Prompt
from context.routing import Route, route

Backend = Literal["local", "claude"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Everything a turn needs to know besides its thread. `count` estimates the tokens of a text, on the safe side."""

    backend: Backend
    upstream: Upstream
    models: Mapping[str, Model]
    tiers: Mapping[Tier, str]
    default_tier: Tier
    prompt: Prompt
    policy: Policy
    count: Callable[[str], int]
    max_output: int
    max_turn_seconds: float
    model_titles: bool

    def route(self, asked: str | None) -> Route:
        """The model for a turn. Raises UnknownModel."""
        return route(asked, self.tiers, self.default_tier)

    def output_limit(self, model: Model) -> int:
        """The most tokens an answer of that model may have here."""
        return min(self.max_output, model.max_output)
