"""Decide which background jobs follow a turn: its title while it runs; compaction, vectors and cache misses when it has ended."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from chat.background import jobs
from chat.background.scheduler import Scheduler
from chat.background.summarizer import Summarizer
from chat.background.titles import write_title
from chat.planning.model_branches import ModelBranches
from chat.planning.thread_snapshot import ThreadSnapshot, load
from chat.turns.cache_miss import explain, notice
from chat.turns.turn_work import TurnWork
from context.compaction.when import after_turn
from context.planning.planned import Plan
from context.request.window import spoken


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterTurn:
    """Starts the jobs that a turn leads to. None of them is waited for."""

    scheduler: Scheduler
    summarizer: Summarizer

    def turn_started(self, work: TurnWork, *, untitled: bool) -> None:
        """Start what can be done while the answer is on its way: the title of a thread that has none."""
        if untitled and work.runtime.deployment.model_titles:
            self._start(
                jobs.TITLE,
                work,
                partial(
                    write_title,
                    work.turn,
                    work.call_context,
                    runtime=work.runtime,
                    journal=work.journal,
                ),
            )

    def turn_cancelled(self, work: TurnWork) -> None:
        """End what was started for an answer that nobody wants any more."""
        self.scheduler.cancel(jobs.TITLE, work.turn.id)

    def turn_ended(self, work: TurnWork) -> None:
        """Start what the ended turn has made due."""
        turn = work.turn
        if work.plan is not None and not self.summarizer.rests(turn.owner_id, turn.thread_id):
            self._start(jobs.COMPACTION, work, partial(self._compact_if_due, work, work.plan))
        embeddings = work.runtime.embeddings
        if embeddings is not None:
            catch_up = partial(
                embeddings.catch_up,
                turn.owner_id,
                turn.thread_id,
                stopping=lambda: self.scheduler.stopping,
            )
            self._start(jobs.EMBEDDING, work, catch_up)
        if notice(work) is not None:
            self._start(jobs.CACHE_MISS, work, partial(explain, work))

    def _start(self, job: jobs.Job, work: TurnWork, run: Callable[[], Awaitable[object]]) -> None:
        self.scheduler.start(job, run, turn_id=work.turn.id, thread_id=work.turn.thread_id)

    async def _compact_if_due(self, work: TurnWork, plan: Plan) -> None:
        """Compact what the turn found due, or what it would now cost more to keep than to compact."""
        turn, runtime = work.turn, work.runtime
        snapshot = await self._snapshot(work)
        if snapshot is None or not snapshot.path:
            return  # the thread was deleted, or is being compacted
        branches = ModelBranches(runtime=runtime, snapshot=snapshot, now=runtime.clock.now())
        inputs, branch = branches.of(plan.recipe.model)
        compaction = after_turn(inputs, branch, undone=plan.compaction)
        if compaction is not None:
            await self.summarizer.compact(turn.owner_id, turn.thread_id, turn.message_id, compaction)

    async def _snapshot(self, work: TurnWork) -> ThreadSnapshot | None:
        """The thread after the turn with all messages that no summary covers; None while they are being compacted.

        Reads the store only when these are more than a window, as after an import.
        """
        turn, snapshot = work.turn, work.snapshot_after
        if snapshot is not None and snapshot.whole:
            await work.runtime.sizes.prepare([spoken(snapshot.path[-1])], work.runtime.deployment.models)
            return snapshot
        if self.summarizer.is_compacting(turn.owner_id, turn.thread_id):
            return None
        return await load(work.runtime, turn.owner_id, turn.thread_id, turn.message_id, tokens=None)
