"""Tending cache states while nobody writes: renew a cached prefix that is worth it, compaction a thread whose cache has died.

What is due is always derived from the cache states' rows, so a restart forgets nothing and several replicas share the work: whoever
claims a due cache state first has it.
"""

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.background import keepalive_cap as keepalive_cap
from chat.background.completion import touch
from chat.background.keepalive_cap import KeepaliveCap
from chat.background.summarizer import Summarizer
from chat.calls import ledger
from chat.calls.record import CallContext
from chat.planning.replay import CannotReplay, replay
from chat.planning.thread_snapshot import ThreadSnapshot, load
from chat.runtime.runtime import Runtime
from context.cache import keepalive
from context.cache.cache_state import after_keepalive
from context.cache.idle_gaps import Presence
from context.cache.keepalive import Decision
from context.compaction import when
from context.models.pricing import PICO
from context.request import request
from store import cache_states, threads, turns
from store.cache_states import StoredCacheState

log = structlog.get_logger()

BATCH = 20  # cache states looked at in one round
HELD = 180_000  # milliseconds a claimed cache state is left alone by others: longer than any one call
AT_ONCE = 4  # cache states tended at the same time
STALE = 900_000  # milliseconds after which what a page said of itself no longer counts


@dataclass(slots=True, kw_only=True)
class KeepaliveScheduler:
    """Looks after resting cache states."""

    runtime: Runtime
    summarizer: Summarizer
    keepalives: bool
    keepalive_cap: KeepaliveCap
    _presence: dict[tuple[str, str], tuple[Presence, int]] = field(default_factory=dict)

    def seen(self, owner_id: str, thread_id: str, presence: Presence) -> None:
        """A page says whether the thread is visible, open, or gone."""
        now = self.runtime.clock.now()
        self._presence[(owner_id, thread_id)] = (presence, now)
        if len(self._presence) > 10_000:
            self._presence = {key: said for key, said in self._presence.items() if now - said[1] < STALE}

    async def look(self) -> None:
        """One round over the cache states that are due."""
        now = self.runtime.clock.now()
        async with self.runtime.database.reading() as connection:
            due = await cache_states.due(connection, now, limit=BATCH)
        free = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(self._claimed(stored, now, free) for stored in due))

    async def _claimed(self, stored: StoredCacheState, now: int, free: asyncio.Semaphore) -> None:
        """One cache state, if nobody else has it in hand. What goes wrong with it is no trouble of the others."""
        async with free:
            try:
                if await self.runtime.database.write(
                    partial(cache_states.claim, stored=stored, next_at=now + HELD)
                ):
                    await self._look_after(stored)
            except Exception:
                log.exception("a lane could not be tended", model=stored.cache_state.model)

    async def _look_after(self, stored: StoredCacheState) -> None:
        async with self.runtime.database.reading() as connection:
            thread = await threads.get(connection, stored.owner_id, stored.thread_id)
            turn = await turns.get(connection, stored.owner_id, stored.turn_id)
            if thread is None or turn is None or thread.leaf_id is None or thread.running_turn_id is not None:
                return  # a running turn will set the cache state's next time itself
            snapshot = await load(
                connection,
                stored.owner_id,
                stored.thread_id,
                thread.leaf_id,
                tokens=self.runtime.deployment.policy.window_cap,
            )
            spent = await keepalive_cap.spent(connection, self.runtime.clock.now())
        cache_state, now = stored.cache_state, self.runtime.clock.now()
        if cache_state.model not in self.runtime.deployment.models:
            await self._put(stored, None)
            return
        if cache_state.window_ttl != "none" and now >= cache_state.alive_until:
            await self._compact(stored, snapshot, thread.leaf_id)
        inputs, path = snapshot.seen_by(self.runtime, cache_state.model, now)
        decision = keepalive.decide(
            inputs,
            path=path,
            summary=snapshot.summary,
            cache_state=cache_state,
            others=snapshot.others(self.runtime, cache_state.model, now),
            global_gaps=snapshot.global_gaps(cache_state.model),
            now=now,
            presence=self._said(stored, now),
            closed=thread.archived_at is not None or not self.keepalives,
        )
        if decision.send and self._goes_on(turn, snapshot, decision):
            refused = self.keepalive_cap.refuses(
                decision.cost,
                cache_states=(one.cache_state for one in snapshot.cache_states.values()),
                total=spent,
                now=now,
            )
            if refused is not None:
                log.info("a cached prefix is not renewed", reason=refused, model=cache_state.model)
            elif await self._renew(stored, turn, decision):
                return
        else:
            log.debug("a cached prefix is not renewed", reason=decision.reason)
        await self._put(stored, keepalive.next_at(cache_state, inputs, after=now))

    def _goes_on(self, turn: turns.Turn, snapshot: ThreadSnapshot, decision: Decision) -> bool:
        """Whether the next request will begin with what this turn sent, as far as it is to be renewed."""
        return decision.part != "window" or any(
            message.id == turn.user_message_id for message in snapshot.path
        )

    async def _compact(self, stored: StoredCacheState, snapshot: ThreadSnapshot, leaf_id: str) -> None:
        """The window has died with nobody there: a good moment to compaction it."""
        now = self.runtime.clock.now()
        inputs, path = snapshot.seen_by(self.runtime, stored.cache_state.model, now)
        others = snapshot.others(self.runtime, stored.cache_state.model, now)
        compaction = when.at_death(
            inputs,
            path=path,
            summary=snapshot.summary,
            cache_state=stored.cache_state,
            others=others,
            now=now,
        )
        if compaction is not None and not self.summarizer.rests(stored.owner_id, stored.thread_id):
            await self.summarizer.compact(stored.owner_id, stored.thread_id, leaf_id, compaction)

    async def _renew(self, stored: StoredCacheState, turn: turns.Turn, decision: Decision) -> bool:
        """Send the last request's prefix once more, asking for no answer. False when that was not possible."""
        body = await self._prefix(turn, decision)
        if body is None:
            return False
        started = self.runtime.clock.now()
        call_context = CallContext(owner_id=stored.owner_id, thread_id=stored.thread_id, purpose="keepalive")
        side = await touch(self.runtime, call_context, stored.cache_state.model, body)
        cache_state, cost = stored.cache_state, int(sum(row.cost or Decimal(0) for row in side.spent) * PICO)
        if side.ok:
            cache_state = after_keepalive(cache_state, started_at=started, head=decision.head, cost=cost)
        inputs = self.runtime.plan_inputs(cache_state.model, started, thread=stored.thread_id)
        next_at = keepalive.next_at(cache_state, inputs, after=started)

        async def write(connection: AsyncConnection) -> None:
            await cache_states.change(connection, stored, cache_state, next_at=next_at)
            await keepalive_cap.spend(connection, cost, started)
            await ledger.keep(connection, side.spent)

        await self.runtime.database.write(write)
        return True

    async def _prefix(self, turn: turns.Turn, decision: Decision) -> bytes | None:
        """The keep-alive for what a turn sent, rebuilt from its recipe; None when that cannot be done."""
        try:
            async with self.runtime.database.reading() as connection:
                sent = await replay(connection, turn)
        except CannotReplay:
            return None
        return request.build_keepalive(
            sent.recipe, sent.prompt, sent.window, summary=sent.summary, part=decision.part
        )

    async def _put(self, stored: StoredCacheState, next_at: int | None) -> None:
        await self.runtime.database.write(
            partial(cache_states.change, stored=stored, cache_state=stored.cache_state, next_at=next_at)
        )

    def _said(self, stored: StoredCacheState, now: int) -> Presence | None:
        said = self._presence.get((stored.owner_id, stored.thread_id))
        return said[0] if said is not None and now - said[1] < STALE else None
