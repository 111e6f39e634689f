"""Models and their limits, from the catalogue and from what the Models API says."""

from typing import Any

import pytest

from context.models.catalog import KNOWN, UNKNOWN, from_models_api, lookup


def test_an_unknown_name_gets_cautious_limits() -> None:
    unknown = lookup("somebody-elses-model")
    assert unknown.id == unknown.label == "somebody-elses-model"
    assert unknown.context_window == min(model.context_window for model in KNOWN.values())
    assert unknown.max_output <= min(model.max_output for model in KNOWN.values())
    assert unknown.thinking == "none"


def test_the_models_api_overrides_what_it_knows() -> None:
    info = {
        "id": "claude-sonnet-5-5",
        "display_name": "Claude Sonnet 5.5",
        "max_input_tokens": 500_000,
        "max_tokens": 64_000,
        "capabilities": {"thinking": {"types": {"adaptive": {"supported": False}}}},
    }
    model = from_models_api(info)
    assert (model.label, model.context_window, model.max_output) == ("Claude Sonnet 5.5", 500_000, 64_000)
    assert model.thinking == "none"
    assert model.min_cacheable == KNOWN["claude-sonnet-5-5"].min_cacheable, "the API does not know it"


@pytest.mark.parametrize(
    "capabilities",
    [
        None,
        {},
        {"thinking": None},
        {"thinking": {}},
        {"thinking": {"types": None}},
        {"thinking": {"types": {}}},
    ],
)
def test_absent_capabilities_keep_what_is_known(capabilities: Any) -> None:
    model = from_models_api({"id": "claude-opus-5-5", "capabilities": capabilities})
    assert model == KNOWN["claude-opus-5-5"]


def test_a_new_model_is_described_by_the_api_alone() -> None:
    info = {
        "id": "claude-next",
        "max_input_tokens": 2_000_000,
        "max_tokens": 256_000,
        "capabilities": {"thinking": {"types": {"adaptive": {"supported": True}}}},
    }
    model = from_models_api(info)
    assert (model.context_window, model.thinking, model.label) == (2_000_000, "adaptive", "claude-next")
    assert model.min_cacheable == UNKNOWN.min_cacheable


def test_what_the_catalogue_knows_of_a_model() -> None:
    old, new = lookup("claude-haiku-4-5"), lookup("claude-sonnet-5")
    assert (old.id, old.label, old.context_window, old.max_output) == (
        "claude-haiku-4-5",
        "Haiku 4.5",
        200_000,
        64_000,
    )
    assert (old.min_cacheable, old.thinking, old.token_ratio, old.local) == (4_096, "none", 0.75, False)
    assert (new.label, new.context_window, new.max_output) == ("Sonnet 5", 1_000_000, 128_000)
    assert (new.min_cacheable, new.thinking, new.token_ratio) == (1_024, "adaptive", 1.0)
    assert all(model.id == model_id for model_id, model in KNOWN.items())
    assert len({model.label for model in KNOWN.values()}) == len(KNOWN)
