"""The shape of modules: none is longer than 300 lines, and test modules import nothing from each other: what several of them use stands in a module of its own."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
PACKAGES = ("chat", "context", "store", "tests")
MOST_LINES = 300
# Files, or folders and all in them, that may be longer, with the reason.
MAY_BE_LONGER = {
    "store/migrations/versions": "what a database has been through is never edited",
    "tests/stateful/test_state_machine.py": "not split yet",
    "tests/store/test_recall.py": "not split yet",
}


def imports(source: str) -> Iterator[str]:
    """The dotted names that a module imports; `from a import b` gives `a.b`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)


def from_test_modules(source: str) -> list[str]:
    """The imported names that stand in a `test_*` module of this project, or are one."""
    return [
        name
        for name in imports(source)
        if name.startswith(("tests.", ".")) and any(part.startswith("test_") for part in name.split("."))
    ]


@pytest.mark.parametrize(
    "line",
    [
        "from tests.chat.turns.test_tools import search",
        "from tests.chat.turns import test_tools",
        "from .test_tools import search",
        "import tests.chat.turns.test_tools as tools",
    ],
)
def test_an_import_of_a_test_module_is_found_however_it_is_written(line: str) -> None:
    assert from_test_modules(f"def late() -> None:\n    {line}\n") != []


def test_no_module_imports_from_a_test_module() -> None:
    offenders = {
        str(path.relative_to(TESTS)): names
        for path in sorted(TESTS.rglob("*.py"))
        if (names := from_test_modules(path.read_text("utf-8")))
    }
    assert offenders == {}, "move what they share into a module beside them"


def test_no_file_is_longer_than_three_hundred_lines() -> None:
    lengths = {
        path.relative_to(ROOT): len(path.read_text("utf-8").splitlines())
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
    }
    assert lengths, "there are files to look at"
    offenders = {
        path.as_posix(): length
        for path, length in lengths.items()
        if length > MOST_LINES and not any(path.is_relative_to(place) for place in MAY_BE_LONGER)
    }
    assert offenders == {}, "split them by idea, into files with telling names"


def test_no_function_is_longer_than_sixty_lines() -> None:
    lengths = {
        f"{path.relative_to(ROOT).as_posix()}: {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for package in ("chat", "context", "store")
        for path in sorted((ROOT / package).rglob("*.py"))
        if "migrations" not in path.parts
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert len(lengths) > 1_000
    assert {name: length for name, length in lengths.items() if length > 60} == {}


def test_the_files_that_may_be_longer_exist() -> None:
    assert [place for place in MAY_BE_LONGER if not (ROOT / place).exists()] == []
