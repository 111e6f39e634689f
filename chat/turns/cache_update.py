"""Update the cache state after a turn, and learn token sizes from the bill."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from sqlalchemy import Connection

from chat.calls.record import CallRecord
from chat.planning.previous_turn import PreviousTurn
from chat.runtime.runtime import Runtime
from chat.runtime.token_sizes import PrefixSize
from chat.turns.turn_work import TurnWork
from context.cache import keepalive
from context.cache.cache_state import CacheState
from context.cache.cache_state_update import after_request
from context.cache.global_gaps import GlobalGaps
from context.cache.layout import lay_out
from context.cache.plan_inputs import BranchState, PlanInputs
from context.cache.prefix_sizes import reported
from context.messages import Message
from context.models.pricing import Usage
from context.planning.planned import Plan
from context.request.recipe import Recipe
from context.request.window import spoken
from context.tokens.calibration import Calibration
from store import cache_states, learned_stats
from store.cache_states import StoredCacheState
from store.learned_stats import global_gaps_key, prefix_key
from store.ledger import entries
from store.search.off_loop import off_loop
from store.turns import Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheUpdate:
    """The cache state after a turn, to be written with the turn's end.

    `next_at`: when it wants attention, in milliseconds; `actual_usage`: for the planned prompt, before any tool had answered;
    `prompt_size`: what this bill tells of the system prompt with its tools, None when that is nothing new; `first_texts`: all texts of
    the prompt, when no bill has instructions_texts anything of this system prompt before; `newest`: the last two messages of the window.
    """

    runtime: Runtime
    turn: Turn
    cache_state: CacheState
    before: CacheState
    next_at: int | None
    actual_usage: Usage | None
    prompt_size: PrefixSize | None = None
    first_texts: tuple[str, ...] = ()
    recipe: Recipe
    newest: tuple[Message, ...] = ()
    previous: PreviousTurn
    learned: dict[str, Callable[[], None]] = field(default_factory=dict, init=False)  # by name of `writes`

    def adopt(self) -> None:
        """Estimate by what `writes` have stored, once that is durable."""
        for adopt in self.learned.values():
            adopt()

    @property
    def writes(self) -> dict[str, Callable[[Connection], None]]:
        """What is stored, each apart from the others: none of it is worth losing an answer. A write forgets what an earlier run has learned."""
        writes: dict[str, Callable[[Connection], None]] = {"cache_state": self._store}
        if self.gap is not None:
            writes["gap_histogram"] = self._observe_gap
        if self.actual_usage is not None:
            writes["calibration"] = partial(self._learn_sizes, actual_usage=self.actual_usage)
        if self.prompt_size is not None:
            writes["prompt_size"] = partial(self._learn_prompt_size, size=self.prompt_size)
        return writes

    @property
    def stored(self) -> StoredCacheState:
        """The cache state as it is stored."""
        turn = self.turn
        return StoredCacheState(
            owner_id=turn.owner_id,
            thread_id=turn.thread_id,
            cache_state=self.cache_state,
            turn_id=turn.id,
            next_at=self.next_at,
        )

    @property
    def gap(self) -> int | None:
        """The idle gap before this turn, in milliseconds; None for a first turn, and where a clock stepped back."""
        if not self.before.used_at or self.cache_state is self.before:
            return None
        return self.cache_state.gaps[-1].ms

    def with_gap(self, histogram: GlobalGaps) -> GlobalGaps:
        """A histogram of all threads' idle gaps with the one before this turn added."""
        if self.gap is None:
            return histogram
        return histogram.observe(self.gap, self.before.gaps, self.runtime.deployment.policy)

    def _store(self, connection: Connection) -> None:
        """Store the cache state."""
        turn = self.turn
        cache_states.put(
            connection, turn.owner_id, turn.thread_id, self.cache_state, turn_id=turn.id, next_at=self.next_at
        )

    def _observe_gap(self, connection: Connection) -> None:
        """Add the idle gap before this turn to the histogram of all threads."""
        name = global_gaps_key(self.cache_state.model)
        value = learned_stats.get(connection, name, to_change=True)
        histogram = GlobalGaps() if value is None else GlobalGaps.from_json(value)
        learned_stats.put(connection, name, self.with_gap(histogram).to_json())

    def _learn_prompt_size(self, connection: Connection, size: PrefixSize) -> None:
        """Learn the size of the system prompt with its tools, which all threads share, unless more is known already."""
        self.learned.pop("prompt_size", None)
        name = prefix_key(self.cache_state.settings)
        value = learned_stats.get(connection, name, to_change=True)
        stored = None if value is None else PrefixSize.from_json(value)
        if stored is not None and stored.error < size.error:
            size = stored  # another process knows it better
        elif stored != size:
            learned_stats.put(connection, name, size.to_json())
        self.learned["prompt_size"] = partial(
            self.runtime.sizes.adopt_prefix, self.cache_state.settings, size
        )

    def _learn_sizes(self, connection: Connection, actual_usage: Usage) -> None:
        """Learn from the first prompt that contains a system prompt, and from prompts that extend another: the difference of their
        bills is what the new messages cost.
        """
        self.learned.pop("calibration", None)
        model, sizes = self.cache_state.model, self.runtime.sizes
        if self.first_texts:
            features, tokens = sizes.prompt_features(self.first_texts, model), actual_usage.prompt
        else:
            news = self._new_since(connection, actual_usage)
            if news is None:
                return
            new, tokens = news
            features = off_loop(
                sum(len(message.text) for message in new), partial(sizes.features, new, model)
            )
        name = sizes.calibration_key(model)
        value = learned_stats.get(connection, name, to_change=True)
        calibration = sizes.initial(model) if value is None else Calibration.from_json(value)
        learned = calibration.observe(features, tokens)
        learned_stats.put(connection, name, learned.to_json())
        self.learned["calibration"] = partial(sizes.adopt, model, learned)

    def _new_since(
        self, connection: Connection, actual_usage: Usage
    ) -> tuple[tuple[Message, ...], int] | None:
        """The messages that are new since the prompt before, and what they were billed; None when this prompt does not extend that one."""
        if not self.before.used_at or len(self.newest) < 2:
            return None
        answer, question = self.newest
        before, plan = self.previous.turn, self.previous.plan
        if before is None or plan is None or before.usage is None or not _extends(self.recipe, plan.recipe):
            return None
        tokens_before = _calls(connection, before)
        return None if tokens_before is None else ((answer, question), actual_usage.prompt - tokens_before)


