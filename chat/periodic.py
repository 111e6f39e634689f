"""What is looked after again and again while the server runs. A look that fails is logged and made again: nothing ends a duty but its owner."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import structlog

log = structlog.get_logger()


async def repeat(pause: float, look: Callable[[], Awaitable[None]]) -> None:
    """Look every `pause` seconds until cancelled."""
    while True:
        await asyncio.sleep(pause)
        try:
            await look()
        except Exception:
            task = asyncio.current_task()
            log.exception(
                "a background duty failed; it will be tried again", task_name=task.get_name() if task else ""
            )


@asynccontextmanager
async def periodically(name: str, pause: float, look: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """`repeat`, for the length of the block, as a task of that name."""
    task = asyncio.create_task(repeat(pause, look), name=name)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
