"""Let a transaction wait for what happens outside of it, while it stays open."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from sqlalchemy.util.concurrency import await_only, in_greenlet

from tests.waiting import LIMIT

T = TypeVar("T")


class EventLoop:
    """The test's event loop, for a transaction to wait on: on Postgres it runs there itself, on SQLite on a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine that the event loop runs; the loop goes on meanwhile."""
        if in_greenlet():
            result: T = await_only(coroutine)
            return result
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(LIMIT)
