"""Run work on a long text on a thread, so that the event loop goes on."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

SHORT = 4_000  # characters: less is done in about a millisecond, and a thread costs a tenth of one

Result = TypeVar("Result")


async def off_loop(length: int, work: Callable[[], Result]) -> Result:
    """What `work` returns. It runs on a thread when the text it reads has more than SHORT characters."""
    return work() if length <= SHORT else await asyncio.to_thread(work)
