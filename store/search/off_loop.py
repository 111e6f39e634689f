"""Run work on a long text on a thread, so that the event loop goes on."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.util.concurrency import await_only, in_greenlet

SHORT = 4_000  # characters: less is done in about a millisecond, and a thread costs a tenth of one

Result = TypeVar("Result")


def off_loop(length: int, work: Callable[[], Result]) -> Result:
    """What `work` returns. For use within a transaction: on Postgres, where that runs on the event loop's thread, work that reads a
    text of more than SHORT characters is done on another; on SQLite the transaction has a thread of its own.
    """
    if length <= SHORT or not in_greenlet():
        return work()
    result: Result = await_only(asyncio.to_thread(work))
    return result
