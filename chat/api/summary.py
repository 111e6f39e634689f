"""The summary of a thread's visible branch: read, edit and pin lines and key facts, undo, compact now."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from chat.api.body import read
from chat.api.deps import get_thread, json_response, owner
from chat.api.endpoint import Endpoint, Resource, path_id
from chat.api.schemas.summary import SummaryEdit, SummaryOut
from chat.api.serialize import summary_out
from chat.errors import BadRequest, NotFound, ThreadBusy, Unavailable
from chat.planning.thread_snapshot import load
from context.compaction.facts import edited as edited_facts
from context.request.key_facts import KeyFact, KeyFacts
from context.request.summary_blocks import Line, Segment
from store import summaries, threads
from store.summaries import SummaryVersion

MAX_PINNED = 4_000  # tokens of pinned lines and key facts: every request carries them, and compaction never shortens them


class Summaries(Resource):
    """The handlers of a thread's summary."""

    @Endpoint(
        "GET",
        "/api/threads/{thread}/summary",
        "Read the summary that stands for the old messages of the visible branch, each line with its sources",
        answers={200: SummaryOut},
        errors=(NotFound,),
    )
    async def get(self, request: Request) -> Response:
        return await self._summary_response(owner(request), path_id(request, "thread"))

    @Endpoint(
        "PUT",
        "/api/threads/{thread}/summary",
        "Edit the summary: change, remove or pin lines and key facts; makes a new version",
        body=SummaryEdit,
        answers={200: SummaryOut},
        errors=(NotFound,),
    )
    async def edit(self, request: Request) -> Response:
        owner_id, thread_id = owner(request), path_id(request, "thread")
        body = await read(request, SummaryEdit)
        current = await self._current(owner_id, thread_id)
        if current is None or current.summary.id != body.id:
            raise NotFound("the summary has changed since; read it again", param="id")
        count = self.deps.runtime.sizes.count
        segments = _edited(current, body, count, lambda: self.deps.clock.new_id("seg"))
        facts = _edited_facts(current, body, count)
        _check_pinned(segments, facts, count)
        summary = summaries.NewSummary(
            id=self.deps.clock.new_id("sum"),
            upto_message_id=current.summary.upto_id,
            upto_depth=current.upto_depth,
            leaf_id=current.summary.leaf_id,
            segments=segments,
            facts=facts,
            shortened=current.summary.shortened,
            based_on=current.summary.id,
            origin="user",
            prompt_digest=None,
            created_at=self.deps.clock.now(),
        )

        def write(connection: Connection) -> None:
            self._lock_and_check(connection, current, "id")
            summaries.add(connection, owner_id, thread_id, summary)

        await self.deps.database.write(write)
        return await self._summary_response(owner_id, thread_id)

    @Endpoint(
        "DELETE",
        "/api/threads/{thread}/summary",
        "Undo the newest summary: the version before it, or the messages themselves, take its place",
        answers={200: SummaryOut},
        errors=(NotFound,),
    )
    async def undo(self, request: Request) -> Response:
        owner_id, thread_id = owner(request), path_id(request, "thread")
        current = await self._current(owner_id, thread_id)
        if current is None:
            raise NotFound("there is no summary to undo")

        def write(connection: Connection) -> None:
            self._lock_and_check(connection, current, None)
            summaries.retire(connection, owner_id, current.summary.id)
            before = (
                None if current.based_on is None else summaries.get(connection, owner_id, current.based_on)
            )
            if before is not None and before.summary.upto_id == current.summary.upto_id:
                summaries.restore(connection, owner_id, before.summary.id)

        await self.deps.database.write(write)
        return await self._summary_response(owner_id, thread_id)

    @Endpoint(
        "POST",
        "/api/threads/{thread}/summary/compact",
        "Compact now: all but the newest messages become part of the summary",
        answers={200: SummaryOut},
        errors=(NotFound, ThreadBusy, Unavailable),
    )
    async def compact(self, request: Request) -> Response:
        owner_id, thread_id = owner(request), path_id(request, "thread")
        thread = await self.deps.database.read(partial(get_thread, owner_id=owner_id, thread_id=thread_id))
        if thread.running_turn_id is not None:
            raise ThreadBusy("an answer is being written; compact when it is done")
        if thread.leaf_id is not None:
            model = self.deps.deployment.default_model
            result = await self.deps.summarizer.compact_now(owner_id, thread_id, thread.leaf_id, model)
            if result in ("busy", "moved"):
                raise ThreadBusy("the summary is being changed right now; read it again")
            if result == "given_up":
                raise Unavailable("the model wrote no usable summary; nothing was changed", retry_after=30)
        return await self._summary_response(owner_id, thread_id)

    def _lock_and_check(self, connection: Connection, current: SummaryVersion, param: str | None) -> None:
        """Lock the thread, and check that this version is still active. Raises NotFound naming `param`."""
        threads.lock(connection, current.owner_id, current.thread_id)
        version = summaries.get(connection, current.owner_id, current.summary.id)
        if version is None or not version.active:
            raise NotFound("the summary has changed since; read it again", param=param)

    async def _current(self, owner_id: str, thread_id: str) -> SummaryVersion | None:
        """The summary that the next turn of the visible branch would use."""
        return (await self._versions(owner_id, thread_id))[0]

    async def _summary_response(self, owner_id: str, thread_id: str) -> Response:
        return json_response(summary_out(*await self._versions(owner_id, thread_id)))

    async def _versions(
        self, owner_id: str, thread_id: str
    ) -> tuple[SummaryVersion | None, list[SummaryVersion]]:
        """The summary that the next turn of the visible branch would use, and all stored versions."""
        thread = await self.deps.database.read(partial(get_thread, owner_id=owner_id, thread_id=thread_id))
        summary = None
        if thread.leaf_id is not None:
            snapshot = await load(self.deps.runtime, owner_id, thread_id, thread.leaf_id, tokens=None)
            summary = snapshot.summary

        def read(connection: Connection) -> tuple[SummaryVersion | None, list[SummaryVersion]]:
            current = None if summary is None else summaries.get(connection, owner_id, summary.id)
            return current, summaries.versions(connection, owner_id, thread_id)

        return await self.deps.database.read(read)


