"""Download one wheel from the package index with this Python's pip and its configuration, showing a progress bar."""

import asyncio
import os
import re
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from chat.upstream.local.errors import DownloadFailed

POLL_SECONDS = 0.2
ADDRESS = r"[a-z+]+://\S+"


async def download(requirement: str, size: int, folder: Path, console: Console) -> Path:
    """Download the wheel without its dependencies into the folder; `size` in bytes is for the progress bar. Raises DownloadFailed."""
    # pip writes to its temporary folder and moves the whole file at the end: with that folder here, its size is the progress.
    environment = {**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))}
    options = (
        "--no-deps",
        "--only-binary=:all:",
        "--no-cache-dir",
        "--no-input",
        "--disable-pip-version-check",
    )
    quiet = ("--quiet", "--progress-bar=off", "--retries=2", "--timeout=20")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pip", "download", *options, *quiet, "--dest", str(folder), requirement),
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=PIPE,
        env=environment,
    )
    try:
        output = await _watch(process, size, folder, console)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    wheel = await asyncio.to_thread(_wheel_in, folder)
    if process.returncode != 0 or wheel is None:
        raise DownloadFailed(
            f"`pip download {requirement}` failed. {reason(output)}",
            "Check the network and pip's configuration, then start again.",
        )
    return wheel


async def _watch(process: Process, size: int, folder: Path, console: Console) -> str:
    assert process.stderr is not None  # noqa: S101 - it was asked for above
    ended = asyncio.create_task(process.stderr.read())
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    try:
        with Progress(*columns, console=console) as bar:
            task = bar.add_task("Fetching", total=size)
            while not (await asyncio.wait({ended}, timeout=POLL_SECONDS))[0]:
                bar.update(task, completed=min(size, await asyncio.to_thread(_bytes_in, folder)))
            await process.wait()
            bar.update(task, completed=min(size, await asyncio.to_thread(_bytes_in, folder)))
    finally:
        ended.cancel()
    return ended.result().decode(errors="replace")


def _wheel_in(folder: Path) -> Path | None:
    return next(folder.glob("*.whl"), None)


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue  # pip moved it meanwhile
    return total


def reason(output: str) -> str:
    """Why pip failed, in a sentence, from its output; without addresses, which may contain a password."""
    if "No module named pip" in output:
        return "This Python has no pip."
    if "Retrying (" in output:
        return "The package index could not be reached."
    errors = [line for line in re.sub(r"\x1b\[[0-9;]*m", "", output).splitlines() if "ERROR:" in line]
    return f"It said: {re.sub(ADDRESS, '…', errors[-1]).strip()}" if errors else "It gave no reason."
