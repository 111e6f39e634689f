"""The story of one turn: plan, ask, journal. It belongs to a task of the runner, never to a connection.

plan ....... load the window, decide, keep the recipe (durable before the model is asked)
ask ........ stream the answer; repeat a failed call while nothing has reached the reader
outcome .... what the runner then writes in one transaction
"""

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
from chat.upstream.wire import BlockEnded, Stopped, Words
from context import request
from context.catalog import Model
from context.plan import Plan, plan
from context.recipe import Recalled
from context.routing import Route
from context.window import MessageTooLarge
from store import prompts, turns
from store.database import Database
from store.recall import recall
from store.turns import Turn

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
            service=self.standing.service,
            now=self.started_at,
            previous_start=turn.window_start,
            user_ref=user_ref(turn.owner_id),
        )
        await self._keep(planned)
        return planned

    async def _recall(
        self, connection: AsyncConnection, standing: Standing, model_id: str
    ) -> tuple[Recalled, ...]:
        """Older messages the new one needs, from before the window."""
        deployment, turn = self.deployment, self.turn
        first, newest = standing.path[0], standing.path[-1]
        if first.parent_id is None or not deployment.recall_tokens:
            return ()
        return await recall(
            connection,
            turn.owner_id,
            turn.thread_id,
            question=newest.text,
            before=first,
            now=self.started_at,
            budget=deployment.recall_tokens,
            count=partial(deployment.sizes.count, model=model_id),
        )

    async def _keep(self, planned: Plan) -> None:
        body = body_of(planned)
        kept = {
            "recipe": planned.recipe.to_json(),
            "digest": request.digest(body),
            "prompt": {"name": planned.prompt.name, "version": planned.prompt.version},
            "window_messages": len(planned.messages),
            "summary_segments": 0 if planned.ladder is None else len(planned.ladder.segments),
            "route": {"model": planned.route.model_id, "tier": planned.route.tier},
            **planned.to_json(),
        }
        self.planned = planned

        async def write(connection: AsyncConnection) -> None:
            await prompts.keep(connection, planned.prompt)
            await turns.set_plan(
                connection, self.turn.owner_id, self.turn.id, kept, planned.recipe.first_message_id
            )

        await self.database.write(write)

    async def _ask(self, planned: Plan, model: Model) -> Outcome:
        """Call the model until it answered, failed for good, or words have reached the reader."""
        thought_too_long = False
        while True:
            body = body_of(planned)
            try:
                stopped = await self._call(planned, body)
            except UpstreamFailure as failure:
                self.draft.close()
                trouble = failure.trouble
                wait = retry.delay(
                    trouble,
                    attempt=len(self.calls),
                    text_shown=self.draft.has_text,
                    chance=self.clock.chance(),
                )
                if wait is None:
                    return _failed(trouble)
                note = {"attempt": len(self.calls) + 1, "delay": round(wait, 2), "reason": trouble.outcome}
                self.journal.event(events.Note(name="retry", data=note))
                await self.clock.sleep(wait)
                continue
            if stopped.reason == "refusal":
                return _failed(failures.REFUSED, refused=True)
            if self.draft.has_text:
                return Completed(finish_reason=FINISH.get(stopped.reason, "stop"))
            if stopped.reason != "max_tokens":
                return _failed(failures.EMPTY)
            larger = min(planned.recipe.max_tokens * 2, model.max_output)
            if thought_too_long or larger == planned.recipe.max_tokens:
                return _failed(failures.NO_ANSWER)
            thought_too_long = True
            planned = replace(planned, recipe=replace(planned.recipe, max_tokens=larger))
            await self._keep(planned)
            reason = {"attempt": len(self.calls) + 1, "delay": 0, "reason": failures.NO_ANSWER.outcome}
            self.journal.event(events.Note(name="retry", data=reason))

    async def _call(self, planned: Plan, body: bytes) -> Stopped:
        """One call; returns how the model stopped. Raises UpstreamFailure."""
        call = Call()
        record = CallRecord(
            call=call,
            model=planned.recipe.model,
            prompt_tokens=planned.estimated_tokens,
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
        return stopped


def body_of(planned: Plan) -> bytes:
    """The exact request of a plan."""
    return request.build(
        planned.recipe,
        planned.prompt.text,
        planned.messages,
        ladder=planned.ladder,
        recalled=planned.recalled,
    )


def user_ref(owner_id: str) -> str:
    """An opaque stand-in for the owner, for the provider's abuse detection."""
    return request.digest(f"palaver user {owner_id}".encode())[:32]


def _failed(trouble: Trouble, *, refused: bool = False) -> Failed:
    error = events.TurnError(code=trouble.code, message=trouble.message, retryable=trouble.retryable)
    return Failed(error=error, refused=refused)
