"""Compaction: move the oldest window messages of a branch into its next summary.

    load ........ read all of the branch that has no summary yet (much, after an import or after compactions that kept failing)
    summarize ... one summarizer call per chunk, validated; a bad answer is asked for once more, then the compaction is given up;
                  one per merge of older segments: where that fails they stay as they are until the next compaction
    store ....... the new version is stored, and the next plan finds it; a turn that runs meanwhile is not touched

A compaction that fails changes nothing: the window stays, and the next turn finds the compaction due again.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import structlog
from sqlalchemy import Connection

from chat.background.compaction_claim import CompactionClaim, claiming
from chat.background.jobs import PATIENCE
from chat.background.summary_calls import SummaryCalls
from chat.planning.model_branches import ModelBranches
from chat.planning.thread_snapshot import ThreadSnapshot, load
from chat.runtime.runtime import Runtime
from chat.webhooks import outbox
from context.cache.floor import floor_of
from context.compaction.prompt import SUMMARY
from context.compaction.scope import Compaction, compaction_range
from context.messages import Message
from context.request.key_facts import KeyFacts
from context.request.shorten import shorten
from context.request.shortened import whole
from context.request.summary_blocks import Segment, Summary
from store import messages, prompts, summaries, threads, webhook_deliveries
from store.database import database_patience
from store.webhook_deliveries import NewDelivery

log = structlog.get_logger()

FIRST_PAUSE, LONGEST_PAUSE = (
    300_000,
    21_600_000,
)  # milliseconds after a failed compaction; doubles with each further one
MOST_PAUSED = 10_000  # threads whose failures are remembered

Ended = Literal["compacted", "nothing", "busy", "moved", "taken_back", "given_up"]
"""How a compaction ended. `nothing`: no message is old enough; `busy`: the thread is being compacted; `moved`: the window or the
summary has changed since it was planned; `taken_back`: somebody undid this summary, and it is not made again at once; `given_up`: no
usable summary came."""


@dataclass(slots=True, kw_only=True)
class Summarizer:
    """Carries out compactions, at most one of a thread at a time, over all replicas."""

    runtime: Runtime
    _busy: set[tuple[str, str]] = field(default_factory=set)
    _failed: dict[tuple[str, str], tuple[int, int]] = field(
        default_factory=dict
    )  # times in a row, rests until

    def rests(self, owner_id: str, thread_id: str) -> bool:
        """Whether compacting a thread has failed so recently that it is not tried again yet."""
        return self._failed.get((owner_id, thread_id), (0, 0))[1] > self.runtime.clock.now()

    def is_compacting(self, owner_id: str, thread_id: str) -> bool:
        """Whether this process is compacting a thread."""
        return (owner_id, thread_id) in self._busy

    async def compact(
        self,
        owner_id: str,
        thread_id: str,
        leaf_id: str,
        compaction: Compaction,
    ) -> Ended:
        """Carry out a compaction of the branch that ends at `leaf_id`."""
        key = (owner_id, thread_id)
        if key in self._busy:
            return "busy"
        self._busy.add(key)
        try:
            with database_patience(PATIENCE):
                async with claiming(self.runtime, owner_id, thread_id) as claim:
                    if claim is None:
                        return "busy"
                    snapshot = await load(self.runtime, owner_id, thread_id, leaf_id, tokens=None)
                    return await self._compact(snapshot, compaction, claim)
        except asyncio.CancelledError:
            self._rest(key)  # it took too long, and would again
            raise
        finally:
            self._busy.discard(key)

    async def compact_now(self, owner_id: str, thread_id: str, leaf_id: str, model_id: str) -> Ended:
        """Compact all but the newest messages of a branch because a person asks for it."""
        now = self.runtime.clock.now()
        snapshot = await load(self.runtime, owner_id, thread_id, leaf_id, tokens=None)
        inputs, branch = ModelBranches(runtime=self.runtime, snapshot=snapshot, now=now).of(model_id)
        limits = floor_of(inputs, branch, to_come=1)
        floor = limits.index(branch.path)
        if not floor:
            return "nothing"
        compaction = compaction_range(
            inputs,
            messages=branch.path[:floor],
            summary=snapshot.summary,
            kind="requested",
            reason="requested by a person",
            shortened=shorten(branch.path[floor:], limits, inputs.policy),
        )
        return await self.compact(owner_id, thread_id, leaf_id, compaction)

    async def _compact(self, snapshot: ThreadSnapshot, planned: Compaction, claim: CompactionClaim) -> Ended:
        ids = [message.id for message in snapshot.path]
        base = None if snapshot.summary is None else snapshot.summary.upto_id
        if planned.last_id not in ids or base != planned.after_id:
            return "moved"
        messages = tuple(map(whole, snapshot.path[: ids.index(planned.last_id) + 1]))
        required = planned.kind in ("requested", "overdue")
        if not required and await self._was_undone(snapshot, ids, messages[-1]):
            return "taken_back"
        compaction = self._as_of_now(snapshot, messages, planned)
        calls = SummaryCalls(runtime=self.runtime, snapshot=snapshot, compaction=compaction, claim=claim)
        content = await calls.content(messages)
        if content is None:
            self._rest((snapshot.owner_id, snapshot.thread_id))
            log.warning("compaction.given_up", thread_id=snapshot.thread_id, messages=len(messages))
            return "given_up"
        return await self._store(snapshot, compaction, messages[-1], content, claim)

    async def _was_undone(self, snapshot: ThreadSnapshot, ids: Sequence[str], last: Message) -> bool:
        """Whether somebody undid a summary that reached about as far as this message. `ids`: the messages behind the summary."""
        undone = await self.runtime.database.read(
            partial(summaries.undone, owner_id=snapshot.owner_id, thread_id=snapshot.thread_id)
        )
        floor = self.runtime.deployment.policy.floor_messages
        return any(last.depth <= undone[message_id] + floor for message_id in undone.keys() & set(ids))

    def _rest(self, key: tuple[str, str]) -> None:
        """After a failure leave the thread alone for a while, longer each time."""
        times = self._failed.get(key, (0, 0))[0] + 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (times - 1))
        self._failed[key] = (times, self.runtime.clock.now() + pause)
        while len(self._failed) > MOST_PAUSED:
            self._failed.pop(next(iter(self._failed)))

    def _as_of_now(
        self, snapshot: ThreadSnapshot, messages: tuple[Message, ...], planned: Compaction
    ) -> Compaction:
        """The planned compaction; decided anew when there is more to compact, or when the summary was edited since."""
        segments = () if snapshot.summary is None else snapshot.summary.segments
        named = {*planned.summary.keep, *planned.summary.merge}
        if messages[0].id == planned.first_id and named == {segment.id for segment in segments}:
            return planned
        model = planned.model if planned.summarizer == "fork" else self.runtime.deployment.tiers["simple"]
        now = self.runtime.clock.now()
        inputs, sized = ModelBranches(runtime=self.runtime, snapshot=snapshot, now=now).seen_by(model)
        return compaction_range(
            inputs,
            messages=sized[: len(messages)],
            summary=snapshot.summary,
            kind=planned.kind,
            reason=planned.reason,
            leaf_id=planned.leaf_id,
            shortened=planned.shortened,
        )

    async def _store(
        self,
        snapshot: ThreadSnapshot,
        compaction: Compaction,
        last: Message,
        content: tuple[tuple[Segment, ...], KeyFacts],
        claim: CompactionClaim,
    ) -> Ended:
        segments, facts = content
        base: Summary | None = snapshot.summary
        summary = summaries.NewSummary(
            id=self.runtime.clock.new_id("sum"),
            upto_message_id=last.id,
            upto_depth=last.depth,
            leaf_id=compaction.leaf_id,
            segments=segments,
            facts=facts,
            shortened=compaction.shortened,
            based_on=None if base is None else base.id,
            origin="model",
            prompt_digest=SUMMARY.digest,
            created_at=self.runtime.clock.now(),
        )

        reported = self._reported(snapshot, summary, compaction)

        def write(connection: Connection) -> bool:
            threads.lock(connection, snapshot.owner_id, snapshot.thread_id)
            if summaries.get(connection, snapshot.owner_id, summary.id) is not None:
                return True  # an earlier COMMIT succeeded and its answer was lost
            if not claim.extend_within(connection):
                return False  # it has expired, and another replica compacts the thread, or has done so
            stored = messages.get(connection, snapshot.owner_id, last.id, thread_id=snapshot.thread_id)
            if stored is None or stored.message != last:
                return False  # the thread was deleted, and perhaps another one has its id now
            if base is not None:
                current = summaries.get(connection, snapshot.owner_id, base.id)
                if current is None or not current.active:
                    return False  # somebody edited or undid it meanwhile, and that counts
            prompts.keep(connection, SUMMARY)
            summaries.add(connection, snapshot.owner_id, snapshot.thread_id, summary)
            webhook_deliveries.add(connection, reported)
            return True

        if not await self.runtime.database.write(write):
            return "moved"
        self._failed.pop((snapshot.owner_id, snapshot.thread_id), None)
        log.info(
            "compaction.done",
            thread_id=snapshot.thread_id,
            tokens=compaction.tokens,
            kind=compaction.kind,
            reason=compaction.reason,
        )
        return "compacted"

    def _reported(
        self, snapshot: ThreadSnapshot, summary: summaries.NewSummary, compaction: Compaction
    ) -> list[NewDelivery]:
        """What webhooks are sent of a new summary."""
        data = {
            "user": snapshot.owner_id,
            "thread_id": snapshot.thread_id,
            "summary_id": summary.id,
            "upto_message_id": summary.upto_message_id,
            "leaf_id": summary.leaf_id,
            "tokens": compaction.tokens,
            "kind": compaction.kind,
        }
        runtime = self.runtime
        return outbox.deliveries(runtime.deployment.webhooks, runtime.clock, "thread.compacted", data)
