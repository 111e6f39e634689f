"""Keep-alives: renew a cached prefix while nobody writes, where that is worth its price, and compact a thread whose cache has expired.

What is due is always derived from the rows of the cache states, so a restart forgets nothing and several replicas share the work:
whoever claims a due cache state first has it.
"""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial

import structlog
from cachetools import LRUCache
from sqlalchemy import Connection

from chat.background import jobs, keepalive_cap
from chat.background.completion import touch
from chat.background.keepalive_cap import KeepaliveCap
from chat.background.scheduler import Scheduler
from chat.background.summarizer import Summarizer
from chat.calls import ledger
from chat.calls.record import CallContext
from chat.planning.model_branches import ModelBranches
from chat.planning.replay import CannotReplay, replay
from chat.planning.thread_snapshot import ThreadSnapshot, load
from chat.runtime.runtime import Runtime
from context.cache import keepalive
from context.cache.cache_state_update import after_keepalive
from context.cache.idle_gaps import Presence
from context.cache.keepalive import Decision
from context.cache.plan_inputs import BranchState, PlanInputs
from context.compaction import when
from context.models.pricing import PICO
from context.request import request
from store import cache_states, threads, turns
from store.cache_states import StoredCacheState
from store.ledger import entries
from store.threads import Thread
from store.turns import Turn

log = structlog.get_logger()

CLAIM = (
    180_000  # milliseconds a claimed cache state is left to whoever claimed it: longer than a job's deadline
)
STALE = 900_000  # milliseconds after which what a page reported of itself no longer counts
MOST_PRESENCES = (
    10_000  # threads whose presence is remembered, half a kilobyte each: those that reported last
)


