"""Build the summarizer's request: one of its own, or one more question behind the prefix that the model has just read."""

from functools import partial

from sqlalchemy import Connection

from chat.background.completion import completion_request
from chat.planning.planner import user_ref
from chat.planning.replay import CannotReplay, Replayed, replay
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
        sent = await runtime.database.read(partial(_sent, owner_id=snapshot.owner_id, answer_id=answer.id))
    except CannotReplay:
        return None
    return request.build_fork(
        sent.recipe,
        sent.prompt,
        sent.window,
        answer=answer,
        instruction=question.text,
        max_tokens=_room(runtime, model, question),
        instructions=sent.instructions,
        summary=sent.summary,
    )


def _sent(connection: Connection, owner_id: str, answer_id: str) -> Replayed:
    """What the request was made of that a message answers. Raises CannotReplay."""
    stored = messages.get(connection, owner_id, answer_id)
    turn = None if stored is None else turns.get(connection, owner_id, stored.turn_id)
    if turn is None or turn.message_id != answer_id:
        raise CannotReplay("the message is no turn's answer")
    return replay(connection, turn)


def _room(runtime: Runtime, model: str, question: Ask) -> int:
    """Output limit of a summary in tokens: its budget, and room to think where the model does."""
    limits = runtime.deployment.models[model]
    thinking = 4_000 if limits.thinking == "adaptive" else 0
    return min(question.max_tokens + thinking, limits.max_output)
