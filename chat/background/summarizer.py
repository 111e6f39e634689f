"""Compaction: old messages of a branch become part of its summary, behind a turn or while the thread rests.

    stand ....... read all of the branch that has no summary yet (a thread whose compactions kept failing, or an import, may have much)
    ask ......... one summarizer call per chunk, validated; a bad answer is asked for once more, then the compaction is given up
    swap ........ the new version is stored; the next plan finds it. A turn that runs meanwhile is not touched.

A compaction that fails changes nothing: the window stays, and the next turn finds the compaction due again.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from chat.background.completion import Completion, completion_request, say
from chat.calls import ledger
from chat.calls.record import CallContext
from chat.planning.planner import user_ref
from chat.planning.replay import CannotReplay, replay
from chat.planning.thread_snapshot import ThreadSnapshot, load
from chat.runtime.runtime import Runtime
from context.compaction.prompt import Ask, SummaryRejected, ask, ask_fork, climb, parse, pinned_lines
from context.compaction.scope import Chunk, Compaction, compaction_range
from context.messages import Message
from context.request import request
from context.request.summary_blocks import Line, Segment, Summary
from context.request.window import floor_index
from store import messages, prompts, summaries, turns

log = structlog.get_logger()

FIRST_REST, LONGEST_REST = (
    300_000,
    21_600_000,
)  # milliseconds after a failed compaction; doubles with each further one
BY_HAND = "asked for by hand"
TRIES = 2  # answers a summarizer may give to one question


# How an attempt to compaction ended: `nothing` was there to compaction; another compaction of the thread is `busy`; the window or the summary has
# `moved` since it was planned; somebody took this summary back, and it is not made again the next moment; no usable summary came.
Ended = Literal["compacted", "nothing", "busy", "moved", "taken_back", "given_up"]


@dataclass(slots=True, kw_only=True)
class Summarizer:
    """Carries out compactions, at most one for each thread at a time."""

    runtime: Runtime
    _busy: set[tuple[str, str]] = field(default_factory=set)
    _failed: dict[tuple[str, str], tuple[int, int]] = field(
        default_factory=dict
    )  # times in a row, and rest until

    def rests(self, owner_id: str, thread_id: str) -> bool:
        """Whether compacting a thread has failed and is not to be tried again yet."""
        return self._failed.get((owner_id, thread_id), (0, 0))[1] > self.runtime.clock.now()

    async def compact(self, owner_id: str, thread_id: str, leaf_id: str, wanted: Compaction) -> Ended:
        """Carry out a compaction of the branch that ends at `leaf_id`."""
        key = (owner_id, thread_id)
        if key in self._busy:
            return "busy"
        self._busy.add(key)
        try:
            return await self._compact(owner_id, thread_id, leaf_id, wanted)
        finally:
            self._busy.discard(key)

    async def compact_now(self, owner_id: str, thread_id: str, leaf_id: str, model_id: str) -> Ended:
        """Compact all but the newest messages of a branch because somebody asks for it."""
        now = self.runtime.clock.now()
        async with self.runtime.database.reading() as connection:
            snapshot = await load(connection, owner_id, thread_id, leaf_id, tokens=None)
        inputs, path = snapshot.seen_by(self.runtime, model_id, now)
        floor = floor_index(path, inputs.policy.floor_messages - 1, inputs.policy)
        if not floor:
            return "nothing"
        compaction = compaction_range(
            inputs, messages=path[:floor], summary=snapshot.summary, kind="cold", reason="asked for by hand"
        )
        return await self.compact(owner_id, thread_id, leaf_id, compaction)

    async def _compact(self, owner_id: str, thread_id: str, leaf_id: str, wanted: Compaction) -> Ended:
        async with self.runtime.database.reading() as connection:
            snapshot = await load(connection, owner_id, thread_id, leaf_id, tokens=None)
        ids = [message.id for message in snapshot.path]
        base = None if snapshot.summary is None else snapshot.summary.upto_id
        if wanted.last_id not in ids or base != wanted.after_id:
            return "moved"
        compacted = snapshot.path[: ids.index(wanted.last_id) + 1]
        if wanted.reason != BY_HAND and wanted.kind != "overdue":
            async with self.runtime.database.reading() as connection:
                undone = await summaries.undone_upto(connection, owner_id, thread_id)
            if (
                undone is not None
                and compacted[-1].depth <= undone + self.runtime.deployment.policy.floor_messages
            ):
                return "taken_back"
        compaction = wanted
        known = () if snapshot.summary is None else snapshot.summary.segments
        named = {*wanted.summary.keep, *wanted.summary.merge}
        if compacted[0].id != wanted.first_id or named != {segment.id for segment in known}:
            # More to compaction than was planned with, or a summary that was edited since: decide anew what becomes of it.
            compaction = self._whole(snapshot, compacted, wanted)
        lines, asked = await self._lines(snapshot, compaction, compacted)
        if lines is None or asked is None:
            self._rest(snapshot)
            log.warning(
                "a fold was given up; the window stays as it is", thread_id=thread_id, messages=len(compacted)
            )
            return "given_up"
        segments = climb(
            compaction, snapshot.summary, lines, self.runtime.sizes.count, id=self.runtime.clock.new_id("seg")
        )
        return await self._swap(snapshot, compaction, compacted[-1], segments, asked)

    def _rest(self, snapshot: ThreadSnapshot) -> None:
        """After a failure leave the thread alone for a while, longer each time."""
        key = (snapshot.owner_id, snapshot.thread_id)
        times = self._failed.get(key, (0, 0))[0] + 1
        self._failed[key] = (
            times,
            self.runtime.clock.now() + min(LONGEST_REST, FIRST_REST * 2 ** (times - 1)),
        )
        while len(self._failed) > 10_000:
            self._failed.pop(next(iter(self._failed)))

    def _whole(
        self, snapshot: ThreadSnapshot, compacted: tuple[Message, ...], wanted: Compaction
    ) -> Compaction:
        """The same compaction of what there is now: from the oldest message that has no summary, into the summary as it stands."""
        model = wanted.model if wanted.summarizer == "fork" else self.runtime.deployment.tiers["simple"]
        inputs, sized = snapshot.seen_by(self.runtime, model, self.runtime.clock.now())
        return compaction_range(
            inputs,
            messages=sized[: len(compacted)],
            summary=snapshot.summary,
            kind=wanted.kind,
            reason=wanted.reason,
            leaf_id=wanted.leaf_id,
        )

    async def _lines(
        self, snapshot: ThreadSnapshot, compaction: Compaction, compacted: tuple[Message, ...]
    ) -> tuple[tuple[Line, ...] | None, Ask | None]:
        """The lines of the new segment: chunk after chunk, each condensing what the one before left."""
        pinned = pinned_lines(compaction, snapshot.summary)
        earlier: tuple[Line, ...] = ()
        asked: Ask | None = None
        for number, chunk in enumerate(compaction.chunks):
            summary = snapshot.summary if number == 0 else None
            between = _between(compacted, chunk)
            forked = compaction.summarizer == "fork"
            asked = (
                ask_fork(compaction, between, summary)
                if forked
                else ask(compaction, between, summary, earlier)
            )
            last = number == len(compaction.chunks) - 1
            answer = await self._asked(snapshot, compaction, asked, pinned if last else ())
            if answer is None:
                return None, None
            earlier = answer
        return earlier, asked

    async def _asked(
        self, snapshot: ThreadSnapshot, compaction: Compaction, asked: Ask, pinned: tuple[Line, ...]
    ) -> tuple[Line, ...] | None:
        call_context = CallContext(
            owner_id=snapshot.owner_id, thread_id=snapshot.thread_id, purpose="summary"
        )
        model = (
            self.runtime.deployment.tiers["simple"] if compaction.summarizer == "cheap" else compaction.model
        )
        for _ in range(TRIES):
            body = await self._body(snapshot, compaction, asked, model)
            if body is None:
                return None
            side: Completion = await say(self.runtime, call_context, model, body)
            await self.runtime.database.write(partial(ledger.keep, rows=side.spent))
            if not side.ok:
                continue
            try:
                return parse(side.text, asked, self.runtime.sizes.count, pinned=pinned)
            except SummaryRejected as problem:
                log.info("a summary was not usable", reason=str(problem))
        return None

    async def _body(
        self, snapshot: ThreadSnapshot, compaction: Compaction, asked: Ask, model: str
    ) -> bytes | None:
        """The summarizer's request: of its own, or one more question behind the prefix that the model has just read."""
        if compaction.summarizer == "cheap":
            return completion_request(
                model,
                asked.system.text,
                asked.text,
                max_tokens=self._room(model, asked),
                user_ref=None if self.runtime.deployment.backend == "local" else user_ref(snapshot.owner_id),
            )
        answer = snapshot.path[-1]
        try:
            async with self.runtime.database.reading() as connection:
                stored = await messages.get(connection, snapshot.owner_id, answer.id)
                turn = (
                    None if stored is None else await turns.get(connection, snapshot.owner_id, stored.turn_id)
                )
                if turn is None or turn.message_id != answer.id:
                    return None
                sent = await replay(connection, turn)
        except CannotReplay:
            return None
        return request.build_fork(
            sent.recipe,
            sent.prompt,
            sent.window,
            answer=answer,
            instruction=asked.text,
            max_tokens=self._room(model, asked),
            summary=sent.summary,
        )

    def _room(self, model: str, asked: Ask) -> int:
        """Output tokens for a summary: its budget, and room to think where the model does."""
        known = self.runtime.deployment.models[model]
        thinking = 4_000 if known.thinking == "adaptive" else 0
        return min(asked.max_tokens + thinking, known.max_output)

    async def _swap(
        self,
        snapshot: ThreadSnapshot,
        compaction: Compaction,
        last: Message,
        segments: tuple[Segment, ...],
        asked: Ask,
    ) -> Ended:
        summary_id = self.runtime.clock.new_id("sum")
        base: Summary | None = snapshot.summary

        async def write(connection: AsyncConnection) -> bool:
            if base is not None:
                known = await summaries.get(connection, snapshot.owner_id, base.id)
                if known is None or not known.active:
                    return False  # somebody edited or undid it meanwhile: their word counts
            await prompts.keep(connection, asked.system)
            await summaries.add(
                connection,
                snapshot.owner_id,
                snapshot.thread_id,
                id=summary_id,
                upto_message_id=last.id,
                upto_depth=last.depth,
                leaf_id=compaction.leaf_id,
                segments=segments,
                based_on=None if base is None else base.id,
                origin="model",
                prompt_digest=asked.system.digest,
                now=self.runtime.clock.now(),
            )
            return True

        if not await self.runtime.database.write(write):
            return "moved"
        self._failed.pop((snapshot.owner_id, snapshot.thread_id), None)
        log.info(
            "compacted",
            thread_id=snapshot.thread_id,
            tokens=compaction.tokens,
            kind=compaction.kind,
            reason=compaction.reason,
        )
        return "compacted"


def _between(messages: tuple[Message, ...], chunk: Chunk) -> tuple[Message, ...]:
    ids = [message.id for message in messages]
    return messages[ids.index(chunk.first_id) : ids.index(chunk.last_id) + 1]
