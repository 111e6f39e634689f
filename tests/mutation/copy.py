"""A copy of the working tree in a temporary folder, to be changed."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PYTHON: Final = sys.executable
PARTS: Final = ("chat", "store", "context", "tests", "web/dist", "README.md", "LICENSE")


def copy_into(folder: Path) -> None:
    """Copy what tests need."""
    for part in PARTS:
        source, target = ROOT / part, folder / part
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)


@contextmanager
def copied() -> Iterator[Path]:
    """A copy that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="palaver-mutation-") as name:
        folder = Path(name)
        copy_into(folder)
        shutil.copy(ROOT / "pyproject.toml", folder)
        yield folder


@contextmanager
def replaced(file: Path, start: int, end: int, text: str) -> Iterator[None]:
    """The file with one piece of its text replaced, and restored afterwards."""
    before = file.read_text()
    file.write_text(before[:start] + text + before[end:])
    try:
        yield
    finally:
        file.write_text(before)
