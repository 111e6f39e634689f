"""What was planned, as a value: the request's recipe with its size, its bill, and the reason of each decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from context.cache.cache_state import Sent
from context.compaction.scope import Fold
from context.messages import Message
from context.models.pricing import Usage
from context.planning.trim import LeftOut
from context.request.prompts import Prompt
from context.request.recipe import Recalled, Recipe
from context.request.summary_blocks import Ladder
from context.routing.choice import Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A recipe with the values it names, its size and predicted bill, what it left out, and the reason of each decision.

    `bound` is a size in tokens that the prompt will hardly exceed. `predicted` counts the five kinds the provider will bill, output as this lane usually answers; `cost` is its price in
    picodollars, None when the model has no known price. `fold` is a fold found undone: carry it out behind the turn.
    `sent` is what `lanes.after_request` needs to know.
    """

    recipe: Recipe
    prompt: Prompt
    ladder: Ladder | None
    messages: tuple[Message, ...]
    recalled: tuple[Recalled, ...]
    route: Route
    estimate: Estimate
    bound: int
    predicted: Usage
    cost: int | None
    fold: Fold | None
    sent: Sent
    left_out: tuple[LeftOut, ...]
    reasons: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """What is stored of a plan besides the recipe, and shown."""
        return {
            "estimate": self.estimate.to_json(),
            "predicted": {
                "input": self.predicted.input,
                "cache_read": self.predicted.cache_read,
                "cache_write_5m": self.predicted.cache_write_5m,
                "cache_write_1h": self.predicted.cache_write_1h,
                "output": self.predicted.output,
            },
            "cost_pico_usd": self.cost,
            "life": self.sent.lives.tail,
            "head_life": self.sent.lives.head,
            "fold": None if self.fold is None else self.fold.to_json(),
            "left_out": [
                {"what": one.what, "messages": one.messages, "tokens": one.tokens, "why": one.why}
                for one in self.left_out
            ],
            "reasons": dict(self.reasons),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Estimated tokens of a request, by section, as the model counts them. `new` is the newest user text."""

    tools: int
    system: int
    summary: int
    window: int
    recall: int
    new: int

    @property
    def total(self) -> int:
        return self.tools + self.system + self.summary + self.window + self.recall + self.new

    def to_json(self) -> dict[str, int]:
        return {
            "tools": self.tools,
            "system": self.system,
            "summary": self.summary,
            "window": self.window,
            "recall": self.recall,
            "new": self.new,
            "total": self.total,
        }
