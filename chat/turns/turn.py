"""The story of one turn: plan, ask, journal. It belongs to a task of the runner, never to a connection.

choose ..... which model answers (chat.turns.choose_model)
plan ....... what the request contains (chat.planning.planner), durable before the model is asked
ask ........ stream the answer; while nothing has reached the reader repeat a failed call, then ask another model
outcome .... what the runner then writes in one transaction
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from chat.budgets.reservations import CallDoesNotFit
from chat.calls.ledger import entry, keep
from chat.calls.record import CallContext, CallRecord, Size
from chat.planning.planner import Planning, body_of
from chat.runtime.runtime import Runtime
from chat.stream import events
from chat.stream.answer_builder import AnswerBuilder
from chat.stream.journal import Journal
from chat.turns.choose_model import choose_model
from chat.turns.fit_budget import fitted
from chat.turns.turn_request import TurnRequest
from chat.upstream import failures, retry
from chat.upstream.failures import Trouble, UpstreamFailure
from chat.upstream.stream_decoder import BlockEnded, Stopped, TextDelta, ToolRequested
from context.limits import fallback
from context.planning.planned import Plan
from context.request.recipe import HEADINGS
from context.request.request import Round
from context.request.tools import SEARCH
from context.request.window import MessageTooLarge
from context.routing.choice import Route
from context.routing.next import one_up
from store.turns import Turn

MAX_ROUNDS = 4  # times a model may ask for tools in one turn
REFITS = 3  # times a call is made smaller because somebody else was faster
MAX_QUERY = 1_000  # characters of a search
USUAL_ANSWER = 500  # tokens of an answer in a thread that had none yet

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """One model gave no complete answer: why, and whether what it said must not be kept."""

    trouble: Trouble
    refused: bool = False


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


# Outcomes that are no use to the reader and that a better model may not come to.
USELESS = {
    failures.REFUSED.outcome: "the answer was refused",
    failures.NO_ANSWER.outcome: "the answer was cut before its first word",
}


@dataclass(slots=True, kw_only=True)
class TurnWork:
    """One turn at work. `calls` and the draft are right at every moment, so that any end can be recorded."""

    turn_request: TurnRequest
    journal: Journal
    answer_builder: AnswerBuilder
    planning: Planning
    calls: list[CallRecord] = field(default_factory=list)
    requested_model: list[ToolRequested] = field(default_factory=list)

    @property
    def turn(self) -> Turn:
        return self.planning.turn

    @property
    def runtime(self) -> Runtime:
        return self.planning.runtime

    @property
    def call_context(self) -> CallContext:
        """On whose behalf the turn calls the model."""
        turn = self.turn
        return CallContext(
            owner_id=turn.owner_id,
            thread_id=turn.thread_id,
            turn_id=turn.id,
            purpose="reply",
            token=turn.token,
            feature=turn.feature,
        )

    async def answer(self) -> Outcome:
        """Choose, plan and ask, one model after another if need be. Raises only what nobody foresaw."""
        runtime, deployment = self.runtime, self.runtime.deployment
        await self.planning.stand()
        route = await choose_model(
            self.planning, self.turn_request, replace(self.call_context, purpose="classify")
        )
        first, tried, shortened = route.model_id, dict[str, Unanswered](), set[str]()
        candidates, short, onto = fallback.fallback_candidates(route, deployment.tiers), False, list[str]()
        while True:
            others = {candidate.model for candidate in candidates} - {route.model_id, *tried}
            requested_model = [
                model for model, one in tried.items() if one.trouble.outcome != fallback.TOO_SMALL
            ]
            patience = self._patience(others, requested_model)
            self.answer_builder.discard()  # what a model thought before that did not answer
            found, taken = await self._answer_of(route, patience, short=short, onto=onto)
            if isinstance(found, Completed):
                return found
            if found.trouble.outcome != fallback.TOO_SMALL:  # else it was passed over and not asked
                onto = []
            route = taken
            # A model that is asked again, for a shorter answer, came to its end last.
            tried.pop(route.model_id, None)
            tried[route.model_id] = found
            outcomes = {model: one.trouble.outcome for model, one in tried.items()}
            self.planning.tried = outcomes
            higher = self._higher(route, found)
            if higher is not None:
                places = [
                    place for place, candidate in enumerate(candidates) if candidate.model == higher.model_id
                ]
                candidates, first, route = candidates[max(places, default=0) :], higher.model_id, higher
                continue
            small = fallback.too_small_candidates(route, deployment.tiers, outcomes)
            next_model = fallback.next_model(
                candidates=candidates,
                first=first,
                failed=route.model_id,
                outcome=found.trouble.outcome,
                tried=tried,
                small=[candidate for candidate in small if candidate.model not in shortened],
                open_breakers=runtime.caller.admission.open_breakers(),
                text_shown=self.answer_builder.has_text,
                allowed=deployment.fallback,
            )
            if next_model is None:
                return _failed(_most_telling(list(tried.values())))
            if next_model.short:
                short = True
                shortened.add(next_model.candidate.model)
            onto = [*(onto or [route.model_id]), next_model.reason]
            route = replace(
                route,
                model_id=next_model.candidate.model,
                tier=next_model.candidate.tier,
                reason="; ".join(onto[1:]),
                by=route.by if next_model.candidate.model == onto[0] else "fallback",
            )

    def _patience(self, others: Collection[str], tried: Collection[str]) -> retry.Patience:
        """How much a model is given: less where another can answer, or where the reader has waited for one already."""
        if not self.runtime.deployment.fallback:
            return retry.ALONE
        free = set(others) - self.runtime.caller.admission.open_breakers()
        return retry.WITH_OTHERS if free or tried else retry.ALONE

    async def _answer_of(
        self, route: Route, patience: retry.Patience, *, short: bool, onto: Sequence[str]
    ) -> "tuple[Completed | Unanswered, Route]":
        """One model's answer, planned for its own cache state; and the route that was taken, for a budget may have led to a cheaper one.

        `short` as in chat.planning.planner; `onto`: the model that was asked before and, one by one, why it is another's turn now.
        """
        model = self.runtime.deployment.models[route.model_id]
        try:
            planned = await self.planning.plan(route, short=short)
        except MessageTooLarge as problem:
            message = f"{str(problem)[0].upper()}{str(problem)[1:]}."
            return Unanswered(trouble=replace(failures.TOO_SMALL, message=message)), route
        if onto and onto[0] != model.id:
            moved = {"from": onto[0], "to": model.id, "reason": "; ".join(onto[1:])}
            if self.turn.requested_model is not None:
                moved["asked"] = (
                    self.turn.requested_model
                )  # whoever chose a model is told that another answers
            self.journal.event(events.Note(name="fallback", data=moved))
        note = {"model": model.id, "label": model.label, "tier": route.tier, "reason": route.reason}
        self.journal.event(events.Note(name="route", data=note))
        found = await self._ask(planned, patience)
        return found, (self.planning.planned or planned).route

    def _higher(self, route: Route, found: "Unanswered") -> Route | None:
        """The better model that is asked, once, after a refusal or an answer that was cut before its first word."""
        why = USELESS.get(found.trouble.outcome)
        if (
            why is None
            or not self.runtime.deployment.cascade
            or self.answer_builder.has_text
            or route.by == "cascade"
        ):
            return None
        higher = one_up(route, why)
        if higher is not None:
            note = {"from": route.model_id, "to": higher.model_id, "tier": higher.tier, "reason": why}
            self.journal.event(events.Note(name="cascade", data=note))
        return higher

    async def _ask(self, planned: Plan, patience: retry.Patience) -> "Completed | Unanswered":
        """Call the model, with what its tools found, until it has answered or failed for good.

        Only the turn's last call may be recorded with its end: what an earlier one set aside the next one may need.
        """
        rounds: list[Round] = []
        thought_too_long = False
        while True:
            known = len(self.answer_builder.parts)
            received = await self._heard(planned, rounds, patience)
            if isinstance(received, Unanswered):
                return received
            reason, call = received
            planned = self.planning.planned or planned  # a budget may have made it smaller
            if reason == "refusal":
                await self._record(call)
                return Unanswered(trouble=failures.REFUSED, refused=True)
            if reason == "tool_use" and self.requested_model and len(rounds) < MAX_ROUNDS:
                # Before its tools: one in the log says that the words before it are in the ledger.
                await self._record(call)
                rounds.append(await self._use_tools(planned, call, last=len(rounds) == MAX_ROUNDS - 1))
                await self.planning.keep(planned, rounds)
                continue
            if self.answer_builder.has_text or (
                self.answer_builder.resumed and reason in ("end_turn", "stop_sequence")
            ):
                return Completed(finish_reason=FINISH.get(reason, "stop"))
            await self._record(call)
            if reason != "max_tokens":
                return Unanswered(trouble=failures.EMPTY)
            larger = self._larger_limit(planned, rounds)
            if thought_too_long or larger <= planned.recipe.max_tokens:
                return Unanswered(trouble=failures.NO_ANSWER)
            thought_too_long = True
            self.answer_builder.discard(known)
            planned = replace(planned, recipe=replace(planned.recipe, max_tokens=larger))
            await self.planning.keep(planned, rounds)
            note = {"attempt": self._sent + 1, "delay": 0, "reason": failures.NO_ANSWER.outcome}
            self.journal.event(events.Note(name="retry", data=note))

    def _larger_limit(self, planned: Plan, rounds: Sequence[Round]) -> int:
        """Twice the output limit, as far as the model and its window have room for it."""
        model = self.runtime.deployment.models[planned.recipe.model]
        left = model.context_window - planned.bound - self.planning.grown(planned, rounds)[1]
        return min(planned.recipe.max_tokens * 2, model.max_output, left)

    async def _heard(
        self, planned: Plan, rounds: Sequence[Round], patience: retry.Patience
    ) -> "tuple[str, CallRecord] | Unanswered":
        """One round: how the model stopped, after as many calls as it took; or why there is no answer.

        A call is repeated only while none of its own words have reached the reader.
        """
        attempt = refused = 0
        before, known = self.answer_builder.said, len(self.answer_builder.parts)
        trouble: Trouble | None = None
        while True:
            attempt += 1
            try:
                planned = await fitted(
                    self.planning,
                    self.call_context,
                    self.journal,
                    planned,
                    rounds,
                    eager=not self.calls,
                    counted=self._counted,
                )
                return await self._call(planned, rounds, patience)
            except CallDoesNotFit as failure:
                # Others may have taken the room between the look and the call: look again, but not for ever.
                attempt, refused = attempt - 1, refused + 1
                if failure.final or refused > REFITS:
                    return Unanswered(trouble=failure.trouble)
            except UpstreamFailure as failure:
                self.answer_builder.close()
                call = self.calls[-1]
                if not call.noted and trouble is not None:
                    return Unanswered(
                        trouble=trouble
                    )  # the failure that closed the way says more than that it is closed
                trouble = failure.trouble
                if call.noted:
                    await self._record(call)
                wait = retry.delay(
                    trouble,
                    attempt=attempt,
                    text_shown=self.answer_builder.said > before,
                    chance=self.runtime.clock.chance(),
                    patience=patience,
                )
                if wait is None:
                    return Unanswered(trouble=trouble)
                self.answer_builder.discard(known)
                note = {"attempt": self._sent + 1, "delay": round(wait, 2), "reason": trouble.outcome}
                self.journal.event(events.Note(name="retry", data=note))
                await self.runtime.clock.sleep(wait)

    @property
    def _counted(self) -> set[str]:
        """The tiers whose budgets have counted this turn among those they answer."""
        return {record.tier for record in self.calls if record.tier is not None and record.counts}

    @property
    def _sent(self) -> int:
        """How many calls were sent so far."""
        return sum(record.noted for record in self.calls)

    def _queued(self, position: int) -> None:
        """The turn waits for a place: tell the reader. What the journal cannot keep it will say at the next word."""
        with suppress(Exception):
            self.journal.event(events.Note(name="queue", data={"position": position}))

    async def _record(self, call: CallRecord) -> None:
        """Write the ledger row of a call that is not the turn's last, so that a crash later in the turn does not blur it."""
        row = entry(call, local=self.runtime.deployment.local)
        await self.runtime.database.write(partial(keep, rows=[row]))

    async def _use_tools(self, planned: Plan, call: CallRecord, *, last: bool) -> Round:
        """What the model said, and what the tools it asked for found."""
        results = []
        for requested_model in self.requested_model:
            query = str(requested_model.input.get("query", "")).strip()[:MAX_QUERY]
            found = (
                await self.planning.search(planned.recipe.model, query)
                if requested_model.name == SEARCH and query
                else ()
            )
            self.answer_builder.tool(
                requested_model.name, query, sum(1 for one in found if one.id not in HEADINGS)
            )
            text = "\n\n".join(one.text for one in found) or "No older message matches."
            if last:
                text += "\n\nAnswer now with what you have."
            results.append({"type": "tool_result", "tool_use_id": requested_model.id, "content": text})
        return {"assistant": call.call.decoder.blocks, "results": results}

    async def _call(
        self, planned: Plan, rounds: Sequence[Round], patience: retry.Patience
    ) -> tuple[str, CallRecord]:
        """One call: how the model stopped, and all it said. Raises UpstreamFailure."""
        self.requested_model = []
        grown, most_grown = self.planning.grown(planned, rounds)
        record = self.runtime.caller.record(
            self.call_context,
            model=planned.recipe.model,
            tier=planned.route.tier,
            size=Size(
                prompt=planned.estimate.total + grown,
                bound=planned.bound + most_grown,
                output=planned.recipe.max_tokens,
                fresh=planned.estimated_usage.prompt - planned.estimated_usage.cache_read + grown,
                answer=planned.estimated_usage.output or USUAL_ANSWER,
            ),
            attempt=self._sent + 1,
            again=planned.route.tier in self._counted,
        )
        self.calls.append(record)
        stopped: Stopped | None = None
        impatient = None if patience == retry.ALONE else patience.longest_wait
        body = body_of(planned, rounds)
        async with self.runtime.caller.ask(record, body, patience=impatient, tell=self._queued) as pieces:
            async for piece in pieces:
                match piece:
                    case TextDelta():
                        record.received(piece.words, self.runtime.clock.monotonic())
                        self.answer_builder.add(piece.kind, piece.words)
                    case BlockEnded():
                        self.answer_builder.close()
                    case ToolRequested():
                        self.requested_model.append(piece)
                    case Stopped():
                        stopped = piece
                    case _:
                        pass
            self.answer_builder.close()
            if record.call.cut_end is not None:
                self.journal.event(
                    events.Note(name="upstream_disconnect", data={"ending": record.call.cut_end})
                )
            if stopped is None:
                raise UpstreamFailure(failures.UNFINISHED)
            record.end("refusal" if stopped.reason == "refusal" else "ok", self.runtime.clock.monotonic())
        return stopped.reason, record


def _most_telling(ends: Sequence[Unanswered]) -> Unanswered:
    """Which of several models' failures the reader is told: a refusal, else what a later try can mend, else the first."""
    if ends[-1].refused:
        return ends[-1]
    mendable = [one for one in ends if one.trouble.retryable]
    said = [one for one in mendable if one.trouble.outcome != failures.BREAKER_OPEN.outcome]
    return (said or mendable or list(ends))[0]


def _failed(ended: Unanswered) -> Failed:
    trouble = ended.trouble
    error = events.TurnError(code=trouble.code, message=trouble.message, retryable=trouble.retryable)
    return Failed(error=error, refused=ended.refused)
