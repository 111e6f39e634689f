"""`palaver route`: which tier would answer a text and why. Works offline, without model and database."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from chat.config.text_file import read_text
from context.models.catalog import TIERS, Tier
from context.routing.candidates import Candidate
from context.routing.choice import Pins, choose
from context.routing.complexity import Complexity, assess
from context.routing.rules import Rule, matching
from context.routing.thread import EarlierMessage


class CannotRead(Exception):
    """The file cannot be read; the message names the line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteQuery:
    """A text with the messages before it and its labels."""

    text: str
    said: tuple[EarlierMessage, ...] = ()
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteDecision:
    """The router's decision. `tier` is after the rules, `complexity.tier` before them."""

    query: RouteQuery
    complexity: Complexity
    rules: tuple[Rule, ...]
    tier: Tier
    reason: str

    def to_json(self) -> dict[str, Any]:
        return {
            "text": self.query.text,
            "tier": self.tier,
            "reason": self.reason,
            "rules": [rule.name for rule in self.rules],
            **{f"assessed_{name}" if name == "tier" else name: value for name, value in self._assessed()},
        }

    def _assessed(self) -> Iterable[tuple[str, Any]]:
        return self.complexity.to_json().items()


def decide(query: RouteQuery, rules: Sequence[Rule], tiers: Mapping[Tier, str]) -> RouteDecision:
    """The router's decision about one text, without prices, which depend on a thread."""
    complexity = assess(query.text, query.said)
    matched = matching(rules, query.text, query.labels)
    pins = Pins(rule_tier=matched[0].tier, rule=matched[0].name) if matched else Pins()
    route = choose(complexity, pins, [Candidate(tier=tier, model_id=model) for tier, model in tiers.items()])
    return RouteDecision(
        query=query,
        complexity=complexity,
        rules=matched,
        tier=route.needed or complexity.tier,
        reason=route.reason,
    )


def read_file(path: Path) -> Iterator[RouteQuery]:
    """One text per line: plain, or JSON with `text` (or `prompt`), `history` and `labels`. Raises CannotRead."""
    empty = True
    try:
        with StringIO(read_text(path)) as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    empty = False
                    yield _query(line, f"{path.name}, line {number}")
    except (OSError, UnicodeDecodeError) as problem:
        raise CannotRead(f"{path.name}: {problem}") from None
    if empty:
        raise CannotRead(f"{path.name}: the file has no text")


def _query(line: str, where: str) -> RouteQuery:
    if not line.lstrip().startswith("{"):
        return RouteQuery(text=line.strip())
    try:
        row = json.loads(line)
        text = row.get("text", row.get("prompt"))
        if not isinstance(text, str):
            raise TypeError("`text` is missing")
        said = tuple(
            EarlierMessage(
                role="user" if message["role"] == "user" else "assistant", text=str(message["content"])
            )
            for message in row.get("history", ())
        )
        return RouteQuery(text=text, said=said, labels=tuple(map(str, row.get("labels", ()))))
    except (ValueError, TypeError, KeyError, AttributeError) as problem:
        raise CannotRead(f"{where}: {problem}") from None


def show(decisions: Sequence[RouteDecision], console: Console) -> None:
    """Print one decision with its signals, or several as a table with counts per tier."""
    if len(decisions) == 1:
        _show_details(decisions[0], console)
        return
    table = Table(box=None, padding=(0, 1))
    for column in ("tier", "score", "unsure", "why", "rule", "text"):
        table.add_column(column, no_wrap=column != "why", overflow="ellipsis", max_width=60)
    for decision in decisions:
        table.add_row(
            decision.tier,
            f"{decision.complexity.score:.2f}",
            "?" if decision.complexity.unsure else "",
            escape(decision.complexity.why),
            escape(", ".join(rule.name for rule in decision.rules)),
            escape(decision.query.text.replace("\n", " ")[:200]),
        )
    console.print(table)
    counts = Counter(decision.tier for decision in decisions)
    shares = ", ".join(f"{counts[tier]} {tier} ({counts[tier] / len(decisions):.0%})" for tier in TIERS)
    unsure = sum(decision.complexity.unsure for decision in decisions)
    console.print(f"{len(decisions)} texts: {shares}; {unsure} unsure")


def _show_details(decision: RouteDecision, console: Console) -> None:
    complexity = decision.complexity
    console.print(f"[bold]{decision.tier}[/]  {escape(decision.reason)}")
    unsure = " (unsure)" if complexity.unsure else ""
    console.print(f"score {complexity.score:.2f}{unsure}: {escape(complexity.why)}")
    console.print(f"expected gain of a stronger model: {complexity.gain:+.2f}")
    table = Table(box=None, padding=(0, 1))
    for column in ("signal", "value", "weight"):
        table.add_column(column)
    for signal in complexity.signals:
        table.add_row(escape(signal.name), f"{signal.value:g}", signal.weight)
    console.print(table)
    for rule in decision.rules:
        console.print(f"rule {escape(rule.name)}: {rule.tier}")
