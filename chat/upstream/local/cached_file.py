"""A file that is fetched once and kept in the cache folder, however many processes want it at the same time.

It counts once its checksum is right and it has its final name; everything before is thrown away.
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


async def keep(
    kept: Path,
    label: str,
    console: Console,
    *,
    size: int,
    sha256: str,
    make: Callable[[Path], Awaitable[Path]],
) -> None:
    """See to it that the file is there. `size` in bytes, `sha256` in hex.

    `make(folder)` leaves a new one in a folder of its own, checked, and returns its path. Raises OSError, and what `make` raises.
    """
    if await asyncio.to_thread(is_right, kept, size, sha256):
        return
    await asyncio.to_thread(kept.parent.mkdir, parents=True, exist_ok=True)
    lock = AsyncFileLock(kept.with_name(f"{kept.name}.lock"))
    await _acquire(lock, label, console)
    try:
        # Whoever held the lock before may have done the work.
        if not await asyncio.to_thread(is_right, kept, size, sha256):
            await _make_anew(kept, make)
    finally:
        await lock.release()


def is_right(path: Path, size: int, sha256: str) -> bool:
    """Whether the file is there, whole and the one it must be."""
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


async def _make_anew(kept: Path, make: Callable[[Path], Awaitable[Path]]) -> None:
    # Each file has unfinished folders of its own: only whoever holds its lock may remove them.
    unfinished = f"fetching-{kept.name}-"
    await asyncio.to_thread(_clear, kept, unfinished)
    # Beside its final place: the last step must be a rename within one file system.
    with tempfile.TemporaryDirectory(
        prefix=unfinished, dir=kept.parent, ignore_cleanup_errors=True
    ) as folder:
        made = await make(Path(folder))
        await asyncio.to_thread(_put, made, kept)


def _clear(kept: Path, unfinished: str) -> None:
    """Remove what is damaged, and what processes that were killed left half done."""
    if kept.exists():
        log.warning("a kept file is damaged and is fetched again", path=str(kept))
        kept.unlink()
    for folder in kept.parent.glob(f"{unfinished}*"):
        shutil.rmtree(folder, ignore_errors=True)


def _put(made: Path, kept: Path) -> None:
    """Give the file its final name, so that a power loss leaves it whole or not there."""
    with made.open("rb+") as file:
        os.fsync(file.fileno())
    made.replace(kept)
    if os.name == "posix":  # Windows has no such call and needs none
        handle = os.open(kept.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
