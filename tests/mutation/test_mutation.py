"""The mutation check itself; with PALAVER_LONG=1 all of it, which takes hours."""

import ast
import os

import pytest

from tests.mutation import statements
from tests.mutation.copy import ROOT
from tests.mutation.owners import IMPLIED, removals
from tests.mutation.targets import EXPLAINED, TARGETS

LONG = "PALAVER_LONG" in os.environ


def test_every_owner_condition_of_the_store_is_found_and_can_be_taken_away() -> None:
    found = list(removals(ROOT))
    assert len(found) >= 37
    for removal in found:
        text = (ROOT / removal.file).read_text()
        ast.parse(text[: removal.start] + removal.after + text[removal.end :])
        assert removal.after != removal.before
    assert {(str(removal.file), removal.function) for removal in found} >= IMPLIED.keys()


def test_every_change_of_a_statement_of_the_store_leaves_it_python() -> None:
    found = statements.changes(ROOT)
    assert len(found) >= 200
    for change in found:
        text = (ROOT / change.file).read_text()
        ast.parse(text[: change.start] + change.after + text[change.end :])
        assert change.after.strip() != change.before.strip()
    assert {change.words for change in found} >= statements.EXPLAINED.keys()


def test_targets_and_explanations_name_what_there_is() -> None:
    for target in TARGETS.values():
        assert target.files, target.name
        assert all((ROOT / test).exists() for test in target.tests), target.name
    files = {file for target in TARGETS.values() for file in target.files}
    modules = {".".join(file.with_suffix("").parts): (ROOT / file).read_text() for file in files}
    for name in EXPLAINED:
        module, _, mutant = name.rpartition(".")
        function = mutant.partition("__mutmut_")[0].rpartition("ǁ")[2].removeprefix("x_")
        assert f"def {function}(" in modules[module], name


@pytest.mark.parametrize(
    ("sources", "folder", "apart"),
    [
        (("context/*/*.py",), "tests/context", set()),
        (
            ("store/*.py", "store/ledger/*.py", "store/search/*.py"),
            "tests/store",
            {
                "tests/store/test_lost_commit.py",
                "tests/store/test_postgres_connections.py",
                "tests/store/test_row_locks.py",
            },
        ),
    ],
    ids=["context", "store"],
)
def test_every_module_and_test_belongs_to_a_target(
    sources: tuple[str, ...], folder: str, apart: set[str]
) -> None:
    modules = {str(file) for target in TARGETS.values() for file in (*target.files, *target.apart)}
    tests = {test for target in TARGETS.values() for test in target.tests}
    paths = [path.relative_to(ROOT) for source in sources for path in ROOT.glob(source)]
    assert {str(path) for path in paths if path.name != "__init__.py"} <= modules
    assert {f"{folder}/{path.name}" for path in (ROOT / folder).glob("test_*.py")} <= tests | apart


@pytest.mark.skipif(not LONG, reason="PALAVER_LONG=1 runs it: hours")
def test_few_mutants_survive_unexplained() -> None:
    from tests.mutation.__main__ import main

    assert main([]) == 0
