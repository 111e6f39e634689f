"""Change the statements of `store` that are built once, one at a time, and see that a test fails: conditions, limits, order.

mutmut changes functions alone: no module constant, and no function with a decorator.
"""

import argparse
import ast
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.mutation.copy import PYTHON, copied, replaced
from tests.mutation.owners import span
from tests.mutation.targets import TARGETS

SEED: Final = 10
SLOW: Final = ("recall_reads", "window_reads", "erase", "locked", "reporting")  # they begin after the others
OPPOSITE: Final[dict[type[ast.cmpop], str]] = {
    ast.Eq: "!=", ast.NotEq: "==", ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One piece of a file's text that is replaced. `start`, `end`: where it stands."""

    file: Path
    start: int
    end: int
    before: str
    after: str
    line: int


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
                        file=file, start=start, end=end, before=text[start:end], after=after, line=text.count("\n", 0, start) + 1
                    )  # fmt: skip


def _is_built_once(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.FunctionDef) and any(
        isinstance(decorator, ast.Name) and decorator.id == "cache" for decorator in statement.decorator_list
    )


def _of(text: str, node: ast.AST) -> Iterator[tuple[int, int, str]]:
    match node:
        case ast.Compare(left=ast.Attribute() as left, ops=[operator], comparators=[right]) if (
            ".c." in ast.unparse(left)
        ):
            yield span(text, left)[1], span(text, right)[0], f" {OPPOSITE[type(operator)]} "
        case ast.Call(
            func=ast.Attribute(attr="where" | "order_by", value=value), args=[*_, last] as arguments
        ):
            if len(arguments) > 1:
                yield span(text, arguments[-2])[1], span(text, last)[1], ""
            else:
                yield span(text, value)[1], span(text, node)[1], ""
        case ast.Call(func=ast.Attribute(attr="limit" | "desc" | "nulls_first", value=value)):
            yield span(text, value)[1], span(text, node)[1], ""


def failing(root: Path, change: Change) -> bool:
    """Whether a test fails: those of the module's name first, slow ones last."""
    target = next(
        target
        for target in TARGETS.values()
        if target.name.startswith("store") and change.file in target.files
    )
    stem = change.file.stem.rstrip("s")

    def turn(test: str) -> tuple[bool, bool]:
        return any(name in test for name in SLOW), stem not in test

    ended = subprocess.run(
        [PYTHON, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", "not postgres", *sorted(target.tests, key=turn)],
        cwd=root, capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    return ended.returncode != 0


def main(arguments: list[str] | None = None) -> int:
    """Try a fixed sample; the number that no test notices."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation.statements")
    parser.add_argument("--most", type=int, default=60, help="changes that are tried")
    most = parser.parse_args(arguments).most
    unnoticed = 0
    with copied() as root:
        every = changes(root)
        for change in random.Random(SEED).sample(every, min(most, len(every))):
            with replaced(root / change.file, change.start, change.end, change.after):
                noticed = failing(root, change)
            unnoticed += not noticed
            words = f"{change.before!r} -> {change.after!r}"
            print(f"{change.file}:{change.line} {words}: {'noticed' if noticed else 'UNNOTICED'}", flush=True)
    return unnoticed


if __name__ == "__main__":
    sys.exit(main() > 0)
