"""Periodic tasks go on after a round that failed, and end with their owner."""

import asyncio

from structlog.testing import capture_logs

from chat.periodic import periodically
from tests.waiting import LIMIT


async def test_a_look_that_fails_is_logged_by_name_and_made_again() -> None:
    looks, again = 0, asyncio.Event()

    async def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise ValueError("not now")
        again.set()

    with capture_logs() as logged:
        async with periodically("lamps", 0, look):
            await asyncio.wait_for(again.wait(), LIMIT)
    assert [(entry["event"], entry["task"]) for entry in logged] == [("background_task.failed", "lamps")]
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "lamps"]
