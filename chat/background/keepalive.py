"""Tending lanes while nobody writes: renew a cached prefix that is worth it, fold a thread whose cache has died.

What is due is always derived from the lanes' rows, so a restart forgets nothing and several replicas share the work: whoever
claims a due lane first has it.
"""

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.background import keepalive_cap as allowance
from chat.background.completion import touch
from chat.background.keepalive_cap import Allowance
from chat.background.summarizer import Folder
from chat.calls import ledger
from chat.calls.record import Errand
from chat.clock import Clock
from chat.planning.replay import CannotReplay, replay
from chat.planning.thread_snapshot import Standing, load
from chat.runtime.runtime import Deployment
from context.cache import keepalive
from context.cache.cache_state import after_keepalive
from context.cache.idle_gaps import Presence
from context.cache.keepalive import Decision
from context.compaction import when
from context.models.pricing import PICO
from context.request import request
from store import cache_states, threads, turns
from store.cache_states import StoredLane
from store.database import Database

log = structlog.get_logger()

BATCH = 20  # lanes looked at in one round
HELD = 180_000  # milliseconds a claimed lane is left alone by others: longer than any one call
AT_ONCE = 4  # lanes tended at the same time
STALE = 900_000  # milliseconds after which what a page said of itself no longer counts


@dataclass(slots=True, kw_only=True)
class Tending:
    """Looks after resting lanes."""

    database: Database
    deployment: Deployment
    clock: Clock
    folder: Folder
    keepalives: bool
    allowance: Allowance
    _presence: dict[tuple[str, str], tuple[Presence, int]] = field(default_factory=dict)

    def seen(self, owner_id: str, thread_id: str, presence: Presence) -> None:
        """A page says whether the thread is visible, open, or gone."""
        now = self.clock.now()
        self._presence[(owner_id, thread_id)] = (presence, now)
        if len(self._presence) > 10_000:
            self._presence = {key: said for key, said in self._presence.items() if now - said[1] < STALE}

    async def look(self) -> None:
        """One round over the lanes that are due."""
        now = self.clock.now()
        async with self.database.reading() as connection:
            due = await cache_states.due(connection, now, limit=BATCH)
        free = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(self._claimed(stored, now, free) for stored in due))

    async def _claimed(self, stored: StoredLane, now: int, free: asyncio.Semaphore) -> None:
        """One lane, if nobody else has it in hand. What goes wrong with it is no trouble of the others."""
        async with free:
            try:
                if await self.database.write(partial(cache_states.claim, stored=stored, next_at=now + HELD)):
                    await self._tend(stored)
            except Exception:
                log.exception("a lane could not be tended", model=stored.lane.model)

    async def _tend(self, stored: StoredLane) -> None:
        async with self.database.reading() as connection:
            thread = await threads.get(connection, stored.owner_id, stored.thread_id)
            turn = await turns.get(connection, stored.owner_id, stored.turn_id)
            if thread is None or turn is None or thread.leaf_id is None or thread.running_turn_id is not None:
                return  # a running turn will set the lane's next time itself
            standing = await load(
                connection,
                stored.owner_id,
                stored.thread_id,
                thread.leaf_id,
                tokens=self.deployment.policy.window_cap,
            )
            spent = await allowance.spent(connection, self.clock.now())
        lane, now = stored.lane, self.clock.now()
        if lane.model not in self.deployment.models:
            await self._put(stored, None)
            return
        if lane.life != "none" and now >= lane.alive_until:
            await self._fold(stored, standing, thread.leaf_id)
        terms, path = standing.seen_by(self.deployment, lane.model, now)
        decision = keepalive.decide(
            terms,
            path=path,
            ladder=standing.ladder,
            lane=lane,
            others=standing.others(self.deployment, lane.model, now),
            service=standing.service(lane.model),
            now=now,
            presence=self._said(stored, now),
            closed=thread.archived_at is not None or not self.keepalives,
        )
        if decision.send and self._goes_on(turn, standing, decision):
            refused = self.allowance.refuses(
                decision.cost, lanes=(one.lane for one in standing.lanes.values()), service=spent, now=now
            )
            if refused is not None:
                log.info("a cached prefix is not renewed", reason=refused, model=lane.model)
            elif await self._renew(stored, turn, decision):
                return
        else:
            log.debug("a cached prefix is not renewed", reason=decision.reason)
        await self._put(stored, keepalive.next_at(lane, terms, after=now))

    def _goes_on(self, turn: turns.Turn, standing: Standing, decision: Decision) -> bool:
        """Whether the next request will begin with what this turn sent, as far as it is to be renewed."""
        return decision.part != "window" or any(
            message.id == turn.user_message_id for message in standing.path
        )

    async def _fold(self, stored: StoredLane, standing: Standing, leaf_id: str) -> None:
        """The window has died with nobody there: a good moment to fold it."""
        now = self.clock.now()
        terms, path = standing.seen_by(self.deployment, stored.lane.model, now)
        others = standing.others(self.deployment, stored.lane.model, now)
        fold = when.at_death(
            terms, path=path, ladder=standing.ladder, lane=stored.lane, others=others, now=now
        )
        if fold is not None and not self.folder.rests(stored.owner_id, stored.thread_id):
            await self.folder.fold(stored.owner_id, stored.thread_id, leaf_id, fold)

    async def _renew(self, stored: StoredLane, turn: turns.Turn, decision: Decision) -> bool:
        """Send the last request's prefix once more, asking for no answer. False when that was not possible."""
        body = await self._prefix(turn, decision)
        if body is None:
            return False
        started = self.clock.now()
        errand = Errand(owner_id=stored.owner_id, thread_id=stored.thread_id, purpose="keepalive")
        side = await touch(self.deployment, errand, stored.lane.model, body)
        lane, cost = stored.lane, int(sum(row.cost or Decimal(0) for row in side.spent) * PICO)
        if side.ok:
            lane = after_keepalive(lane, started_at=started, head=decision.head, cost=cost)
        terms = self.deployment.terms(lane.model, started, thread=stored.thread_id)
        next_at = keepalive.next_at(lane, terms, after=started)

        async def write(connection: AsyncConnection) -> None:
            await cache_states.change(connection, stored, lane, next_at=next_at)
            await allowance.spend(connection, cost, started)
            await ledger.keep(connection, side.spent)

        await self.database.write(write)
        return True

    async def _prefix(self, turn: turns.Turn, decision: Decision) -> bytes | None:
        """The keep-alive for what a turn sent, rebuilt from its recipe; None when that cannot be done."""
        try:
            async with self.database.reading() as connection:
                sent = await replay(connection, turn)
        except CannotReplay:
            return None
        return request.build_keepalive(
            sent.recipe, sent.prompt, sent.window, ladder=sent.ladder, part=decision.part
        )

    async def _put(self, stored: StoredLane, next_at: int | None) -> None:
        await self.database.write(
            partial(cache_states.change, stored=stored, lane=stored.lane, next_at=next_at)
        )

    def _said(self, stored: StoredLane, now: int) -> Presence | None:
        said = self._presence.get((stored.owner_id, stored.thread_id))
        return said[0] if said is not None and now - said[1] < STALE else None
