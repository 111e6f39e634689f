"""The story of one turn: plan, ask, journal. It belongs to a task of the runner, never to a connection.

plan ....... load the window, decide, keep the recipe (durable before the model is asked)
ask ........ stream the answer; repeat a failed call while nothing has reached the reader
outcome .... what the runner then writes in one transaction
"""

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from chat import events
from chat.clock import Clock
from chat.deployment import Deployment
from chat.draft import Draft
from chat.journal import Journal
from chat.ledger import CallRecord
from chat.standing import Standing, load
from chat.upstream import failures, retry
from chat.upstream.client import Call
from chat.upstream.failures import Trouble, UpstreamFailure
from chat.upstream.wire import BlockEnded, Stopped, ToolAsked, Words
from context import request
from context.catalog import Model
from context.plan import Plan, plan
from context.recipe import Recalled
from context.request import Round
from context.routing import Route
from context.tools import SEARCH
from context.window import MessageTooLarge
from store import prompts, turns
from store.database import Database
from store.recall import recall
from store.turns import Turn

MAX_ROUNDS = 4  # times a model may ask for tools in one turn
MAX_QUERY = 1_000  # characters of a search
HEADINGS = frozenset({"recall", "recall-standing"})  # blocks of recall that are no messages

FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """The model said all it wanted, or all it could."""

    finish_reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The turn ends without a complete answer. `refused`: what was said must not be kept."""

    error: events.TurnError
    refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """Somebody asked the turn to stop."""

    reason: str


Outcome = Completed | Failed | Cancelled

INTERRUPTED = Failed(
    error=events.TurnError(
        code="interrupted", message="The server stopped before the answer was finished.", retryable=True
    )
)
TOOK_TOO_LONG = Failed(
    error=events.TurnError(
        code="upstream_timeout", message="The answer took longer than allowed here.", retryable=True
    )
)
BROKE = Failed(
    error=events.TurnError(code="internal", message="Something went wrong on this server.", retryable=True)
)


@dataclass(slots=True, kw_only=True)
class TurnWork:
    """One turn at work. `calls` and the draft are right at every moment, so that any end can be recorded."""

    turn: Turn
    deployment: Deployment
    database: Database
    clock: Clock
    journal: Journal
    draft: Draft
    calls: list[CallRecord] = field(default_factory=list)
    standing: Standing | None = None
    planned: Plan | None = None
    started_at: int = 0
    can_fold: bool = True
    asked: list[ToolAsked] = field(default_factory=list)

    async def answer(self) -> Outcome:
        """Plan and ask. Raises only what nobody foresaw."""
        route = self.deployment.route(self.turn.asked)
        model = self.deployment.models[route.model_id]
        try:
            planned = await self._plan(route)
        except MessageTooLarge as problem:
            return _failed(
                Trouble(code="context_too_long", message=f"{problem}.", outcome="too_large", retryable=False)
            )
        note = {"model": model.id, "label": model.label, "tier": route.tier, "reason": route.reason}
        self.journal.event(events.Note(name="route", data=note))
        return await self._ask(planned, model)

    async def _plan(self, route: Route) -> Plan:
        """Decide what the request contains, and keep the recipe before anything is sent."""
        deployment, turn = self.deployment, self.turn
        self.started_at = self.clock.now()
        async with self.database.reading() as connection:
            self.standing = await load(
                connection,
                turn.owner_id,
                turn.thread_id,
                turn.user_message_id,
                tokens=deployment.policy.window_cap,
                models=(route.model_id,),
            )
            recalled = await self._recall(connection, self.standing, route.model_id)
        terms, path = self.standing.seen_by(deployment, route.model_id, self.started_at)
        planned = plan(
            terms,
            route=route,
            path=path,
            ladder=self.standing.ladder,
            recalled=recalled,
            lane=self.standing.lane(route.model_id),
            others=self.standing.others(deployment, route.model_id, self.started_at),
            service=self.standing.service(route.model_id),
            now=self.started_at,
            previous_start=turn.window_start,
            user_ref=user_ref(turn.owner_id),
            can_fold=self.can_fold,
        )
        await self._keep(planned)
        return planned

    async def _recall(
        self, connection: AsyncConnection, standing: Standing, model_id: str
    ) -> tuple[Recalled, ...]:
        """Older messages the new one needs, from before the window."""
        if standing.path[0].parent_id is None or not self.deployment.recall_tokens:
            return ()
        return await self._found(connection, standing, model_id, standing.path[-1].text)

    async def _found(
        self, connection: AsyncConnection, standing: Standing, model_id: str, question: str
    ) -> tuple[Recalled, ...]:
        return await recall(
            connection,
            self.turn.owner_id,
            self.turn.thread_id,
            question=question,
            before=standing.path[0],
            now=self.started_at,
            budget=self.deployment.recall_tokens,
            count=partial(self.deployment.sizes.count, model=model_id),
            outlines=self.deployment.outlines,
        )

    async def _keep(self, planned: Plan, rounds: Sequence[Round] = ()) -> None:
        body = body_of(planned, rounds)
        kept = {
            "recipe": planned.recipe.to_json(),
            "digest": request.digest(body),
            "prompt": {"name": planned.prompt.name, "version": planned.prompt.version},
            "window_messages": len(planned.messages),
            "summary_segments": 0 if planned.ladder is None else len(planned.ladder.segments),
            "route": {"model": planned.route.model_id, "tier": planned.route.tier},
            **planned.to_json(),
            "rounds": list(rounds),
        }
        self.planned = planned

        async def write(connection: AsyncConnection) -> None:
            await prompts.keep(connection, planned.prompt)
            await turns.set_plan(
                connection, self.turn.owner_id, self.turn.id, kept, planned.recipe.first_message_id
            )

        await self.database.write(write)

    async def _ask(self, planned: Plan, model: Model) -> Outcome:
        """Call the model, with what its tools found, until it has answered or failed for good."""
        rounds: list[Round] = []
        thought_too_long = False
        while True:
            heard = await self._heard(planned, rounds)
            if isinstance(heard, Failed):
                return heard
            reason, call = heard
            if reason == "refusal":
                return _failed(failures.REFUSED, refused=True)
            if reason == "tool_use" and self.asked and len(rounds) < MAX_ROUNDS:
                rounds.append(await self._use_tools(planned, call, last=len(rounds) == MAX_ROUNDS - 1))
                await self._keep(planned, rounds)
                continue
            if self.draft.has_text:
                return Completed(finish_reason=FINISH.get(reason, "stop"))
            if reason != "max_tokens":
                return _failed(failures.EMPTY)
            larger = min(planned.recipe.max_tokens * 2, model.max_output)
            if thought_too_long or larger == planned.recipe.max_tokens:
                return _failed(failures.NO_ANSWER)
            thought_too_long = True
            planned = replace(planned, recipe=replace(planned.recipe, max_tokens=larger))
            await self._keep(planned, rounds)
            note = {"attempt": len(self.calls) + 1, "delay": 0, "reason": failures.NO_ANSWER.outcome}
            self.journal.event(events.Note(name="retry", data=note))

    async def _heard(self, planned: Plan, rounds: Sequence[Round]) -> tuple[str, Call] | Failed:
        """One round: how the model stopped, after as many calls as it took; or why there is no answer.

        A call is repeated only while none of its own words have reached the reader.
        """
        body, attempt = body_of(planned, rounds), 0
        before = self.draft.texts
        while True:
            attempt += 1
            try:
                return await self._call(planned, body)
            except UpstreamFailure as failure:
                self.draft.close()
                wait = retry.delay(
                    failure.trouble,
                    attempt=attempt,
                    text_shown=self.draft.texts > before,
                    chance=self.clock.chance(),
                )
                if wait is None:
                    return _failed(failure.trouble)
                note = {"attempt": attempt + 1, "delay": round(wait, 2), "reason": failure.trouble.outcome}
                self.journal.event(events.Note(name="retry", data=note))
                await self.clock.sleep(wait)

    async def _use_tools(self, planned: Plan, call: Call, *, last: bool) -> Round:
        """What the model said, and what the tools it asked for found."""
        results = []
        for asked in self.asked:
            query = str(asked.input.get("query", "")).strip()[:MAX_QUERY]
            found = await self._search(planned, query) if asked.name == SEARCH and query else ()
            self.draft.tool(asked.name, query, sum(1 for one in found if one.id not in HEADINGS))
            text = "\n\n".join(one.text for one in found) or "No older message matches."
            if last:
                text += "\n\nAnswer now with what you have."
            results.append({"type": "tool_result", "tool_use_id": asked.id, "content": text})
        return {"assistant": call.decoder.blocks, "results": results}

    async def _search(self, planned: Plan, query: str) -> tuple[Recalled, ...]:
        assert self.standing is not None  # noqa: S101 - a plan was made from it
        async with self.database.reading() as connection:
            return await self._found(connection, self.standing, planned.recipe.model, query)

    async def _call(self, planned: Plan, body: bytes) -> tuple[str, Call]:
        """One call: how the model stopped, and all it said. Raises UpstreamFailure."""
        call = Call()
        self.asked = []
        record = CallRecord(
            call=call,
            model=planned.recipe.model,
            started=self.clock.monotonic(),
            created_at=self.clock.now(),
        )
        self.calls.append(record)
        stopped: Stopped | None = None
        try:
            async with self.deployment.upstream.ask(body, call) as pieces, aclosing(pieces):
                async for piece in pieces:
                    match piece:
                        case Words():
                            record.heard(piece.words, self.clock.monotonic())
                            self.draft.add(piece.kind, piece.words)
                        case BlockEnded():
                            self.draft.close()
                        case ToolAsked():
                            self.asked.append(piece)
                        case Stopped():
                            stopped = piece
                        case _:
                            pass
            self.draft.close()
            if stopped is None:
                raise UpstreamFailure(failures.UNFINISHED)
        except UpstreamFailure as failure:
            record.end(failure.trouble.outcome, self.clock.monotonic())
            raise
        record.end("refusal" if stopped.reason == "refusal" else "ok", self.clock.monotonic())
        return stopped.reason, call


def body_of(planned: Plan, rounds: Sequence[Round] = ()) -> bytes:
    """The exact request of a plan, after what tools were asked so far."""
    return request.build(
        planned.recipe,
        planned.prompt.text,
        planned.messages,
        ladder=planned.ladder,
        recalled=planned.recalled,
        rounds=rounds,
    )


def user_ref(owner_id: str) -> str:
    """An opaque stand-in for the owner, for the provider's abuse detection."""
    return request.digest(f"palaver user {owner_id}".encode())[:32]


def _failed(trouble: Trouble, *, refused: bool = False) -> Failed:
    error = events.TurnError(code=trouble.code, message=trouble.message, retryable=trouble.retryable)
    return Failed(error=error, refused=refused)
