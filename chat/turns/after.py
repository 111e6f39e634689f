"""Model work behind a turn that has ended: the compaction it found due."""

from chat.background.summarizer import Summarizer
from chat.planning.thread_snapshot import load
from chat.turns.turn_work import TurnWork
from context.compaction.when import after_turn


async def compact_if_due(work: TurnWork, summarizer: Summarizer) -> None:
    """Behind a turn: compaction what it found undone, or what keeping would now cost more than compacting."""
    if work.plan is None or summarizer.rests(work.turn.owner_id, work.turn.thread_id):
        return
    turn, now = work.turn, work.runtime.clock.now()
    model = work.plan.recipe.model
    async with work.runtime.database.reading() as connection:
        snapshot = await load(
            connection,
            turn.owner_id,
            turn.thread_id,
            turn.message_id,
            tokens=None,  # all that has no summary: an import may be far more than a window
        )
    if not snapshot.path:
        return  # the thread was deleted, or compacted to its end
    inputs, path = snapshot.seen_by(work.runtime, model, now)
    compaction = after_turn(
        inputs,
        path=path,
        summary=snapshot.summary,
        cache_state=snapshot.cache_state(model),
        others=snapshot.others(work.runtime, model, now),
        now=now,
        found=work.plan.compaction,
    )
    if compaction is not None:
        await summarizer.compact(turn.owner_id, turn.thread_id, turn.message_id, compaction)
