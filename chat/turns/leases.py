"""Leases of this process on its turns and calls, and the end of what processes left behind that renew theirs no more.

No two machines' clocks are compared: a lease ends by the database's clock, on SQLite by this process's monotonic one.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import partial

import structlog
from sqlalchemy import Connection

from chat.calls import ledger
from chat.calls.caller import CALL_LEASE, LEASE
from chat.clock import lease_time
from chat.runtime.runtime import Runtime
from chat.turns.outcome import INTERRUPTED
from chat.turns.recovery import recover
from store import event_rounds, turns
from store.ledger import open_calls

log = structlog.get_logger()

CALL_PATIENCE = 300  # seconds past the longest turn before a call nobody closed counts as lost


@dataclass(slots=True, kw_only=True)
class Leases:
    """Renews leases and takes over what others abandoned. `holder` and `shared` as in chat.turns.runner."""

    runtime: Runtime
    holder: str
    shared: bool
    _renewed_at: float | None = None
    _respect_until: float = field(default=float("-inf"))
    """After an outage others get the time of a lease to renew theirs."""

    async def renew(self, turn_ids: list[str]) -> list[str]:
        """Renew this process's leases; returns the turns that it was asked to cancel."""
        database, now = self.runtime.database, lease_time(self.runtime.clock)
        cancelled: list[str] = []
        if turn_ids:
            cancelled = await database.renew(
                lambda connection: turns.renew_leases(connection, self.holder, turn_ids, now=now, lease=LEASE)
            )
        if self.shared:

            def renew_calls(connection: Connection) -> None:
                open_calls.renew(connection, self.holder, now=now, lease=CALL_LEASE)
                turns.shorten_leases(connection, now=now, lease=LEASE)
                open_calls.shorten_leases(connection, now=now, lease=CALL_LEASE)

            await database.renew(renew_calls)
        before, self._renewed_at = self._renewed_at, self.runtime.clock.monotonic()
        if self.shared and before is not None and self._renewed_at - before > LEASE / 1_000:
            # Whatever kept this process from the database may have kept the others from it.
            self._respect_until = self._renewed_at + LEASE / 1_000
        return cancelled

    async def take_over(self, running: Collection[str]) -> None:
        """End turns and calls whose leases have expired; `running`: the turns that run here."""
        clock = self.runtime.clock
        if clock.monotonic() < self._respect_until or self._cut_off(clock.monotonic()):
            return
        present = lease_time(clock)
        await self._end_turns(present, running)
        await ledger.close_abandoned(
            self.runtime.database,
            clock.now() - self._longest_call,
            holder=self.holder,
            # Alone there is nobody else whose leases could have run out.
            now=present if self.shared else None,
            local=self.runtime.deployment.local,
        )

    def _cut_off(self, now: float) -> bool:
        """Whether this process itself could not renew for the length of a lease, and so knows nothing about the others."""
        return self.shared and self._renewed_at is not None and now - self._renewed_at > LEASE / 1_000

    async def take_over_all(self) -> None:
        """End every turn and call that an earlier process left: no other can be running any."""
        await self.runtime.database.write(event_rounds.restore_all)
        await self._end_turns(None, ())
        await ledger.close_abandoned(self.runtime.database, None, local=self.runtime.deployment.local)

    async def _end_turns(self, present: int | None, running: Collection[str]) -> None:
        """End abandoned turns as interrupted, with the text their logs have."""
        found = await self.runtime.database.read(partial(turns.abandoned, now=present))
        abandoned = [turn for turn in found if turn.id not in running]
        if abandoned:
            ids = {turn.id for turn in abandoned}
            await self.runtime.database.write(partial(event_rounds.restore, turn_ids=ids))
        for turn in abandoned:
            try:
                if await recover(self.runtime, turn, INTERRUPTED):
                    log.warning("turn.recovered", turn_id=turn.id)
            except Exception:  # one that cannot be ended keeps no other from it; the next beat tries again
                log.exception("turn.recovery_failed", turn_id=turn.id)

    @property
    def _longest_call(self) -> int:
        """Milliseconds after which an open call of this process is one that nobody will close."""
        return round(self.runtime.deployment.max_turn_seconds + CALL_PATIENCE) * 1_000
