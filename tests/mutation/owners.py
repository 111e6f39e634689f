"""Take away every owner condition of `store`, one at a time, and see that the tests of two owners fail."""

import ast
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.copy import PYTHON, copied, replaced

TEST = "tests/store/test_owners.py"
SQL = re.compile(r"\+?(?:\w+\.)?owner_id = :owner")
# Conditions that another one in the same query implies, by file and function or constant: each statement names its owner all the same.
IMPLIED = {
    ("store/search/messages.py", "_MATCHING"): "the keys come from the query above, which names the owner",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """One condition that is always true instead. `start`, `end`: where in the file's text."""

    file: Path
    line: int
    start: int
    end: int
    before: str
    after: str
    function: str


def removals(root: Path) -> Iterator[Removal]:
    """Every comparison with an owner, every key made of one, and every condition in SQL."""
    for file in sorted((root / "store").rglob("*.py")):
        if "migrations" in file.parts:
            continue
        text = file.read_text()
        for start, end, after in sorted({*_in_python(text), *_in_sql(text)}):
            line = text.count("\n", 0, start) + 1
            yield Removal(
                file=file.relative_to(root),
                line=line,
                start=start,
                end=end,
                before=text[start:end],
                after=after,
                function=_function(text, line),
            )


def _in_python(text: str) -> Iterator[tuple[int, int, str]]:
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Compare(left=ast.Attribute(attr="owner_id") as left, ops=[ast.Eq()]):
                column = ast.unparse(left)
                yield (*span(text, node), f"{column} == {column}")
            case ast.Tuple(elts=[ast.Name(id="owner_id"), ast.Name(id="thread_id")], ctx=ast.Load()):
                yield (*span(text, node), '("", thread_id)')
            case ast.JoinedStr(values=[ast.FormattedValue(value=ast.Name(id="owner_id")), *_]):
                start, end = span(text, node)
                yield start, end, text[start:end].replace("{owner_id}", "")


def _in_sql(text: str) -> Iterator[tuple[int, int, str]]:
    for match in SQL.finditer(text):
        yield match.start(), match.end(), f"({match[0]} OR 1 = 1)"


def _function(text: str, line: int) -> str:
    """The outermost function or constant a line stands in; empty outside of any."""
    for node in ast.parse(text).body:
        if node.lineno <= line <= (node.end_lineno or 0):
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    return name
                case ast.Assign(targets=[ast.Name(id=name)]):
                    return name
    return ""


def span(text: str, node: ast.expr) -> tuple[int, int]:
    """Where a node stands in the text."""
    lines = text.encode().splitlines(keepends=True)

    def offset(line: int, column: int) -> int:
        return len((b"".join(lines[: line - 1]) + lines[line - 1][:column]).decode())

    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return offset(node.lineno, node.col_offset), offset(node.end_lineno, node.end_col_offset)


def failing(root: Path, removal: Removal) -> list[str]:
    """The first test that fails, or none: first the module's own, then all; first on SQLite, then on Postgres."""
    choices = (["-k", removal.file.stem, "-m", "not postgres"], ["-m", "not postgres"], ["-m", "postgres"])
    return next((tests for choice in choices if (tests := _failing(root, choice))), [])


def _failing(root: Path, choice: list[str]) -> list[str]:
    ended = subprocess.run(
        [PYTHON, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", TEST, *choice],
        cwd=root, capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    return re.findall(r"^(?:FAILED|ERROR) (\S+)", ended.stdout, re.MULTILINE)


def main() -> int:
    """Try all; the number that no test notices."""
    unnoticed = 0
    with copied() as root:
        for removal in removals(root):
            with replaced(root / removal.file, removal.start, removal.end, removal.after):
                tests = failing(root, removal)
            implied = IMPLIED.get((str(removal.file), removal.function))
            unnoticed += not tests and implied is None
            print(
                f"{removal.file}:{removal.line} {removal.before}: {tests or implied or 'UNNOTICED'}",
                flush=True,
            )
    return unnoticed
