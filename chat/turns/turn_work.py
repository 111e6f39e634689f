"""The state of one running turn: what was planned, what was sent, and the answer so far. Right at every moment, so that any end can be recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from chat.calls.ledger import entry, keep
from chat.calls.record import CallContext, CallRecord
from chat.planning.planner import Planning, body_of
from chat.planning.thread_snapshot import ThreadSnapshot
from chat.runtime.runtime import Runtime
from chat.stream.answer_builder import AnswerBuilder
from chat.stream.journal import Journal
from chat.turns.turn_request import TurnRequest
from context.planning.planned import Plan
from context.request.request import Round
from store.database import Work
from store.turns import Turn


@dataclass(slots=True, kw_only=True)
class TurnWork:
    """One turn at work. `plan`: its request `body` was sent, or is about to be; `recipe_write` stores its recipe, None when that is done.

    `tried`: models that failed the turn before the present one, with the outcome of each; `snapshot_after`: the thread as the turn has left it.
    """

    turn_request: TurnRequest
    planning: Planning
    journal: Journal
    answer_builder: AnswerBuilder
    calls: list[CallRecord] = field(default_factory=list)
    plan: Plan | None = None
    body: bytes = b""
    recipe_write: Work[None] | None = None
    tried: Mapping[str, str] = field(default_factory=dict)
    snapshot_after: ThreadSnapshot | None = None

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

    @property
    def sent(self) -> int:
        """How many calls may have been sent so far."""
        return sum(record.opened for record in self.calls)

    @property
    def counted_tiers(self) -> set[str]:
        """The tiers whose budgets have counted this turn among those they answer."""
        return {record.tier for record in self.calls if record.tier is not None and record.counts}

    async def use_plan(self, plan: Plan, rounds: Sequence[Round] = ()) -> None:
        """Make this the turn's plan. Its recipe becomes durable together with the open call, before the request is sent."""
        body = body_of(plan, rounds)
        self.recipe_write = await self.planning.recipe_write(plan, body, rounds, tried=self.tried)
        self.plan, self.body = plan, body

    def recipe_stored(self) -> None:
        """The plan's recipe is durable, and the system prompt that it names."""
        if self.plan is not None:
            self.runtime.stored_prompts.add(self.plan.prompt.digest)
        self.recipe_write = None

    async def write_ledger_row(self, record: CallRecord) -> None:
        """Write the ledger row of a call that is not the turn's last, so that a crash later in the turn does not blur it."""
        row = entry(record, local=self.runtime.deployment.local)
        await self.runtime.database.write(partial(keep, rows=[row]))
