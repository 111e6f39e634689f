"""Configuration of this deployment: models, tiers, rules, limits, prompt and policy. Frozen from start to stop.

What changes while the server runs (learned token sizes, caches, the caller) belongs to `chat.runtime.runtime`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from chat.budgets.reservations import least_of_all
from chat.stream.journal import BufferLimits
from chat.webhooks.endpoint import Endpoint
from context.limits.budgets import BudgetAmounts
from context.models.catalog import TIERS, Model, Tier
from context.models.pricing import PriceTable, assumed, price_table
from context.policy import Policy
from context.recall.purchase import RecallMode
from context.request.prompts import Prompt
from context.request.tools import SEARCH
from context.routing.candidates import Candidate
from context.routing.choice import Pins, choose
from context.routing.rules import Rule

Backend = Literal["local", "claude"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Configuration every turn shares. `max_output` and `recall_tokens` in tokens; `recall_tokens` is 0 where nothing is recalled.

    `classifier`: a model is asked where the router is unsure; `cascade`: a better model is asked after a useless answer;
    `fallback`: another model is asked after a failure; `diagnose`: requests ask the provider to explain cache misses.
    """

    backend: Backend
    models: Mapping[str, Model]
    tiers: Mapping[Tier, str]
    default_tier: Tier | Literal["auto"]
    rules: tuple[Rule, ...]
    classifier: bool
    cascade: bool
    fallback: bool
    prompt: Prompt
    policy: Policy
    max_output: int
    recall_tokens: int
    recall_mode: RecallMode
    diagnose: bool
    max_turn_seconds: float
    model_titles: bool
    journal_buffer: BufferLimits = field(default_factory=BufferLimits)
    webhooks: tuple[Endpoint, ...] = ()

    @property
    def local(self) -> bool:
        """Whether the bundled local model answers: its calls cost nothing."""
        return self.backend == "local"

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The models a turn may be routed to, not priced: prices depend on the thread."""
        return tuple(
            Candidate(tier=tier, model_id=model, label=self.models[model].label.removeprefix("Claude "))
            for tier, model in self.tiers.items()
        )

    @property
    def default_model(self) -> str:
        """The model of the default tier, for work that belongs to no turn."""
        return self.tiers["standard" if self.default_tier == "auto" else self.default_tier]

    def possible(self, pins: Pins) -> tuple[str, ...]:
        """The models that may answer a turn, before one is chosen. Raises UnknownModel."""
        if pins.turn is not None:
            return (choose(None, pins, self.candidates).model_id,)
        return tuple(dict.fromkeys(model for tier, model in self.tiers.items() if pins.allow(tier)))

    def prices(self, model_id: str, now: int) -> PriceTable:
        """A model's prices on the day of `now` (milliseconds); assumed ones for a model the table does not know."""
        known = price_table(model_id, now=now)
        if known is not None:
            return known
        tables = [price_table(model, now=now) for model in self.models]
        return assumed(model_id, [table for table in tables if table is not None])

    def tools(self, model_id: str) -> tuple[str, ...]:
        """The tools a model may be offered in a thread of which messages are out of the window."""
        return (SEARCH,) if self.recall_tokens and not self.models[model_id].local else ()

    def least(self, now: int) -> BudgetAmounts:
        """The least an answer can take of budgets, whichever tier gives it."""
        tables = [price_table(model, now=now) for model in self.tiers.values()]
        return least_of_all(tables, self.max_output, free=self.local)

    def tier_of(self, model_id: str) -> Tier | None:
        """The simplest tier a model serves."""
        return next((tier for tier in TIERS if self.tiers.get(tier) == model_id), None)

    def output_limit(self, model: Model) -> int:
        """The most tokens an answer of that model may have here."""
        return min(self.max_output, model.max_output)
