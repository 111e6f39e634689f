"""Models and their limits, from the catalogue and from what the Models API says."""

from typing import Any

import pytest

from context.models.catalog import KNOWN, UNKNOWN, from_models_api, lookup


def test_an_unknown_name_gets_cautious_limits() -> None:
    found = lookup("somebody-elses-model")
    assert found.id == found.label == "somebody-elses-model"
    assert found.context_window == min(model.context_window for model in KNOWN.values())
    assert found.max_output <= min(model.max_output for model in KNOWN.values())
    assert found.thinking == "none"


def test_the_models_api_overrides_what_it_knows() -> None:
    info = {
        "id": "claude-sonnet-5-5",
        "display_name": "Claude Sonnet 5.5",
        "max_input_tokens": 500_000,
        "max_tokens": 64_000,
        "capabilities": {"thinking": {"types": {"adaptive": {"supported": False}}}},
    }
    found = from_models_api(info)
    assert (found.label, found.context_window, found.max_output) == ("Claude Sonnet 5.5", 500_000, 64_000)
    assert found.thinking == "none"
    assert found.min_cacheable == KNOWN["claude-sonnet-5-5"].min_cacheable, "the API does not know it"


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
    found = from_models_api({"id": "claude-opus-5-5", "capabilities": capabilities})
    assert found == KNOWN["claude-opus-5-5"]


def test_a_new_model_is_described_by_the_api_alone() -> None:
    info = {
        "id": "claude-next",
        "max_input_tokens": 2_000_000,
        "max_tokens": 256_000,
        "capabilities": {"thinking": {"types": {"adaptive": {"supported": True}}}},
    }
    found = from_models_api(info)
    assert (found.context_window, found.thinking, found.label) == (2_000_000, "adaptive", "claude-next")
    assert found.min_cacheable == UNKNOWN.min_cacheable
