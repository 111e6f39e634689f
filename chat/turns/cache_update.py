"""What a turn's request did to the cache of its cache state, and what its bill teaches."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from chat.runtime.runtime import Runtime
from chat.turns.turn import TurnWork
from context.cache import keepalive
from context.cache.cache_state import CacheState, after_request
from context.cache.global_gaps import GlobalGaps
from context.models.pricing import Usage
from context.tokens.calibration import Calibration
from store import cache_states, learned_stats, messages, turns
from store.learned_stats import calibration_key, global_gaps_key
from store.ledger import entries
from store.turns import Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheUpdate:
    """The cache state after a turn, to be written with the turn's end.

    `next_at`: when it wants attention, in milliseconds; `actual_usage`: for the planned prompt, before any tool had answered.
    """

    runtime: Runtime
    turn: Turn
    cache_state: CacheState
    before: CacheState
    next_at: int | None
    actual_usage: Usage | None

    async def write(self, connection: AsyncConnection) -> None:
        """Keep the cache state, the gap in the histogram of all threads, and what the bill teaches about the model's tokens."""
        turn = self.turn
        await cache_states.put(
            connection, turn.owner_id, turn.thread_id, self.cache_state, turn_id=turn.id, next_at=self.next_at
        )
        if (
            self.before.used_at and self.cache_state is not self.before
        ):  # a clock that stepped back leaves the cache state as it was
            name = global_gaps_key(self.cache_state.model)
            histogram = await learned_stats.get(connection, name, to_change=True)
            global_gaps = GlobalGaps() if histogram is None else GlobalGaps.from_json(histogram)
            seen = global_gaps.observe(
                self.cache_state.gaps[-1].ms, self.before.gaps, self.runtime.deployment.policy
            )
            await learned_stats.put(connection, name, seen.to_json())
        await self._learn_sizes(connection)

    async def _learn_sizes(self, connection: AsyncConnection) -> None:
        """When this prompt extends the one of the turn before, the difference of their bills is what the new messages cost."""
        turn, actual_usage = self.turn, self.actual_usage
        if actual_usage is None or not self.before.used_at:
            return
        now = await turns.get(connection, turn.owner_id, turn.id)
        question = await messages.get(connection, turn.owner_id, turn.user_message_id)
        if now is None or now.plan is None or question is None or question.message.parent_id is None:
            return
        answer = await messages.get(connection, turn.owner_id, question.message.parent_id)
        before = None if answer is None else await turns.get(connection, turn.owner_id, answer.turn_id)
        if answer is None or before is None or before.plan is None or before.usage is None:
            return
        ours, theirs = now.plan["recipe"], before.plan["recipe"]
        same = ("model", "first_message_id", "summary_id", "prompt_digest", "thinking")
        if (
            any(ours.get(name) != theirs.get(name) for name in same)
            or ours["recalled"]
            or theirs.get("recalled")
        ):
            return
        calls = await _calls(connection, before)
        if calls is None:
            return
        new = (answer.message, question.message)
        name, sizes = calibration_key(self.cache_state.model), self.runtime.sizes
        value = await learned_stats.get(connection, name, to_change=True)
        known = Calibration.initial(self.cache_state.model) if value is None else Calibration.from_json(value)
        knows = known.observe(sizes.features(new), actual_usage.prompt - calls)
        await learned_stats.put(connection, name, knows.to_json())
        sizes.adopt(self.cache_state.model, knows)


async def _calls(connection: AsyncConnection, before: Turn) -> int | None:
    """The prompt tokens billed for a turn that needed one call; None for one that needed more."""
    rows = [
        row for row in await entries.of_turn(connection, before.owner_id, before.id) if row.purpose == "reply"
    ]
    return rows[0].usage.prompt if len(rows) == 1 and not rows[0].estimated else None


def cache_update(work: TurnWork) -> CacheUpdate | None:
    """The cache state after the turn's last request; None when no request to the planned model was begun, for then nothing was written or read."""
    planned, snapshot = work.planning.planned, work.planning.snapshot
    if planned is None or snapshot is None:
        return None
    accepted_upstream = [
        one for one in work.calls if one.accepted_upstream and one.model == planned.recipe.model
    ]
    if not accepted_upstream:
        return None
    first, record = (
        accepted_upstream[0],
        accepted_upstream[-1],
    )  # what tools said later is not in the first one's prompt
    before = snapshot.cache_state(record.model)
    actual_usage = record.call.usage if record.call.counted else None
    cache_state = after_request(
        before,
        planned.sent,
        started_at=record.created_at,
        actual_usage=actual_usage,
        upstream_id=record.call.upstream_id,
        policy=work.runtime.deployment.policy,
    )
    inputs = work.runtime.plan_inputs(
        record.model, record.created_at, thread=work.turn.thread_id, compacted=planned.summary is not None
    )
    work.runtime.shared_prompts.sent(record.model, inputs.tools, work.turn.thread_id, record.created_at)
    return CacheUpdate(
        runtime=work.runtime,
        turn=work.turn,
        cache_state=cache_state,
        before=before,
        next_at=keepalive.next_at(cache_state, inputs, after=cache_state.touched_at),
        actual_usage=first.call.usage if first.call.counted else None,
    )
