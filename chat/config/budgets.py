"""Validate budgets as an operator writes them: `[[budgets]]` in palaver.toml."""

from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from context.limits.budgets import EACH, Budget, Period, Scope, Unit
from context.models.catalog import TIERS
from context.models.pricing import PICO

MOST_USD = 9_000_000  # a larger limit in picodollars does not fit a 64-bit counter


class ConfiguredBudget(BaseModel):
    """One `[[budgets]]` entry. `limit` is in US dollars, tokens or requests, by `unit`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    scope: Scope
    name: str = Field(default=EACH, min_length=1, max_length=128)
    unit: Unit
    period: Period
    limit: Decimal = Field(gt=0, le=10**15)
    degrade_at: float = Field(default=0.9, gt=0, le=1)

    @model_validator(mode="after")
    def _makes_sense(self) -> "ConfiguredBudget":
        if self.scope == "deployment" and self.name != EACH:
            raise ValueError("there is one deployment; leave `name` out")
        if self.scope == "tier" and self.name not in (EACH, *TIERS):
            raise ValueError(f"`name` is one of {', '.join(TIERS)}, or left out")
        if self.unit == "usd" and self.limit > MOST_USD:
            raise ValueError(f"`limit` is at most {MOST_USD:,} USD")
        if self.unit == "usd" and self.limit * PICO % 1:
            raise ValueError("`limit` is a whole number of picodollars")
        if self.unit != "usd" and self.limit != self.limit.to_integral_value():
            raise ValueError(f"`limit` is a whole number of {self.unit}")
        return self

    def budget(self) -> Budget:
        """The budget in exact amounts."""
        limit = self.limit * PICO if self.unit == "usd" else self.limit
        return Budget(
            scope=self.scope,
            name=self.name,
            unit=self.unit,
            period=self.period,
            limit=int(limit),
            degrade_at=round(self.degrade_at * 100),
        )
