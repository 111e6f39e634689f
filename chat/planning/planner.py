"""Plan a turn's request: read the thread snapshot, recall older messages, decide what is sent, and store the recipe."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf

from sqlalchemy import Connection

from chat.planning import previous_turn, thread_snapshot
from chat.planning.model_branches import ModelBranches
from chat.planning.previous_turn import NO_TURN, PreviousTurn
from chat.planning.thread_snapshot import ThreadSnapshot
from chat.runtime.runtime import Runtime
from context.cache.cache_state import TTL_MS
from context.cache.gap_forecast import forecast_gaps
from context.cache.idle_gaps import kind_of
from context.cache.plan_inputs import with_room_for
from context.limits.fit import FLOOR
from context.messages import Message
from context.planning.plan import TurnInputs, plan
from context.planning.planned import Plan
from context.planning.quote import Quote, quote
from context.planning.stored_plan import plan_to_json
from context.recall.decision import Recollection
from context.recall.likeness import Likeness
from context.recall.need import may_need
from context.recall.purchase import answer_value
from context.request import continuing, request
from context.request.recipe import Recalled
from context.request.request import Round
from context.request.shortened import short_replies
from context.request.window import MessageTooLarge, spoken
from context.routing.choice import Route
from context.routing.thread_bill import turns_ahead
from store import prompts, turns
from store.database import Work
from store.search.recall import RecallRequest, recall
from store.turns import Turn

# Tokens of an answer where none has been given yet, to compare models by: a few paragraphs.
FIRST_ANSWER = 300
# Tokens of what one search of the model's own finds, at most, and of what a local model is sent: it reads a few hundred tokens a second.
BRIEF = 1_000


@dataclass(slots=True, kw_only=True)
class Planning:
    """The planning of one turn. `continued`: the answer that broke off, which this turn continues."""

    turn: Turn
    runtime: Runtime
    can_compact: bool = True
    continued: Message | None = None
    loaded: ThreadSnapshot | None = None
    previous: PreviousTurn = NO_TURN
    started_at: int = 0
    _likenesses: dict[str, Likeness | None] = field(
        default_factory=dict
    )  # by question: several models ask the same
    _branches: ModelBranches | None = None
    _plans: dict[str, Plan] = field(default_factory=dict)  # by model, with nothing recalled

    async def load_snapshot(self) -> None:
        """Read what every plan of the turn is made from."""
        runtime, models = self.runtime, self.runtime.deployment.models
        self.started_at = runtime.clock.now()
        snapshot, self.previous = await runtime.database.read(self._read)
        await runtime.sizes.prepare(snapshot.texts, models)
        self.loaded = snapshot
        if self.continued is not None:
            await runtime.sizes.prepare([continuing.block(self.continued.text)], models)

    def _read(self, connection: Connection) -> tuple[ThreadSnapshot, PreviousTurn]:
        turn, deployment = self.turn, self.runtime.deployment
        snapshot = thread_snapshot.read(
            connection,
            turn.owner_id,
            turn.thread_id,
            turn.user_message_id,
            tokens=deployment.policy.window_cap,
            models=tuple(deployment.models),
        )
        return snapshot, previous_turn.above(connection, turn.owner_id, snapshot.path[-1])

    def price(self, model_id: str) -> Quote:
        """What the turn would cost with a model, without what recall may add, or why that model cannot answer.

        All models are priced with the same length of answer, that of the thread so far.
        """
        try:
            plan = self._without_recall(Route(model_id=model_id, tier=None, reason="a candidate"))
        except MessageTooLarge as problem:
            return Quote(why=f"takes at most {problem.limit} tokens")
        return quote(plan, self.runtime.deployment.prices(model_id, self.started_at), self._usual_answer)

    def turns_ahead(self) -> float:
        """How many turns are expected before a gap longer than the cache of the thread's most used model lives."""
        states = [stored.cache_state for stored in self.snapshot.cache_states.values()]
        used = max(states, key=lambda state: (state.share, state.used_at), default=None)
        policy = self.runtime.deployment.policy
        if used is None or not used.uses:
            models = self.runtime.deployment.models
            known = max((self.snapshot.global_gaps(model) for model in models), key=lambda gaps: gaps.seen)
            ahead = forecast_gaps((), known, per_gap=0, policy=policy)
            return turns_ahead(ahead.sample(), ahead.never, TTL_MS["5m"])
        ahead = forecast_gaps(
            used.gaps, self.snapshot.global_gaps(used.model), per_gap=0, policy=policy, uses=used.uses
        )
        ahead = replace(ahead, now=kind_of(self.started_at - used.used_at))
        return turns_ahead(ahead.sample(), ahead.never, TTL_MS[used.ttls.window] or TTL_MS["5m"])

    @property
    def _usual_answer(self) -> int:
        cache_states = [
            stored.cache_state for stored in self.snapshot.cache_states.values() if stored.cache_state.uses
        ]
        uses = sum(cache_state.uses for cache_state in cache_states)
        return (
            round(sum(cache_state.output * cache_state.uses for cache_state in cache_states) / uses)
            if uses
            else FIRST_ANSWER
        )

    async def plan(self, route: Route, *, short: bool = False) -> Plan:
        """Decide what the request contains. Raises MessageTooLarge. `short`: rather a shorter answer than none."""
        if self.loaded is None:
            await self.load_snapshot()
        recollection = await self._recall(route, short=short)
        if recollection.blocks:
            recalled = (*recollection.blocks, *self._rest(route.model_id))
            plan = self._decide(route, recalled, short=short)
        else:
            plan = self._without_recall(route, short=short)
        return replace(plan, recall=recollection.decision)

    async def _recall(self, route: Route, *, short: bool) -> Recollection:
        """What is recalled for the new message, and why."""
        deployment, path = self.runtime.deployment, self.snapshot.path
        if not deployment.recall_tokens:
            return Recollection.nothing("off")
        # Something older than the window exists only where its first message has a parent.
        if path[0].parent_id is None:
            return Recollection.nothing("nothing_older")
        text = path[-1].text
        if not may_need(text):
            return Recollection.nothing("asks_nothing")
        prices = deployment.prices(route.model_id, self.started_at)
        without = self._without_recall(route, short=short)
        prompt = without.estimate.total
        worth = answer_value(
            deployment.recall_mode, prices, prompt=prompt, turn=prices.cost(without.estimated_usage)
        )
        recollection = await self.search(
            route.model_id, text, value=worth, window=list(map(spoken, path[:-1]))
        )
        return recollection.priced(prices.at(prompt).input if prices.known else None)

    def _without_recall(self, route: Route, *, short: bool = False) -> Plan:
        """The plan with nothing recalled: models are priced by it, and it is the turn's own where nothing is needed."""
        if short:
            return self._decide(route, self._rest(route.model_id), short=True)
        plan = self._plans.get(route.model_id)
        if plan is None:
            plan = self._plans[route.model_id] = self._decide(route, self._rest(route.model_id))
        return replace(plan, route=route, reasons={**plan.reasons, "route": route.reason})

    def _decide(self, route: Route, recalled: Sequence[Recalled], *, short: bool = False) -> Plan:
        """Gather what the pure `plan` needs to know of this thread and model, and call it."""
        if self._branches is None:
            self._branches = ModelBranches(runtime=self.runtime, snapshot=self.snapshot, now=self.started_at)
        inputs, branch = self._branches.of(route.model_id)
        if short:
            needed = branch.path[-1].tokens + sum(block.tokens for block in recalled if block.needed)
            inputs = with_room_for(inputs, needed, least=FLOOR)
        turn_inputs = TurnInputs(
            route=route,
            branch=branch,
            recalled=recalled,
            previous_start=self.turn.window_start,
            user_ref=user_ref(self.turn.owner_id),
            can_compact=self.can_compact,
        )
        return plan(inputs, turn_inputs)

    async def recipe_write(
        self,
        plan: Plan,
        body: bytes,
        rounds: Sequence[Round] = (),
        *,
        tried: Mapping[str, str] | None = None,
    ) -> Work[None]:
        """What stores the recipe and the digest of the request `body` that is about to be sent. `tried` as in `stored_plan.plan_to_json`."""
        stored_prompts = self.runtime.stored_prompts
        value = plan_to_json(plan, body, rounds=rounds, tried=tried or {})
        if rounds:
            await self.runtime.sizes.prepare([str(rounds)], [plan.recipe.model])  # `grown` counts them

        def write(connection: Connection) -> None:
            if plan.prompt.digest not in stored_prompts:
                prompts.keep(connection, plan.prompt)
            turns.set_plan(connection, self.turn.owner_id, self.turn.id, value, plan.recipe.first_message_id)

        return write

    def grown(self, plan: Plan, rounds: Sequence[Round]) -> tuple[int, int]:
        """Tokens that the tool rounds so far add to a plan's prompt: as expected, and at most."""
        if not rounds:
            return 0, 0
        text, model_id, sizes = str(rounds), plan.recipe.model, self.runtime.sizes
        return sizes.count(text, model_id), sizes.bound(text, model_id)

    async def search(
        self, model_id: str, question: str, *, value: float = inf, window: Sequence[str] = ()
    ) -> Recollection:
        """Recall messages older than the window that a question is about; the search tool uses it too, which is asked for by the model.

        `value` and `window` as in `RecallRequest`.
        """
        summary, deployment = self.snapshot.summary, self.runtime.deployment
        brief = value == inf or deployment.models[model_id].local
        cap = min(BRIEF, deployment.recall_tokens) if brief else deployment.recall_tokens
        short, behind = short_replies(self.snapshot.path)
        likeness = await self._likeness(question)
        request = RecallRequest(
            question=question,
            before=self.snapshot.path[0],
            now=self.started_at,
            cap=cap,
            value=value,
            window=window,
            summary_lines={} if summary is None or value == inf else summary.lines_by_source(),
            likeness=likeness,
            short=short,
            behind=behind,
        )
        return await self.runtime.database.read(
            partial(
                recall,
                owner_id=self.turn.owner_id,
                thread_id=self.turn.thread_id,
                request=request,
                count=partial(self.runtime.sizes.count, model=model_id),
                outlines=self.runtime.outlines,
            )
        )

    async def _likeness(self, question: str) -> Likeness | None:
        """What messages are compared with, where recall also goes by meaning; None elsewhere."""
        if self.runtime.embeddings is None:
            return None
        if question not in self._likenesses:
            self._likenesses[question] = await self.runtime.embeddings.likeness(question)
        return self._likenesses[question]

    def _rest(self, model_id: str) -> tuple[Recalled, ...]:
        """The block that asks for the rest of an answer, where the turn continues one."""
        if self.continued is None:
            return ()
        text = continuing.block(self.continued.text)
        tokens = self.runtime.sizes.count(text, model_id)
        return (Recalled(id=continuing.named(self.continued.id), text=text, tokens=tokens),)

    @property
    def snapshot(self) -> ThreadSnapshot:
        """The thread snapshot, once it was loaded."""
        assert self.loaded is not None, "it is loaded before a plan is made"  # noqa: S101 - the order of calls
        return self.loaded


def body_of(plan: Plan, rounds: Sequence[Round] = ()) -> bytes:
    """The exact request of a plan, after the tool rounds so far."""
    return request.build(
        plan.recipe,
        plan.prompt.text,
        plan.messages,
        instructions=plan.instructions,
        summary=plan.summary,
        recalled=plan.recalled,
        rounds=rounds,
    )


def user_ref(owner_id: str) -> str:
    """An opaque stand-in for the owner, for the provider's abuse detection."""
    return request.digest(f"palaver user {owner_id}".encode())[:32]