@dataclass(slots=True, kw_only=True)
class Keepalives:
    """Looks after idle cache states. `enabled`: whether prefixes are renewed; threads are compacted either way."""

    runtime: Runtime
    scheduler: Scheduler
    summarizer: Summarizer
    enabled: bool
    keepalive_cap: KeepaliveCap
    _presences: LRUCache[tuple[str, str], tuple[Presence, int]] = field(
        default_factory=lambda: LRUCache(MOST_PRESENCES)
    )

    def report_presence(self, owner_id: str, thread_id: str, presence: Presence) -> None:
        """Remember whether the page that shows a thread is visible, open, or gone."""
        self._presences[(owner_id, thread_id)] = (presence, self.runtime.clock.now())

    async def start_due(self) -> None:
        """Start a job for each cache state that is due and that nobody else has claimed."""
        now, free = self.runtime.clock.now(), self.scheduler.free(jobs.KEEPALIVE)
        if free < 1:
            return  # what is due stays due
        due = await self.runtime.database.read(partial(cache_states.due, now=now, limit=free))
        for stored in due:
            claim = partial(cache_states.claim, stored=stored, next_at=now + CLAIM)
            if await self.runtime.database.write(claim):
                self.scheduler.start(
                    jobs.KEEPALIVE,
                    partial(self._look_after, stored),
                    thread_id=stored.thread_id,
                    model=stored.cache_state.model,
                )

    async def _look_after(self, stored: StoredCacheState) -> None:
        """Decide about one cache state, and do it."""

        def read(connection: Connection) -> tuple[Thread | None, Turn | None]:
            return (
                threads.get(connection, stored.owner_id, stored.thread_id),
                turns.get(connection, stored.owner_id, stored.turn_id),
            )

        thread, turn = await self.runtime.database.read(read)
        if thread is None or turn is None or thread.leaf_id is None or thread.running_turn_id is not None:
            return  # a running turn will set the cache state's next time itself
        snapshot = await load(
            self.runtime,
            stored.owner_id,
            stored.thread_id,
            thread.leaf_id,
            tokens=self.runtime.deployment.policy.window_cap,
        )
        cache_state, now = stored.cache_state, self.runtime.clock.now()
        if cache_state.model not in snapshot.cache_states:
            return  # the thread was deleted between the two reads
        if cache_state.model not in self.runtime.deployment.models:
            await self._put(stored, None)
            return
        if cache_state.window_ttl != "none" and now >= cache_state.alive_until:
            self._compact(stored, snapshot, thread.leaf_id, now)
        decision = self._decide(stored, snapshot, thread, now)
        if not decision.send or not _extends(turn, snapshot, decision):
            log.debug("keepalive.not_sent", reason=decision.reason, model=cache_state.model)
        elif await self._renew(stored, turn, decision):
            return
        inputs, _ = ModelBranches(runtime=self.runtime, snapshot=snapshot, now=now).seen_by(cache_state.model)
        await self._put(stored, keepalive.next_at(cache_state, inputs, after=now))

    def _decide(
        self, stored: StoredCacheState, snapshot: ThreadSnapshot, thread: Thread, now: int
    ) -> Decision:
        """Whether to renew the cached prefix, and how much of it."""
        inputs, branch = self._branch(stored, snapshot, now)
        return keepalive.decide(
            inputs,
            branch,
            presence=self._presence(stored, now),
            closed=thread.archived_at is not None or not self.enabled,
        )

    def _compact(self, stored: StoredCacheState, snapshot: ThreadSnapshot, leaf_id: str, now: int) -> None:
        """Start compacting a thread whose window has left the cache: a good moment, for nobody waits."""
        inputs, branch = self._branch(stored, snapshot, now)
        compaction = when.at_death(inputs, branch)
        if compaction is not None and not self.summarizer.rests(stored.owner_id, stored.thread_id):
            self.scheduler.start(
                jobs.COMPACTION,
                partial(self.summarizer.compact, stored.owner_id, stored.thread_id, leaf_id, compaction),
                thread_id=stored.thread_id,
            )

    def _branch(
        self, stored: StoredCacheState, snapshot: ThreadSnapshot, now: int
    ) -> tuple[PlanInputs, BranchState]:
        """The plan inputs for the cache state's model, and the branch as it stands for that model."""
        branches = ModelBranches(runtime=self.runtime, snapshot=snapshot, now=now)
        inputs, branch = branches.of(stored.cache_state.model)
        return inputs, replace(branch, cache_state=stored.cache_state)

    async def _renew(self, stored: StoredCacheState, turn: Turn, decision: Decision) -> bool:
        """Send the last request's prefix once more, asking for no answer. False when it cannot be rebuilt, or is refused by a cap."""
        body = await self._prefix(turn, decision)
        if body is None:
            return False
        started = self.runtime.clock.now()
        reserve = partial(
            keepalive_cap.reserve,
            stored=stored,
            cost=decision.cost,
            cap=self.keepalive_cap,
            now=started,
            next_at=started + CLAIM,
        )
        refusal = await self.runtime.database.write(reserve)
        if refusal is not None:
            log.info("keepalive.capped", reason=refusal, model=stored.cache_state.model)
            return False
        call_context = CallContext(owner_id=stored.owner_id, thread_id=stored.thread_id, purpose="keepalive")
        completion = await touch(self.runtime, call_context, stored.cache_state.model, body)
        cost = int(sum(row.cost or Decimal(0) for row in completion.spent) * PICO)
        cache_state = stored.cache_state
        if completion.ok:
            cache_state = after_keepalive(cache_state, started_at=started, head=decision.head, cost=cost)
        inputs = self.runtime.plan_inputs(cache_state.model, started, thread=stored.thread_id)
        next_at = keepalive.next_at(cache_state, inputs, after=started)

        def write(connection: Connection) -> None:
            if entries.hold(connection, completion.spent):
                return  # an earlier COMMIT succeeded and its answer was lost: the price is counted once
            cache_states.change(connection, stored, cache_state, next_at=next_at)
            keepalive_cap.settle(connection, reserved=decision.cost, cost=cost, reserved_at=started)
            ledger.keep(connection, completion.spent)

        await self.runtime.database.write(write)
        return True

    async def _prefix(self, turn: Turn, decision: Decision) -> bytes | None:
        """The keep-alive for what a turn sent, rebuilt from its recipe; None when that cannot be done."""
        try:
            sent = await self.runtime.database.read(partial(replay, turn=turn))
        except CannotReplay:
            return None
        return request.build_keepalive(
            sent.recipe,
            sent.prompt,
            sent.window,
            instructions=sent.instructions,
            summary=sent.summary,
            part=decision.part,
        )

    async def _put(self, stored: StoredCacheState, next_at: int | None) -> None:
        """Store when the cache state wants attention next."""
        await self.runtime.database.write(
            partial(cache_states.change, stored=stored, cache_state=stored.cache_state, next_at=next_at)
        )

    def _presence(self, stored: StoredCacheState, now: int) -> Presence | None:
        report = self._presences.get((stored.owner_id, stored.thread_id))
        return report[0] if report is not None and now - report[1] < STALE else None


def _extends(turn: Turn, snapshot: ThreadSnapshot, decision: Decision) -> bool:
    """Whether the next request will begin with what this turn sent, as far as it is to be renewed."""
    return decision.part != "window" or any(message.id == turn.user_message_id for message in snapshot.path)
