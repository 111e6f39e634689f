"""Which model answers."""

import pytest

from context.catalog import Tier
from context.routing import UnknownModel, route

TIERS: dict[Tier, str] = {"simple": "haiku", "standard": "sonnet", "complex": "opus"}
ONE_FOR_ALL: dict[Tier, str] = {"simple": "smol", "standard": "smol", "complex": "smol"}


@pytest.mark.parametrize(
    ("asked", "tiers", "model", "tier", "reason"),
    [
        (None, TIERS, "sonnet", "standard", "standard is the default tier"),
        ("simple", TIERS, "haiku", "simple", "simple was asked for"),
        ("complex", TIERS, "opus", "complex", "complex was asked for"),
        ("opus", TIERS, "opus", "complex", "opus was asked for"),
        ("smol", ONE_FOR_ALL, "smol", "simple", "smol was asked for"),
        ("complex", ONE_FOR_ALL, "smol", "complex", "complex was asked for"),
    ],
)
def test_the_route(asked: str | None, tiers: dict[Tier, str], model: str, tier: str, reason: str) -> None:
    found = route(asked, tiers, "standard")
    assert (found.model_id, found.tier, found.reason) == (model, tier, reason)


@pytest.mark.parametrize("asked", ["", "Simple", "claude", "opus ", "standard,complex"])
def test_what_is_not_offered_is_refused(asked: str) -> None:
    with pytest.raises(UnknownModel):
        route(asked, TIERS, "standard")
