"""Test runs that begin within seconds: forks of a process that holds the libraries already. Our own code is imported anew by each of them."""

import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from tests.mutation.copy import PYTHON

OWN: Final = ("chat", "store", "context", "tests")
OPTIONS: Final = (
    "-x", "-q", "-p", "no:cacheprovider", "-m", "not postgres", "-W", "ignore::pytest.PytestAssertRewriteWarning"
)  # fmt: skip
NAMES: Final = """
import json, sys, pytest
output, sys.stdout = sys.stdout, sys.stderr
pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", *sys.argv[1:]])
print(json.dumps(list(sys.modules)), file=output)
"""


def load_libraries(root: Path, tests: Sequence[str]) -> None:
    """Import every module that these tests import and that is not ours. Another process collects them to find out."""
    ended = subprocess.run(
        [PYTHON, "-c", NAMES, *tests], cwd=root, env=os.environ | {"PYTHONPATH": str(root)}, capture_output=True, text=True, check=True
    )  # fmt: skip
    for name in json.loads(ended.stdout):
        if not _is_own(name):
            with suppress(ImportError):  # names that only their makers can import
                importlib.import_module(name)


class FirstFailure:
    """A pytest plugin that writes into a file which test failed."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write it."""
        if report.failed:
            self._file.write_text(report.nodeid)


def first_failure(root: Path, tests: Sequence[str], seconds: int) -> str:
    """The first test that fails, or how the run ended otherwise; empty when all pass. It is killed after so many seconds."""
    file = root / "first-failure"
    file.unlink(missing_ok=True)
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 70
        try:
            _enter(root, seconds)
            code = int(pytest.main([*OPTIONS, *tests], plugins=[FirstFailure(file)]))
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == 0:
        return ""
    return file.read_text() if file.exists() else f"exit code {code}"


def _enter(root: Path, seconds: int) -> None:
    signal.alarm(seconds)
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    os.chdir(root)
    sys.path.insert(0, str(root))
    # Files change more often than once a second: what is compiled of one change must not stand for the next.
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    for name in list(sys.modules):
        if _is_own(name):
            del sys.modules[name]


def _is_own(name: str) -> bool:
    return name.partition(".")[0] in OWN
