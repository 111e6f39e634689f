"""Write a thread's title: once, by the simple tier's model, from the first question, while the answer is on its way."""

from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from chat.background.completion import complete, completion_request
from chat.calls import ledger
from chat.calls.record import CallContext
from chat.planning.planner import user_ref
from chat.runtime.runtime import Runtime
from chat.stream.journal import Journal
from chat.stream.notes import TitleNote
from context.request.prompts import TITLE
from store import messages, threads, turns
from store.turns import Turn

MAX_TITLE = 80  # characters
MAX_QUESTION = 2_000  # characters of the question the model reads
MAX_TOKENS = 1_000  # thinking included; a title needs twenty


async def write_title(turn: Turn, call_context: CallContext, *, runtime: Runtime, journal: Journal) -> None:
    """Give the turn's thread a title if it has only a derived one. A failure costs the title, never the turn."""
    async with runtime.database.reading() as connection:
        thread = await threads.get(connection, turn.owner_id, turn.thread_id)
        question = await messages.get(connection, turn.owner_id, turn.user_message_id)
    if thread is None or question is None or thread.title_source != "derived":
        return
    model = runtime.deployment.tiers["simple"]
    call_context = replace(call_context, purpose="title")
    body = completion_request(
        model,
        TITLE.text,
        question.message.text[:MAX_QUESTION],
        max_tokens=MAX_TOKENS,
        user_ref=user_ref(turn.owner_id),
    )
    completion = await complete(runtime, call_context, model, body)
    title = valid(completion.text) if completion.ok else None

    async def write(connection: AsyncConnection) -> bool:
        current = await threads.lock(connection, turn.owner_id, turn.thread_id)
        changed = False
        # Without the turn the thread was deleted, and perhaps another one has its id now.
        asked = await turns.get(connection, turn.owner_id, turn.id)
        if title is not None and asked and current is not None and current.title_source == "derived":
            changed = await threads.change(
                connection, turn.owner_id, turn.thread_id, title=title, title_source="model"
            )
        await ledger.keep(connection, completion.spent)
        return changed

    if await runtime.database.write(write) and title is not None:
        journal.note(TitleNote(title=title))


def valid(text: str) -> str | None:
    """A usable title: one line without quotation marks around it, not too long. None when there is none."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    line = line.strip("\"'“”„«»*#` ").rstrip(".").strip()
    return line[:MAX_TITLE] if line and line.isprintable() else None
