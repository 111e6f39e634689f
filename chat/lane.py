"""What a turn's request did to the cache of its lane, and what its bill teaches."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from chat.deployment import Deployment
from chat.standing import service_name
from chat.turn import TurnWork
from context import keepalive
from context.lanes import Lane, after_request
from context.pricing import Usage
from context.service import Service
from context.tokens.calibration import Calibration
from store import lanes, learned, messages, turns, usage
from store.turns import Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneChange:
    """The lane after a turn, to be written with the turn's end.

    `next_at`: when it wants attention, in milliseconds; `billed`: for the planned prompt, before any tool had answered.
    """

    deployment: Deployment
    turn: Turn
    lane: Lane
    before: Lane
    next_at: int | None
    billed: Usage | None

    async def write(self, connection: AsyncConnection) -> None:
        """Keep the lane, the gap in the histogram of all threads, and what the bill teaches about the model's tokens."""
        turn = self.turn
        await lanes.put(
            connection, turn.owner_id, turn.thread_id, self.lane, turn_id=turn.id, next_at=self.next_at
        )
        if (
            self.before.used_at and self.lane is not self.before
        ):  # a clock that stepped back leaves the lane as it was
            name = service_name(self.lane.model)
            histogram = await learned.get(connection, name, to_change=True)
            service = Service() if histogram is None else Service.from_json(histogram)
            seen = service.observe(self.lane.gaps[-1].ms, self.before.gaps, self.deployment.policy)
            await learned.put(connection, name, seen.to_json())
        await self._learn_sizes(connection)

    async def _learn_sizes(self, connection: AsyncConnection) -> None:
        """When this prompt extends the one of the turn before, the difference of their bills is what the new messages cost."""
        turn, billed = self.turn, self.billed
        if billed is None or not self.before.used_at:
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
        sizes = self.deployment.sizes
        name = sizes.calibration_name(self.lane.model)
        value = await learned.get(connection, name, to_change=True)
        known = sizes.initial(self.lane.model) if value is None else Calibration.from_json(value)
        knows = known.observe(sizes.features(new, self.lane.model), billed.prompt - calls)
        await learned.put(connection, name, knows.to_json())
        sizes.adopt(self.lane.model, knows)


async def _calls(connection: AsyncConnection, before: Turn) -> int | None:
    """The prompt tokens billed for a turn that needed one call; None for one that needed more."""
    rows = [
        row for row in await usage.of_turn(connection, before.owner_id, before.id) if row.purpose == "reply"
    ]
    return rows[0].usage.prompt if len(rows) == 1 and not rows[0].estimated else None


def lane_change(work: TurnWork) -> LaneChange | None:
    """The lane after the turn's last request; None when no request to the planned model was begun, for then nothing was written or read."""
    planned, standing = work.planning.planned, work.planning.standing
    if planned is None or standing is None:
        return None
    begun = [one for one in work.calls if one.begun and one.model == planned.recipe.model]
    if not begun:
        return None
    first, record = begun[0], begun[-1]  # what tools said later is not in the first one's prompt
    before = standing.lane(record.model)
    billed = record.call.usage if record.call.counted else None
    lane = after_request(
        before,
        planned.sent,
        started_at=record.created_at,
        billed=billed,
        upstream_id=record.call.upstream_id,
        policy=work.deployment.policy,
    )
    terms = work.deployment.terms(
        record.model, record.created_at, thread=work.turn.thread_id, folded=planned.ladder is not None
    )
    work.deployment.prefixes.sent(record.model, terms.tools, work.turn.thread_id, record.created_at)
    return LaneChange(
        deployment=work.deployment,
        turn=work.turn,
        lane=lane,
        before=before,
        next_at=keepalive.next_at(lane, terms, after=lane.touched_at),
        billed=first.call.usage if first.call.counted else None,
    )
