"""Hold the claim on a thread while it is compacted, so that no other replica pays for the same summary."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection

from chat.background.completion import DEADLINES
from chat.runtime.runtime import Runtime
from store import compaction_claims
from store.errors import StoreError

LEASE = round(DEADLINES["summary"] + 60) * 1_000
"""Milliseconds: longer than one call. The claim is extended before each; that of a process that died expires."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactionClaim:
    """The claim of one compaction. `holder` names the compaction, so that a repeated claim is its own."""

    runtime: Runtime
    owner_id: str
    thread_id: str
    holder: str

    async def take(self) -> bool:
        """Claim the thread. False when another replica compacts it."""
        return bool(await self._write(partial(compaction_claims.claim, now=self._now, lease=LEASE)))

    async def extend(self) -> bool:
        """Keep the claim until the next call has ended. False when another replica has taken it over."""
        return bool(await self._write(partial(compaction_claims.extend, now=self._now, lease=LEASE)))

    def extend_within(self, connection: Connection) -> bool:
        """`extend` in the transaction that stores the summary: nobody else stores one meanwhile."""
        if self._alone:
            return True
        return compaction_claims.extend(
            connection, self.owner_id, self.thread_id, self.holder, now=self._now, lease=LEASE
        )

    async def release(self) -> None:
        """Let others compact the thread. A claim that cannot be given up expires."""
        with suppress(StoreError):
            await asyncio.shield(self._write(compaction_claims.release))

    @property
    def _alone(self) -> bool:
        """SQLite has one process, which compacts a thread once at a time."""
        return self.runtime.database.dialect == "sqlite"

    @property
    def _now(self) -> int:
        return self.runtime.clock.now()

    async def _write(self, change: Callable[..., Any]) -> Any:
        if self._alone:
            return True
        return await self.runtime.database.write(
            partial(change, owner_id=self.owner_id, thread_id=self.thread_id, holder=self.holder)
        )


@asynccontextmanager
async def claiming(runtime: Runtime, owner_id: str, thread_id: str) -> AsyncIterator[CompactionClaim | None]:
    """The claim on a thread for the length of the block; None when another replica compacts it."""
    claim = CompactionClaim(
        runtime=runtime, owner_id=owner_id, thread_id=thread_id, holder=runtime.clock.new_id("compaction")
    )
    if not await claim.take():
        yield None
        return
    try:
        yield claim
    finally:
        await claim.release()