def _edited(
    current: SummaryVersion, body: SummaryEdit, count: Callable[[str], int], new_id: Callable[[], str]
) -> tuple[Segment, ...]:
    """The segments with the user's lines in place of the old ones. A changed segment gets a new id. Raises BadRequest."""
    before = current.summary.segments
    lines: dict[str, list[Line]] = {segment.id: [] for segment in before}
    for number, line in enumerate(body.lines):
        home = line.segment or before[-1].id
        if home not in lines:
            raise BadRequest(f"lines.{number}.segment: no such segment", param=f"lines.{number}.segment")
        last = next(segment.last_id for segment in before if segment.id == home)
        lines[home].append(Line(text=line.text, sources=tuple(line.sources) or (last,), pinned=line.pinned))
    edited: list[Segment] = []
    for segment in before:
        remaining = tuple(lines[segment.id])
        if remaining == segment.lines:
            edited.append(segment)
        elif remaining:
            changed = replace(segment, id=new_id(), lines=remaining)
            edited.append(replace(changed, tokens=count(changed.text)))
    if not edited:
        raise BadRequest("lines: at least one line must stay; undo the summary instead", param="lines")
    return tuple(edited)


def _edited_facts(current: SummaryVersion, body: SummaryEdit, count: Callable[[str], int]) -> KeyFacts:
    """The key facts as the user wants them. Raises BadRequest for two of one kind and subject."""
    table = current.summary.facts
    if body.facts is None:
        return table
    facts: dict[tuple[str, str], KeyFact] = {}
    for number, fact in enumerate(body.facts):
        new = KeyFact(
            kind=fact.kind,
            subject=fact.subject,
            value=fact.value,
            sources=tuple(fact.sources) or (current.summary.upto_id,),
            pinned=fact.pinned,
        )
        if new.key in facts:
            param = f"facts.{number}.subject"
            raise BadRequest(f"{param}: there is another {fact.kind} of this subject", param=param)
        facts[new.key] = new
    return edited_facts(table, list(facts.values()), count)


def _check_pinned(segments: tuple[Segment, ...], facts: KeyFacts, count: Callable[[str], int]) -> None:
    """Raises BadRequest when what is pinned would fill every request."""
    pinned = sum(count(line.text) for segment in segments for line in segment.lines if line.pinned)
    if pinned > MAX_PINNED:
        raise BadRequest(f"lines: pinned lines may have {MAX_PINNED} tokens in all", param="lines")
    if pinned + facts.tokens > MAX_PINNED:
        raise BadRequest(
            f"facts: with the pinned lines they may have {MAX_PINNED} tokens in all", param="facts"
        )
