"""Cache a downloaded file: fetched once, verified by checksum, safe with several processes at the same time.

A file counts once its checksum is right and it has its final name; anything unfinished is removed.
"""

import asyncio
import hashlib
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog
from filelock import AsyncFileLock, Timeout
from rich.console import Console

log = structlog.get_logger()


async def ensure_cached(
    path: Path,
    label: str,
    console: Console,
    *,
    size: int,
    sha256: str,
    make: Callable[[Path], Awaitable[Path]],
) -> None:
    """Make sure the file is there. `size` in bytes, `sha256` in hex; `label` names the file to the person who waits for it.

    `make(folder)` makes a new one in that folder, verifies it, and returns its path. Raises OSError, and what `make` raises.
    """
    if await asyncio.to_thread(is_intact, path, size, sha256):
        return
    await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
    lock = AsyncFileLock(path.with_name(f"{path.name}.lock"))
    await _acquire(lock, label, console)
    try:
        # The process that held the lock before may have made it.
        if not await asyncio.to_thread(is_intact, path, size, sha256):
            await _make(path, make)
    finally:
        await lock.release()


def is_intact(path: Path, size: int, sha256: str) -> bool:
    """Whether the file is there, with the right size and checksum."""
    try:
        if path.stat().st_size != size:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except FileNotFoundError:
        return False


async def _acquire(lock: AsyncFileLock, label: str, console: Console) -> None:
    try:
        await lock.acquire(timeout=0.5)
    except Timeout:
        console.print(f"Another process is fetching {label}; waiting for it.", style="dim")
        await lock.acquire(timeout=-1)


async def _make(path: Path, make: Callable[[Path], Awaitable[Path]]) -> None:
    # Each file has temporary folders of its own: only the process that holds its lock may remove them.
    unfinished = f"fetching-{path.name}-"
    await asyncio.to_thread(_clear, path, unfinished)
    # In the same folder: the last step must be a rename within one file system.
    with tempfile.TemporaryDirectory(
        prefix=unfinished, dir=path.parent, ignore_cleanup_errors=True
    ) as folder:
        made = await make(Path(folder))
        await asyncio.to_thread(_publish, made, path)


def _clear(path: Path, unfinished: str) -> None:
    """Remove a damaged file, and the temporary folders of processes that were killed."""
    if path.exists():
        log.warning("cached_file.damaged", path=str(path))
        path.unlink()
    for folder in path.parent.glob(f"{unfinished}*"):
        shutil.rmtree(folder, ignore_errors=True)


def _publish(made: Path, path: Path) -> None:
    """Rename the file to its final name, so that after a power loss it is intact or absent."""
    with made.open("rb+") as file:
        os.fsync(file.fileno())
    made.replace(path)
    if os.name == "posix":  # Windows has no such call and needs none
        handle = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
