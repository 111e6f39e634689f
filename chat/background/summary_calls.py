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
from context.compaction.answer import SummaryRejected, parse
from context.compaction.levels import Part, fits, members, next_segments, segment_of, thinned
from context.compaction.prompt import Ask, ask, ask_fork, ask_merge
from context.compaction.scope import Chunk, Compaction
from context.messages import Message
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

    async def segments(self, messages: Sequence[Message]) -> tuple[Segment, ...] | None:
        """The segments of the next summary; None when a chunk got no usable answer. A merge that gets none is left for the next time."""
        planned = self.compaction.summary
        new: list[Segment] = []
        for chunk in self.compaction.chunks:
            segment = await self._chunk(_between(messages, chunk), chunk)
            if segment is None:
                return None
            new.append(segment)
        merged = {part: segment for part in planned.merges if (segment := await self._merge(part, new))}
        segments = next_segments(planned, self.snapshot.summary, new, merged)
        if len(merged) < len(planned.merges) and self._overfull(segments):
            merged = {part: merged.get(part) or self._cut(part, new) for part in planned.merges}
            segments = next_segments(planned, self.snapshot.summary, new, merged)
        return segments

    async def _chunk(self, messages: Sequence[Message], chunk: Chunk) -> Segment | None:
        fork = self.compaction.summarizer == "fork"
        question = (ask_fork if fork else ask)(self.compaction, messages)
        lines = await self._lines(question, fork=fork)
        return None if lines is None else self._segment(lines, chunk.first_id, chunk.last_id)

    async def _merge(self, part: Part, new: Sequence[Segment]) -> Segment | None:
        """One segment of several: their lines as they are where they fit, or condensed; None when no usable answer came."""
        sources = members(part, self.snapshot.summary, new)
        known = _unique(sources)
        lines: tuple[Line, ...] | None = known
        if not fits(known, part.budget, self.runtime.sizes.count):
            pinned = tuple(line for line in known if line.pinned)
            lines = await self._lines(ask_merge(known, part.budget), pinned=pinned)
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

    async def _lines(
        self, question: Ask, *, fork: bool = False, pinned: Sequence[Line] = ()
    ) -> tuple[Line, ...] | None:
        """The lines of a usable answer; None when none came in a few tries."""
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
                return parse(completion.text, question, self.runtime.sizes.count, pinned=pinned)
            except SummaryRejected as problem:
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
