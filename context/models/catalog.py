"""The model catalog: limits, cache minimum, thinking and tokenizer ratio of each known model."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

Tier = Literal["simple", "standard", "complex"]
TIERS: tuple[Tier, ...] = ("simple", "standard", "complex")

Thinking = Literal["none", "adaptive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model at one kind of endpoint. Sizes in tokens.

    context_window: the most a prompt may hold; max_output: the most an answer may hold, thinking included;
    min_cacheable: shortest prefix the provider caches (0: the endpoint has no prompt cache);
    thinking: `adaptive` asks for summarized adaptive thinking, `none` leaves the field out;
    token_ratio: this model's tokens per estimated token; local: served by the embedded model.
    """

    id: str
    label: str
    context_window: int
    max_output: int
    min_cacheable: int = 512
    thinking: Thinking = "none"
    token_ratio: float = 1.0
    local: bool = False


def _claude(
    id: str, label: str, window: int, output: int, minimum: int, thinking: Thinking, ratio: float = 1.0
) -> Model:
    return Model(
        id=id,
        label=label,
        context_window=window,
        max_output=output,
        min_cacheable=minimum,
        thinking=thinking,
        token_ratio=ratio,
    )


# Limits and cache minimums: Claude API documentation, "Models overview" and "Prompt caching", August to November 2026. The Models API
# overrides what it knows; it does not know cache minimums. The tokenizer of models before 4.7 makes about 0.75 of the newer one's tokens.
KNOWN: Mapping[str, Model] = {
    model.id: model
    for model in (
        _claude("claude-haiku-5-5", "Haiku 5.5", 1_000_000, 128_000, 512, "adaptive"),
        _claude("claude-sonnet-5-5", "Sonnet 5.5", 1_000_000, 128_000, 512, "adaptive"),
        _claude("claude-opus-5-5", "Opus 5.5", 1_000_000, 128_000, 512, "adaptive"),
        _claude("claude-fable-5-2", "Fable 5.2", 1_000_000, 128_000, 512, "adaptive"),
        _claude("claude-fable-5-1", "Fable 5.1", 1_000_000, 128_000, 512, "adaptive"),
        _claude("claude-opus-5", "Opus 5", 1_000_000, 128_000, 512, "adaptive"),
        _claude("claude-sonnet-5", "Sonnet 5", 1_000_000, 128_000, 1024, "adaptive"),
        _claude("claude-opus-4-8", "Opus 4.8", 1_000_000, 128_000, 1024, "adaptive"),
        _claude("claude-opus-4-7", "Opus 4.7", 1_000_000, 128_000, 2048, "adaptive"),
        _claude("claude-opus-4-6", "Opus 4.6", 1_000_000, 128_000, 4096, "adaptive", 0.75),
        _claude("claude-sonnet-4-6", "Sonnet 4.6", 1_000_000, 128_000, 1024, "adaptive", 0.75),
        _claude("claude-opus-4-5", "Opus 4.5", 200_000, 64_000, 4096, "none", 0.75),
        _claude("claude-haiku-4-5", "Haiku 4.5", 200_000, 64_000, 4096, "none", 0.75),
    )
}

# What is assumed of a name that is not known: the smallest limits of any current model, and no optional field.
UNKNOWN = Model(id="", label="", context_window=200_000, max_output=32_000, min_cacheable=4096)


def lookup(model_id: str) -> Model:
    """The catalog's entry for a name, or cautious limits for one it does not know."""
    return KNOWN.get(model_id) or replace(UNKNOWN, id=model_id, label=model_id)


def from_models_api(info: Mapping[str, Any]) -> Model:
    """A model as the Models API describes it, over what the catalog already knows.

    `info` is one entry of `GET /v1/models`; absent fields keep the catalog's value.
    """
    known = lookup(str(info["id"]))
    types = ((info.get("capabilities") or {}).get("thinking") or {}).get("types") or {}
    adaptive = types.get("adaptive")
    supported = adaptive.get("supported") if isinstance(adaptive, Mapping) else adaptive
    thinking: Thinking = known.thinking if supported is None else ("adaptive" if supported else "none")
    return replace(
        known,
        label=info.get("display_name") or known.label,
        context_window=info.get("max_input_tokens") or known.context_window,
        max_output=info.get("max_tokens") or known.max_output,
        thinking=thinking,
    )
