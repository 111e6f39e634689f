"""Which model answers a turn, and why."""

from collections.abc import Mapping
from dataclasses import dataclass

from context.catalog import TIERS, Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The choice of a model for one turn, with its reason in plain words. `tier` is None for a model outside the tiers."""

    model_id: str
    tier: Tier | None
    reason: str


class UnknownModel(ValueError):
    """The turn asks for a model or tier that this deployment does not offer."""


def route(asked: str | None, tiers: Mapping[Tier, str], default: Tier) -> Route:
    """The model for a turn: the one asked for (a tier's name or a model's), else the default tier's.

    Raises UnknownModel when `asked` is neither a tier nor the model of one.
    """
    if asked is None:
        return Route(model_id=tiers[default], tier=default, reason=f"{default} is the default tier")
    for tier in TIERS:
        if asked in (tier, tiers[tier]):
            return Route(model_id=tiers[tier], tier=tier, reason=f"{asked} was asked for")
    raise UnknownModel(asked)
