"""The models that could answer a turn, with what each would cost now and again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from context.models.catalog import Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A model that could answer. Prices are estimates in picodollars, None when the model is unpriced.

    price: of this turn with the model's cache as it is; again: of the next turn of the same kind, once this one has written or renewed
    its cache (equal to `price` where nothing is cached); why: the reason why it is inadmissible.
    """

    tier: Tier
    model_id: str
    label: str = ""
    price: int | None = None
    again: int | None = None
    admissible: bool = True
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        """As it is stored with a route."""
        return {
            "tier": self.tier,
            "model": self.model_id,
            "label": self.label,
            "price_pico_usd": self.price,
            "again_pico_usd": self.again,
            "admissible": self.admissible,
            "why": self.why,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Candidate:
        """The inverse of `to_json`; routes from before `again_pico_usd` was stored have none."""
        return cls(
            tier=stored["tier"],
            model_id=stored["model"],
            label=stored["label"],
            price=stored["price_pico_usd"],
            again=stored.get("again_pico_usd"),
            admissible=stored["admissible"],
            why=stored["why"],
        )
