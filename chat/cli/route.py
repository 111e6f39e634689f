"""`palaver route`: what the router says about texts, offline. Asks no model and no database."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from context.models.catalog import Tier
from context.routing.choice import Candidate, Pins, choose
from context.routing.complexity import Complexity, assess
from context.routing.rules import Rule, matching
from context.routing.thread import EarlierMessage


class CannotRead(Exception):
    """A file of texts that cannot be read; the message names the line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteQuery:
    """One text to look at, with what came before it."""

    text: str
    said: tuple[EarlierMessage, ...] = ()
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What the router says about one text. `tier` is after the rules, `complexity.tier` before them."""

    asked: RouteQuery
    complexity: Complexity
    rules: tuple[Rule, ...]
    tier: Tier
    reason: str

    def to_json(self) -> dict[str, Any]:
        return {
            "text": self.asked.text,
            "tier": self.tier,
            "reason": self.reason,
            "rules": [rule.name for rule in self.rules],
            **{f"assessed_{name}" if name == "tier" else name: value for name, value in self._assessed()},
        }

    def _assessed(self) -> Iterable[tuple[str, Any]]:
        return self.complexity.to_json().items()


def look(asked: RouteQuery, rules: Sequence[Rule], tiers: Mapping[Tier, str]) -> Finding:
    """The router's decision about one text, with no prices: they depend on a thread."""
    complexity = assess(asked.text, asked.said)
    matched = matching(rules, asked.text, asked.labels)
    pins = Pins(rule_tier=matched[0].tier, rule=matched[0].name) if matched else Pins()
    route = choose(complexity, pins, [Candidate(tier=tier, model_id=model) for tier, model in tiers.items()])
    return Finding(
        asked=asked,
        complexity=complexity,
        rules=matched,
        tier=route.needed or complexity.tier,
        reason=route.reason,
    )


def read_file(path: Path) -> Iterator[RouteQuery]:
    """One text per line: plain, or JSON with `text` (or `prompt`), `history` and `labels`. Raises CannotRead."""
    empty = True
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    empty = False
                    yield _asked(line, f"{path.name}, line {number}")
    except (OSError, UnicodeDecodeError) as problem:
        raise CannotRead(f"{path.name}: {problem}") from None
    if empty:
        raise CannotRead(f"{path.name}: there is no text in it")


def _asked(line: str, where: str) -> RouteQuery:
    if not line.lstrip().startswith("{"):
        return RouteQuery(text=line.strip())
    try:
        row = json.loads(line)
        text = row.get("text", row.get("prompt"))
        if not isinstance(text, str):
            raise TypeError("`text` is missing")
        said = tuple(
            EarlierMessage(role="user" if one["role"] == "user" else "assistant", text=str(one["content"]))
            for one in row.get("history", ())
        )
        return RouteQuery(text=text, said=said, labels=tuple(map(str, row.get("labels", ()))))
    except (ValueError, TypeError, KeyError, AttributeError) as problem:
        raise CannotRead(f"{where}: {problem}") from None


def show(findings: Sequence[Finding], console: Console) -> None:
    """One text in full, several as a table with a sum per tier."""
    if len(findings) == 1:
        _show_one(findings[0], console)
        return
    table = Table(box=None, padding=(0, 1))
    for column in ("tier", "score", "unsure", "why", "rule", "text"):
        table.add_column(column, no_wrap=column != "why", overflow="ellipsis", max_width=60)
    for one in findings:
        table.add_row(
            one.tier,
            f"{one.complexity.score:.2f}",
            "?" if one.complexity.unsure else "",
            escape(one.complexity.why),
            escape(", ".join(rule.name for rule in one.rules)),
            escape(one.asked.text.replace("\n", " ")[:200]),
        )
    console.print(table)
    counts = {tier: sum(one.tier == tier for one in findings) for tier in ("simple", "standard", "complex")}
    told = ", ".join(f"{n} {tier} ({n / len(findings):.0%})" for tier, n in counts.items())
    console.print(f"{len(findings)} texts: {told}; {sum(one.complexity.unsure for one in findings)} unsure")


def _show_one(one: Finding, console: Console) -> None:
    found = one.complexity
    console.print(f"[bold]{one.tier}[/]  {escape(one.reason)}")
    unsure = " (unsure)" if found.unsure else ""
    console.print(f"score {found.score:.2f}{unsure}: {escape(found.why)}; expected gain {found.gain:+.2f}")
    table = Table(box=None, padding=(0, 1))
    for column in ("signal", "value", "weight"):
        table.add_column(column)
    for signal in found.signals:
        table.add_row(escape(signal.name), f"{signal.value:g}", signal.weight)
    console.print(table)
    for rule in one.rules:
        console.print(f"rule {escape(rule.name)}: {rule.tier}")
