"""Work whose time grows with a text, kept off the event loop where the text is long."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

SHORT = 32_768  # bytes or characters: the worst work on a megabyte of JSON takes a quarter of a second

T = TypeVar("T")


async def off_loop(length: int, work: Callable[[], T]) -> T:
    """What `work` returns: on a thread where it is about more than SHORT bytes or characters, so that nobody else waits for it."""
    return work() if length <= SHORT else await asyncio.to_thread(work)
