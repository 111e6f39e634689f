"""Model work behind a turn that has ended: the compaction it found due."""

from chat.background.summarizer import Folder
from chat.planning.thread_snapshot import load
from chat.turns.turn import TurnWork
from context.compaction.when import after_turn


async def fold_if_due(work: TurnWork, folder: Folder) -> None:
    """Behind a turn: fold what it found undone, or what keeping would now cost more than folding."""
    if work.planning.planned is None or folder.rests(work.turn.owner_id, work.turn.thread_id):
        return
    turn, now = work.turn, work.clock.now()
    model = work.planning.planned.recipe.model
    async with work.database.reading() as connection:
        standing = await load(
            connection,
            turn.owner_id,
            turn.thread_id,
            turn.message_id,
            tokens=None,  # all that has no summary: an import may be far more than a window
        )
    if not standing.path:
        return  # the thread was deleted, or folded to its end
    terms, path = standing.seen_by(work.deployment, model, now)
    fold = after_turn(
        terms,
        path=path,
        ladder=standing.ladder,
        lane=standing.lane(model),
        others=standing.others(work.deployment, model, now),
        now=now,
        found=work.planning.planned.fold,
    )
    if fold is not None:
        await folder.fold(turn.owner_id, turn.thread_id, turn.message_id, fold)
