"""The plan of a request as a value: its recipe, estimated size and cost, and the reason of each decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from context.cache.cache_state import CacheUse
from context.compaction.scope import Compaction
from context.messages import Message
from context.models.pricing import Usage
from context.planning.trim import LeftOut
from context.recall.decision import NO_RECALL, Decision
from context.request.prompts import Instructions, Prompt
from context.request.recipe import Recalled, Recipe
from context.request.summary_blocks import Summary
from context.routing.choice import Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A recipe with the values it names, its estimated size and cost, what it left out, and the reason of each decision.

    `floor`: how many of the messages would be verbatim whatever they cost, less the `floor_spared` tokens that a compaction would shorten them by; `bound` is a size in tokens that the prompt will hardly exceed. `estimated_usage` counts the five kinds of tokens the provider bills,
    output as this model usually answers here; `cost` is its price in picodollars, None when the model has no known price. `compaction` is
    one that was found undone: carry it out behind the turn. `cache_use` is what `cache_state_update.after_request` needs to know; `recall` is why something was recalled, or nothing.
    """

    recipe: Recipe
    prompt: Prompt
    instructions: Instructions | None
    summary: Summary | None
    messages: tuple[Message, ...]
    recalled: tuple[Recalled, ...]
    route: Route
    floor: int
    floor_spared: int
    estimate: Estimate
    bound: int
    estimated_usage: Usage
    cost: int | None
    compaction: Compaction | None
    cache_use: CacheUse
    left_out: tuple[LeftOut, ...]
    reasons: Mapping[str, str]
    recall: Decision = NO_RECALL

    def to_json(self) -> dict[str, Any]:
        """What is stored of a plan beside the recipe, and shown."""
        return {
            "estimate": self.estimate.to_json(),
            "estimated_usage": {
                "input": self.estimated_usage.input,
                "cache_read": self.estimated_usage.cache_read,
                "cache_write_5m": self.estimated_usage.cache_write_5m,
                "cache_write_1h": self.estimated_usage.cache_write_1h,
                "output": self.estimated_usage.output,
            },
            "cost_pico_usd": self.cost,
            "window_ttl": self.cache_use.ttls.window,
            "head_ttl": self.cache_use.ttls.head,
            "compaction": None if self.compaction is None else self.compaction.to_json(),
            "floor_messages": self.floor,
            "floor_spared": self.floor_spared,
            "shortened": [
                {"message_id": message.id, "tokens": message.tokens, "saved": message.rest}
                for message in self.messages
                if message.short is not None
            ],
            "left_out": [
                {"what": item.what, "messages": item.messages, "tokens": item.tokens, "why": item.why}
                for item in self.left_out
            ],
            "reasons": {**self.reasons, "recall": self.recall.words},
            "recall": self.recall.to_json(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Estimated tokens of a request, by section, as the model counts them. `new` is the newest user text."""

    tools: int
    system: int
    instructions: int
    summary: int
    window: int
    recall: int
    new: int

    @property
    def total(self) -> int:
        return (
            self.tools + self.system + self.instructions + self.summary + self.window + self.recall + self.new
        )

    def to_json(self) -> dict[str, int]:
        return {
            "tools": self.tools,
            "system": self.system,
            "instructions": self.instructions,
            "summary": self.summary,
            "window": self.window,
            "recall": self.recall,
            "new": self.new,
            "total": self.total,
        }
