"""Waiting for what gives no sign of its own: another process, or a part of the product that has no event for it."""

import asyncio
from collections.abc import Awaitable, Callable

LIMIT = 120.0  # seconds anything may take, a condition or a request: a machine may be that busy


async def until(
    condition: Callable[[], bool] | Callable[[], Awaitable[bool]],
    *,
    limit: float = LIMIT,
    pause: float = 0.005,
) -> None:
    """Look every `pause` seconds until the condition holds. Raises TimeoutError after `limit` seconds."""
    async with asyncio.timeout(limit):
        while True:
            holds = condition()
            if holds if isinstance(holds, bool) else await holds:
                return
            await asyncio.sleep(pause)