def _extends(recipe: Recipe, before: Recipe) -> bool:
    """Whether a prompt is the one before and further messages, with nothing recalled in either."""

    def beginning(of: Recipe) -> tuple[str | None, ...]:
        return (
            of.model,
            of.first_message_id,
            of.summary_id,
            of.prompt_digest,
            of.instructions_digest,
            of.thinking,
        )

    return beginning(recipe) == beginning(before) and not recipe.recalled and not before.recalled


def _calls(connection: Connection, before: Turn) -> int | None:
    """The prompt tokens billed for a turn that needed one call; None for one that needed more."""
    rows = [row for row in entries.of_turn(connection, before.owner_id, before.id) if row.purpose == "reply"]
    return rows[0].usage.prompt if len(rows) == 1 and not rows[0].estimated else None


def _need(plan: Plan, *, searched: bool) -> float | None:
    """How likely the turn needed something older than the window; a model that searched for it knew. None where nothing is older."""
    if plan.recall.code in ("off", "nothing_older"):
        return None
    return 1.0 if searched and plan.recipe.tools else plan.recall.probability


def cache_update(work: TurnWork) -> CacheUpdate | None:
    """The cache state after the turn's last request; None when the planned model accepted none, so that no cache entry was written or read."""
    plan = work.plan
    if plan is None:
        return None
    accepted = [call for call in work.calls if call.accepted_upstream and call.model == plan.recipe.model]
    if not accepted:
        return None
    first, record = accepted[0], accepted[-1]  # the first one's prompt has no tool results
    before = work.planning.snapshot.cache_state(record.model)
    actual_usage = record.call.usage if record.call.counted else None
    cache_state = after_request(
        before,
        replace(plan.cache_use, need=_need(plan, searched=len(accepted) > 1)),
        started_at=record.created_at,
        actual_usage=actual_usage,
        upstream_id=record.call.upstream_id,
        policy=work.runtime.deployment.policy,
        first_usage=first.call.usage if first.call.counted else Usage(),
    )
    inputs = work.runtime.plan_inputs(
        record.model,
        record.created_at,
        thread=work.turn.thread_id,
        tools=plan.recipe.tools,
        instructions=plan.instructions,
    )
    if cache_state.holds(inputs.settings, record.created_at) and actual_usage is not None:
        work.runtime.shared_prompts.sent(record.model, inputs.tools, work.turn.thread_id, record.created_at)
    return CacheUpdate(
        runtime=work.runtime,
        turn=work.turn,
        cache_state=cache_state,
        before=before,
        next_at=keepalive.next_at(cache_state, inputs, after=cache_state.touched_at),
        actual_usage=first.call.usage if first.call.counted else None,
        prompt_size=_prompt_size(work, inputs, first, cache_state),
        first_texts=_first_texts(work, inputs),
        recipe=plan.recipe,
        newest=plan.messages[-2:],
        previous=work.planning.previous,
    )


def _prompt_size(
    work: TurnWork, inputs: PlanInputs, first: CallRecord, cache_state: CacheState
) -> PrefixSize | None:
    """What the bill of a turn's planned request tells of the system prompt with its tools; None when that is nothing new."""
    sizes, plan = work.runtime.sizes, work.plan
    if plan is None or not first.call.counted:
        return None
    known = sizes.prefix(inputs.settings)
    exact = reported(plan.cache_use.counted, first.call.usage).get(inputs.settings)
    if exact is not None:
        size = PrefixSize(exact, 0)
    elif known is None or known.error:
        model = inputs.model.id
        safety = sizes.safety(sizes.of_messages(plan.messages, model), model, plan.summary)
        system = lay_out(
            replace(inputs, policy=replace(inputs.policy, safety=safety)),
            BranchState(path=plan.messages, summary=plan.summary, cache_state=cache_state, now=0),
        ).positions[0]
        size = PrefixSize(system.tokens, system.error)
    else:
        return None
    return size if known is None or (size != known and size.error <= known.error) else None


def _first_texts(work: TurnWork, inputs: PlanInputs) -> tuple[str, ...]:
    """All texts of a prompt whose system prompt no bill has instructions_texts anything of; none where the prompt has more than texts to be counted."""
    plan = work.plan
    if plan is None or plan.recipe.tools or plan.recalled or work.runtime.sizes.prefix(inputs.settings):
        return ()
    instructions_texts = () if plan.instructions is None else (plan.instructions.text,)
    blocks = () if plan.summary is None else plan.summary.blocks
    return (inputs.prompt.text, *instructions_texts, *blocks, *filter(None, map(spoken, plan.messages)))
