"""Validate routing rules as an operator writes them: `[[routing_rules]]` in palaver.toml.

Patterns use RE2: every search takes linear time, so that no message can stall the server. RE2 has neither look-around nor
back-references; a pattern that needs them is refused when the settings are read.
"""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from context.models.catalog import Tier
from context.routing.rules import Pattern, Rule

try:
    import re2
except ImportError:  # no wheel for this platform
    re2 = None


class RoutingRule(BaseModel):
    """One rule. With a label and a pattern both must match; `(?i)` at the beginning of a pattern ignores case."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=100)
    tier: Tier
    label: str | None = Field(default=None, min_length=1, max_length=200)
    pattern: str | None = Field(default=None, min_length=1, max_length=2_000)

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if self.label is None and self.pattern is None:
            raise ValueError(f"the rule {self.name!r} needs a label or a pattern")
        if self.pattern is not None:
            _compiled(self.name, self.pattern)
        return self

    @property
    def rule(self) -> Rule:
        """The rule as the router uses it."""
        pattern = None if self.pattern is None else _compiled(self.name, self.pattern)
        return Rule(name=self.name, tier=self.tier, label=self.label, pattern=pattern)


def _compiled(name: str, pattern: str) -> Pattern:
    if re2 is None:
        raise ValueError(
            f"the pattern of the rule {name!r} needs google-re2, which is not installed; rules with a label work without it"
        )
    options = re2.Options()
    options.log_errors = False
    try:
        compiled: Pattern = re2.compile(pattern, options)
    except re2.error as problem:
        reason = problem.args[0] if problem.args else ""
        reason = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"the pattern of the rule {name!r} cannot be used: {reason}") from None
    return compiled
