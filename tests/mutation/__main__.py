"""Change the code in small ways and see that a test fails: `python -m tests.mutation [target …]`, see tests/README.md."""

import argparse
import json
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from contextlib import chdir
from pathlib import Path
from typing import Any, Final

from mutmut.configuration import reset_config
from mutmut.mutation.file_mutation import mutate_file_contents

from tests.mutation import owners
from tests.mutation.copy import PYTHON, ROOT, copy_into
from tests.mutation.targets import TARGETS, Target, explained

CACHE: Final = ROOT / ".mutation"
SEED: Final = 10
SURVIVED: Final = (0, 33)  # exit codes of mutmut: all tests passed, no test reaches it
# It lists the functions of `store`, and the tool adds its own to them.
UNFIT: Final = "tests/store/test_owners.py::test_every_query_has_its_cases_or_says_why_it_needs_none"
TOOL: Final = """
[tool.mutmut]
source_paths = ["chat", "store", "context"]
only_mutate = {files}
also_copy = ["tests", "README.md", "LICENSE"]
pytest_add_cli_args_test_selection = {tests}
pytest_add_cli_args = ["-p", "tests.mutation.fresh", "-p", "no:cacheprovider", "-W", "ignore", "-m", "not postgres", "--deselect", "{unfit}"]
process_isolation = "fork"
timeout_constant = 10.0
timeout_multiplier = 5.0
do_not_mutate_patterns = ['log\\.(debug|info|warning|error)', 'raise AssertionError', 'assert ']
"""


def prepare(target: Target) -> Path:
    """A copy of the working tree with the tool's settings for this target; its results stay from run to run."""
    folder = CACHE / target.name
    folder.mkdir(parents=True, exist_ok=True)
    copy_into(folder)
    files, tests = json.dumps([str(file) for file in target.files]), json.dumps(target.tests)
    project = (ROOT / "pyproject.toml").read_text()
    (folder / "pyproject.toml").write_text(project + TOOL.format(files=files, tests=tests, unfit=UNFIT))
    return folder


def sample(target: Target, most: int) -> list[str]:
    """The same mutants every time, as long as the code is the same. The tool reads its settings from the current folder."""
    names = []
    for file in target.files:
        module = ".".join(file.with_suffix("").parts)
        names += [
            f"{module}.{name}" for name in mutate_file_contents(str(file), file.read_text()).mutant_names
        ]
    return sorted(random.Random(SEED).sample(sorted(names), min(most, len(names))))


def run(target: Target, most: int) -> dict[str, int]:
    """Exit codes by mutant. What was tried before on the same code and tests is not tried again."""
    folder = prepare(target)
    with chdir(folder):
        reset_config()
        names = sample(target, most)
        command = [PYTHON, "-m", "mutmut", "run", "--max-children", "1", *names]
        subprocess.run(command, stdout=sys.stderr, check=False)
        return {name: code for name, code in _results(folder, target).items() if name in names}


def _results(folder: Path, target: Target) -> dict[str, int]:
    codes: dict[str, Any] = {}
    for file in target.files:
        meta = folder / "mutants" / f"{file}.meta"
        if meta.exists():
            codes |= json.loads(meta.read_text())["exit_code_by_key"]
    return {name: code for name, code in codes.items() if code is not None}


def diff(target: Target, name: str) -> str:
    """What the mutant changes."""
    shown = subprocess.run(
        [PYTHON, "-m", "mutmut", "show", name],
        cwd=CACHE / target.name,
        capture_output=True,
        text=True,
        check=False,
    )
    return shown.stdout


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the survivors with their diffs, then a row for each target; 1 when a target has too many."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("targets", nargs="*", default=[*TARGETS, "owners"], choices=[*TARGETS, "owners"])
    parser.add_argument("--most", type=int, default=60, help="mutants tried of each target")
    asked = parser.parse_args(arguments)
    os.nice(10)
    rows, bad = [], False
    for name in asked.targets:
        if name == "owners":
            bad |= owners.main() > 0
            continue
        target = TARGETS[name]
        codes = run(target, asked.most)
        survivors = [mutant for mutant, code in codes.items() if code in SURVIVED]
        unknown = [mutant for mutant in survivors if not explained(mutant)]
        for mutant in unknown:
            print(diff(target, mutant))
        bad |= len(unknown) > target.allowed * len(codes)
        counts = len(codes), len(codes) - len(survivors), len(survivors), len(survivors) - len(unknown)
        rows.append(f"| {name} | {' | '.join(map(str, counts))} |")
    print("| target | mutants | killed | survived | explained |\n|---|---|---|---|---|", *rows, sep="\n")
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
