"""The operator's routing rules: a pattern in the text or a label of the request pins a tier."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from context.models.catalog import Tier

# Characters a pattern is shown, from the beginning and from the end.
HEAD, TAIL = 16_000, 4_000


class Pattern(Protocol):
    """A compiled expression. Whoever compiles it sees to it that a search takes linear time."""

    def search(self, text: str, /) -> object | None:
        """Where it matches first, or None."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: it matches when its label is on the request, or its pattern in the text; with both, both must."""

    name: str
    tier: Tier
    label: str | None = None
    pattern: Pattern | None = None

    def matches(self, text: str, labels: Collection[str]) -> bool:
        """Whether it applies to a message."""
        if self.label is None and self.pattern is None:
            return False
        if self.label is not None and self.label not in labels:
            return False
        return self.pattern is None or self.pattern.search(_shown(text)) is not None


def matching(rules: Sequence[Rule], text: str, labels: Collection[str] = ()) -> tuple[Rule, ...]:
    """The rules that apply, in the operator's order: the first one decides, all are shown."""
    return tuple(rule for rule in rules if rule.matches(text, labels))


def _shown(text: str) -> str:
    return text if len(text) <= HEAD + TAIL else f"{text[:HEAD]}\n{text[-TAIL:]}"
