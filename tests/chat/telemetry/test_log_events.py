"""Log events are terms with fields, and chat/telemetry/README.md lists all of them; metrics likewise."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from chat.telemetry.prometheus import Prometheus, Snapshot
from tests.markdown import ROOT, rows, section

README = "chat/telemetry/README.md"
LEVELS = {"debug": "debug", "info": "info", "warning": "warning", "error": "error", "exception": "error"}
TERM = re.compile(r"[a-z][a-z_]*(\.[a-z][a-z_]*)+")


@dataclass(slots=True)
class Event:
    """An event as the code logs it, wherever it does. `open`: it also has fields that the code does not name (`**fields`)."""

    where: list[str] = field(default_factory=list)
    levels: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)
    open: bool = False


def methods(node: ast.AST) -> set[str]:
    """The methods of `log` that an expression names."""
    return {
        part.attr
        for part in ast.walk(node)
        if isinstance(part, ast.Attribute)
        and isinstance(part.value, ast.Name)
        and part.value.id == "log"
        and part.attr in LEVELS
    }


def logged(tree: ast.AST) -> Iterator[tuple[ast.Call, set[str]]]:
    """The calls that log, with the methods they may be: `log.info(…)`, or `write(…)` after `write = log.info if … else log.debug`."""
    aliases = {
        target.id: methods(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and not isinstance(node.value, ast.Call)
        for target in node.targets
        if isinstance(target, ast.Name) and methods(node.value)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func
            names = aliases.get(called.id, set()) if isinstance(called, ast.Name) else methods(called)
            if names:
                yield node, names


def events() -> dict[str, Event]:
    """All events in the code, by name."""
    by_name: dict[str, Event] = {}
    for top in ("chat", "store", "context"):
        for file in sorted((ROOT / top).rglob("*.py")):
            for call, names in logged(ast.parse(file.read_text())):
                where = f"{file.relative_to(ROOT)}:{call.lineno}"
                name = call.args[0] if call.args else None
                assert isinstance(name, ast.Constant), f"{where}: the event is not a literal"
                event = by_name.setdefault(str(name.value), Event())
                event.where.append(where)
                event.levels |= {LEVELS[method] for method in names}
                event.open |= any(keyword.arg is None for keyword in call.keywords)
                event.fields |= {
                    keyword.arg for keyword in call.keywords if keyword.arg not in (None, "exc_info")
                }
    return by_name


EVENTS = events()
TABLE = {row[0].strip("`"): row for row in rows(section(README, "Logs"))}


@pytest.mark.parametrize("name", EVENTS)
def test_a_log_event_is_a_term_with_fields_and_stands_in_the_readme(name: str) -> None:
    event = EVENTS[name]
    assert TERM.fullmatch(name), f"{name!r} in {event.where} is no term like `circuit_breaker.opened`"
    levels, fields = (
        ", ".join(sorted(event.levels)),
        ", ".join(f"`{field_name}`" for field_name in sorted(event.fields)),
    )
    assert name in TABLE, f"add to the table in {README}: | `{name}` | {levels} | {fields} | (its meaning) |"
    _, documented_levels, documented_fields, meaning = TABLE[name]
    assert documented_levels == levels, f"{name} in {README}: its level is {levels} ({event.where})"
    known = re.findall(r"`(\w+)`", documented_fields)
    assert known == sorted(known), f"{name} in {README}: fields stand in alphabetical order"
    if event.open:
        assert event.fields <= set(known), (
            f"{name} in {README}: its fields are {fields} and more ({event.where})"
        )
    else:
        assert set(known) == event.fields, f"{name} in {README}: its fields are {fields} ({event.where})"
    assert meaning.endswith((".", ")."))


def test_the_table_of_log_events_has_no_others_and_is_sorted() -> None:
    assert set(TABLE) <= set(EVENTS), (
        f"{README} lists events the code does not log: {set(TABLE) - set(EVENTS)}"
    )
    assert list(TABLE) == sorted(TABLE)


def test_the_table_of_metrics_is_complete() -> None:
    snapshot = Snapshot(running=0, waiting=0, breakers={"m": "open"}, budgets={"user usd day": 0.5})
    page = Prometheus().page(snapshot).decode()
    helps = dict(re.findall(r"^# HELP (\w+) (.*)$", page, re.MULTILINE))
    types = dict(re.findall(r"^# TYPE (\w+) (.*)$", page, re.MULTILINE))
    described = {name: (types[name], text) for name, text in helps.items() if not name.endswith("_created")}
    table = rows(section(README, "Metrics"))
    assert {row[0].strip("`"): (row[1], row[3]) for row in table} == described
