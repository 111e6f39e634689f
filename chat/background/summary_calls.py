"""The calls of one compaction: one for each chunk of messages, and one for each merge of segments."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from chat.background.compaction_claim import CompactionClaim
from chat.background.completion import complete
from chat.background.summary_request import summary_request
from chat.calls import ledger
from chat.calls.record import CallContext
from chat.planning.thread_snapshot import ThreadSnapshot
from chat.runtime.runtime import Runtime
from context.compaction.answer import SLACK, SummaryRejected, parse
from context.compaction.facts import budget_beside, changes_of, updated
from context.compaction.levels import Part, fits, members, next_segments, segment_of, thinned
from context.compaction.prompt import Ask, ask, ask_fork, ask_merge
from context.compaction.scope import Chunk, Compaction
from context.messages import Message
from context.request.key_facts import NONE, KeyFacts
from context.request.summary_blocks import Line, Segment

log = structlog.get_logger()

TRIES = 2  # answers a summarizer may give to one question
OVERFULL = 1.5  # budgets that segments may hold when merges failed; above, they are cut without a model


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryCalls:
    """Asks for the segments of the next summary."""

    runtime: Runtime
    snapshot: ThreadSnapshot
    compaction: Compaction
    claim: CompactionClaim

    async def content(self, messages: Sequence[Message]) -> tuple[tuple[Segment, ...], KeyFacts] | None:
        """The next summary's segments and key facts; None when a chunk got no usable answer. A merge that gets none is left for the next time."""
        new: list[Segment] = []
        known = self.snapshot.summary
        facts = NONE if known is None else known.facts
        for chunk in self.compaction.chunks:
            answer = await self._chunk(_between(messages, chunk), facts)
            if answer is None:
                return None
            lines, text, question = answer
            count, policy = self.runtime.sizes.count, self.runtime.deployment.policy
            segment = self._segment(lines, chunk.first_id, chunk.last_id)
            beside = (*(() if known is None else known.segments), *new, segment)
            budget = budget_beside(beside, policy)
            facts, left = updated(facts, changes_of(text, question), budget, count)
            room = question.budget * SLACK - sum(count(line.text) for line in lines)
            for line in left:  # a fact that has no room goes on as a line, as far as lines have
                room -= count(line.text)
                lines = (*lines, line) if room >= 0 else lines
            new.append(self._segment(lines, chunk.first_id, chunk.last_id))
        return await self._segments(new), facts

    async def _segments(self, new: Sequence[Segment]) -> tuple[Segment, ...]:
        planned = self.compaction.summary
        merged = {part: segment for part in planned.merges if (segment := await self._merge(part, new))}
        segments = next_segments(planned, self.snapshot.summary, new, merged)
        if len(merged) < len(planned.merges) and self._overfull(segments):
            merged = {part: merged.get(part) or self._cut(part, new) for part in planned.merges}
            segments = next_segments(planned, self.snapshot.summary, new, merged)
        return segments

    async def _chunk(
        self, messages: Sequence[Message], facts: KeyFacts
    ) -> tuple[tuple[Line, ...], str, Ask] | None:
        """The lines of one chunk, the answer they stand in, and what was asked."""
        fork = self.compaction.summarizer == "fork"
        question = (ask_fork if fork else ask)(self.compaction, messages, facts)
        answer = await self._answer(question, fork=fork)
        if answer is None:
            return None
        return (*answer, question)

    async def _merge(self, part: Part, new: Sequence[Segment]) -> Segment | None:
        """One segment of several: their lines as they are where they fit, or condensed; None when no usable answer came."""
        sources = members(part, self.snapshot.summary, new)
        known = _unique(sources)
        lines: tuple[Line, ...] | None = known
        if not fits(known, part.budget, self.runtime.sizes.count):
            pinned = tuple(line for line in known if line.pinned)
            answer = await self._answer(ask_merge(known, part.budget), pinned=pinned)
            lines = None if answer is None else answer[0]
        if lines is None:
            log.info("summary.merge_failed", thread_id=self.snapshot.thread_id, level=part.level)
            return None
        return self._segment(lines, sources[0].first_id, sources[-1].last_id, level=part.level)

    def _cut(self, part: Part, new: Sequence[Segment]) -> Segment:
        """One segment of several without a model: the summary must not grow without end while merges fail."""
        sources = members(part, self.snapshot.summary, new)
        lines = thinned(_unique(sources), part.budget, self.runtime.sizes.count)
        return self._segment(lines, sources[0].first_id, sources[-1].last_id, level=part.level)

    def _overfull(self, segments: Sequence[Segment]) -> bool:
        lines = [line for segment in segments for line in segment.lines]
        budget = self.runtime.deployment.policy.summary_budget
        return not fits(lines, round(OVERFULL * budget), self.runtime.sizes.count)

    def _segment(self, lines: Sequence[Line], first_id: str, last_id: str, *, level: int = 0) -> Segment:
        return segment_of(
            lines,
            first_id,
            last_id,
            self.runtime.sizes.count,
            id=self.runtime.clock.new_id("seg"),
            level=level,
        )

    async def _answer(
        self, question: Ask, *, fork: bool = False, pinned: Sequence[Line] = ()
    ) -> tuple[tuple[Line, ...], str] | None:
        """The lines of a usable answer, and the answer; None when none came in a few tries."""
        call_context = CallContext(
            owner_id=self.snapshot.owner_id, thread_id=self.snapshot.thread_id, purpose="summary"
        )
        model = self.compaction.model if fork else self.runtime.deployment.tiers["simple"]
        for _ in range(TRIES):
            if not await self.claim.extend():
                return None
            body = await summary_request(self.runtime, self.snapshot, question, model, fork=fork)
            if body is None:
                return None
            completion = await complete(self.runtime, call_context, model, body)
            await self.runtime.database.write(partial(ledger.keep, rows=completion.spent))
            if not completion.ok:
                continue
            try:
                lines = parse(completion.text, question, self.runtime.sizes.count, pinned=pinned)
                return lines, completion.text
            except SummaryRejected as problem:
                facts = [change for change in changes_of(completion.text, question) if not change.removes]
                if facts:  # all that mattered was in key facts
                    lines = tuple(
                        Line(text=change.fact.text, sources=change.fact.sources) for change in facts
                    )
                    return (*pinned, *lines), completion.text
                log.info("summary.rejected", reason=str(problem), thread_id=self.snapshot.thread_id)
        return None


def _unique(segments: Sequence[Segment]) -> tuple[Line, ...]:
    """The lines of segments in their order, each text once."""
    lines: dict[str, Line] = {}
    for segment in segments:
        for line in segment.lines:
            if line.text not in lines or line.pinned:
                lines[line.text] = line
    return tuple(lines.values())


def _between(messages: Sequence[Message], chunk: Chunk) -> Sequence[Message]:
    ids = [message.id for message in messages]
    return messages[ids.index(chunk.first_id) : ids.index(chunk.last_id) + 1]
