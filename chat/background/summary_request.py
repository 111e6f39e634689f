"""Build the summarizer's request: one of its own, or one more question behind the prefix that the model has just read."""

from chat.background.completion import completion_request
from chat.planning.planner import user_ref
from chat.planning.replay import CannotReplay, replay
from chat.planning.thread_snapshot import ThreadSnapshot
from chat.runtime.runtime import Runtime
from context.compaction.prompt import Ask
from context.request import request
from store import messages, turns


async def summary_request(
    runtime: Runtime, snapshot: ThreadSnapshot, question: Ask, model: str, *, fork: bool
) -> bytes | None:
    """The request's bytes; None when the request that the model has read, behind which a `fork` asks, cannot be rebuilt."""
    if not fork:
        return completion_request(
            model,
            question.system.text,
            question.text,
            max_tokens=_room(runtime, model, question),
            user_ref=None if runtime.deployment.local else user_ref(snapshot.owner_id),
        )
    answer = snapshot.path[-1]
    try:
        async with runtime.database.reading() as connection:
            stored = await messages.get(connection, snapshot.owner_id, answer.id)
            turn = None if stored is None else await turns.get(connection, snapshot.owner_id, stored.turn_id)
            if turn is None or turn.message_id != answer.id:
                return None
            sent = await replay(connection, turn)
    except CannotReplay:
        return None
    return request.build_fork(
        sent.recipe,
        sent.prompt,
        sent.window,
        answer=answer,
        instruction=question.text,
        max_tokens=_room(runtime, model, question),
        summary=sent.summary,
    )


def _room(runtime: Runtime, model: str, question: Ask) -> int:
    """Output limit of a summary in tokens: its budget, and room to think where the model does."""
    limits = runtime.deployment.models[model]
    thinking = 4_000 if limits.thinking == "adaptive" else 0
    return min(question.max_tokens + thinking, limits.max_output)
