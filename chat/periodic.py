"""Run background work so that its failure is logged and harms nothing else: once within a deadline, or again and again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import structlog

log = structlog.get_logger()

DEADLINE = 60.0  # seconds one round of a periodic task may take


async def run(name: str, deadline: float, work: Callable[[], Awaitable[object]], **fields: object) -> None:
    """Run `work` for at most `deadline` seconds. Logs what goes wrong, with `fields`, and raises nothing but a cancellation."""
    limit = asyncio.timeout(deadline)
    try:
        async with limit:
            await work()
    except Exception:
        if limit.expired():
            log.error("background_task.timed_out", task=name, seconds=deadline, **fields)
        else:
            log.exception("background_task.failed", task=name, **fields)


async def repeat(
    name: str, pause: float, work: Callable[[], Awaitable[object]], *, deadline: float = DEADLINE
) -> None:
    """Run `work` every `pause` seconds until cancelled. A round that fails is logged, and the next one comes."""
    while True:
        await asyncio.sleep(pause)
        await run(name, deadline, work)


@asynccontextmanager
async def periodically(
    name: str, pause: float, work: Callable[[], Awaitable[object]], *, deadline: float = DEADLINE
) -> AsyncIterator[None]:
    """`repeat`, for the length of the block, as a task of that name."""
    task = asyncio.create_task(repeat(name, pause, work, deadline=deadline), name=name)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
