"""Change the statements of `store` that are built once, one at a time, and see that a test fails: conditions, limits, order.

mutmut changes functions alone: no module constant, and no function with a decorator.
"""

import argparse
import ast
import random
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.mutation import forks
from tests.mutation.copy import copied, replaced
from tests.mutation.owners import span
from tests.mutation.targets import TARGETS

SEED: Final = 10
SECONDS: Final = 300  # for the tests of one change, on a busy machine
SLOW: Final = ("recall_reads", "window_reads", "erase", "locked", "reporting")  # they begin after the others
OPPOSITE: Final[dict[type[ast.cmpop], str]] = {
    ast.Eq: "!=", ast.NotEq: "==", ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">",
}  # fmt: skip

# Changes that no test can notice, by their words, and why.
_POSTGRES: Final = "only Postgres runs it"
_BY_KEY: Final = "the primary key, by which SQLite reads, has the same order"
_MORE_IS_READ: Final = "more is read than is asked for, with the same answer"
EXPLAINED: Final[dict[str, str]] = {
    "store/branches.py _newest_leaf: .limit(1) ->": "of more rows the first is taken",
    "store/cache_states.py _DUE: .order_by(cache_states.c.next_at) ->": "SQLite reads by the index of this column",
    "store/event_rounds.py _ALL: .order_by(event_rounds.c.id) ->": _BY_KEY,
    'store/event_rounds.py _RUNNING: , turns.c.id.in_(bindparam("turns", expanding=True)) ->': _MORE_IS_READ,
    "store/events.py _AFTER: .order_by(turn_events.c.seq) ->": _BY_KEY,
    'store/learned_stats.py _SOME: .where( learned_stats.c.name.in_(bindparam("names", expanding=True)) ) ->': _MORE_IS_READ,
    'store/ledger/budgets.py _SOME: .where( tuple_(budgets.c.key, budgets.c.period_start).in_(bindparam("counters", expanding=True)) ) ->': (
        _MORE_IS_READ
    ),
    "store/threads.py _page: , threads.c.id.desc() ->": _BY_KEY,
    "store/threads.py _LOCK: .where(_OWN) ->": _POSTGRES,
    "store/threads.py _OWNERS: .order_by(threads.c.owner_id) ->": _BY_KEY,
    'store/search/branch_index.py _OUTLINE: messages.c.depth < bindparam("end") -> messages.c.depth <= bindparam("end")': (
        "messages beside the one that is asked about are above nothing"
    ),
    'store/search/messages.py _MATCHING: , messages.c.owner_id == bindparam("owner") ->': "the rows that are named are the owner's",
    'store/search/parts.py _POSTGRES_PARTS: messages.c.owner_id == bindparam("owner") -> messages.c.owner_id != bindparam("owner")': _POSTGRES,
    'store/search/parts.py _POSTGRES_PARTS: , messages.c.pk.in_(bindparam("pks", expanding=True)) ->': _POSTGRES,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One piece of a file's text that is replaced. `start`, `end`: where it stands."""

    file: Path
    start: int
    end: int
    before: str
    after: str
    line: int
    statement: str

    @property
    def words(self) -> str:
        """Where and what, without the line: the name by which it is explained."""
        before, after = (" ".join(text.split()) for text in (self.before, self.after))
        return f"{self.file} {self.statement}: {before} -> {after}".rstrip()


def changes(root: Path) -> list[Change]:
    """Every change of a statement."""
    files = (file for name in ("store", "store/ledger", "store/search") for file in TARGETS[name].files)
    return [change for file in files for change in _changes(root, file)]


def _changes(root: Path, file: Path) -> Iterator[Change]:
    text = (root / file).read_text()
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) or _is_built_once(statement):
            for node in ast.walk(statement):
                for start, end, after in _of(text, node):
                    yield Change(
                        file=file, start=start, end=end, before=text[start:end], after=after,
                        line=text.count("\n", 0, start) + 1, statement=_name(statement),
                    )  # fmt: skip


def _name(statement: ast.stmt) -> str:
    match statement:
        case ast.FunctionDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name
    return ""


def _is_built_once(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.FunctionDef) and any(
        isinstance(decorator, ast.Name) and decorator.id == "cache" for decorator in statement.decorator_list
    )


def _of(text: str, node: ast.AST) -> Iterator[tuple[int, int, str]]:
    match node:
        case ast.Compare(left=ast.Attribute() as left, ops=[operator], comparators=[right]) if (
            ".c." in ast.unparse(left)
        ):
            (start, middle), (later, end) = span(text, left), span(text, right)
            yield start, end, f"{text[start:middle]} {OPPOSITE[type(operator)]} {text[later:end]}"
        case ast.Call(
            func=ast.Attribute(attr="where" | "order_by", value=value), args=[*_, last] as arguments
        ):
            if len(arguments) > 1:
                yield span(text, arguments[-2])[1], span(text, last)[1], ""
            else:
                yield span(text, value)[1], span(text, node)[1], ""
        case ast.Call(func=ast.Attribute(attr="limit" | "desc" | "nulls_first", value=value)):
            yield span(text, value)[1], span(text, node)[1], ""


def failing(root: Path, change: Change) -> str:
    """The test that fails, if one does: those of the module's name first, slow ones last."""
    target = next(
        target
        for target in TARGETS.values()
        if target.name.startswith("store") and change.file in target.files
    )
    stem = change.file.stem.rstrip("s")

    def turn(test: str) -> tuple[bool, bool]:
        return any(name in test for name in SLOW), stem not in test

    return forks.first_failure(root, sorted(target.tests, key=turn), SECONDS)


def main(arguments: list[str] | None = None) -> int:
    """Try a fixed sample; the number that no test notices and nothing explains."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation.statements")
    parser.add_argument(
        "files", nargs="*", type=Path, help="modules whose statements are changed; all without"
    )
    parser.add_argument("--most", type=int, default=1000, help="changes that are tried")
    asked = parser.parse_args(arguments)
    outcomes: Counter[str] = Counter()
    with copied() as root:
        every = [change for change in changes(root) if not asked.files or change.file in asked.files]
        forks.load_libraries(root, TARGETS["store"].tests)
        for change in random.Random(SEED).sample(every, min(asked.most, len(every))):
            with replaced(root / change.file, change.start, change.end, change.after):
                test = failing(root, change)
            why = EXPLAINED.get(change.words)
            outcomes["noticed" if test else "explained" if why else "UNNOTICED"] += 1
            print(f"{change.line} {change.words}: {test or why or 'UNNOTICED'}", flush=True)
    print(dict(outcomes))
    return outcomes["UNNOTICED"]


if __name__ == "__main__":
    sys.exit(main() > 0)
