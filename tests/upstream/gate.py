"""A gate holds a reply still: each permit lets one delta through, so a test never sleeps."""

from __future__ import annotations

import asyncio


class Gate:
    """Every content delta takes one permit, and so does the ending (the stop events) after the last delta."""

    def __init__(self) -> None:
        self._permits = 0
        self._open = False
        self._changed = asyncio.Event()
        self._idle = asyncio.Event()
        self.passed = 0
        """How many times the gate has been passed."""
        self.waiting = False
        """A reply stands before the gate: everything released so far has been written to the socket."""

    def release(self, n: int = 1) -> None:
        """Let `n` more deltas (or the ending) through."""
        self._permits += n
        self._changed.set()

    def open(self) -> None:
        """Let everything through from now on."""
        self._open = True
        self._changed.set()

    async def reached(self) -> None:
        """Wait until a reply stands before the gate with no permit left."""
        while not self.waiting or self._permits:
            self._idle.clear()
            await self._idle.wait()

    async def pass_through(self) -> None:
        """The simulator's side: take a permit, waiting for one if need be."""
        while not self._open and not self._permits:
            self.waiting = True
            self._idle.set()
            self._changed.clear()
            try:
                await self._changed.wait()
            finally:
                self.waiting = False
        if not self._open:
            self._permits -= 1
        self.passed += 1
