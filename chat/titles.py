"""Titles: written once by the simple tier's model from the first question, while the answer is on its way."""

import json
from contextlib import aclosing

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from chat import events
from chat.ledger import CallRecord, entry
from chat.turn import TurnWork, user_ref
from chat.upstream.client import Call
from chat.upstream.failures import UpstreamFailure
from chat.upstream.wire import Words
from context.prompts import TITLE
from store import messages, threads, usage

log = structlog.get_logger()

MAX_TITLE = 80  # characters
MAX_QUESTION = 2_000  # characters of the question the model reads
MAX_TOKENS = 1_000  # thinking included; a title needs twenty


async def write_title(work: TurnWork) -> None:
    """Give the turn's thread a title if it has only a derived one. A failure costs the title, never the turn."""
    turn = work.turn
    async with work.database.reading() as connection:
        thread = await threads.get(connection, turn.owner_id, turn.thread_id)
        question = await messages.get(connection, turn.owner_id, turn.user_message_id)
    if thread is None or question is None or thread.title_source != "derived":
        return
    call = Call()
    model = work.deployment.tiers["simple"]
    record = CallRecord(
        call=call,
        model=model,
        prompt_tokens=0,
        started=work.clock.monotonic(),
        created_at=work.clock.now(),
    )
    words: list[str] = []
    try:
        async with (
            work.deployment.upstream.ask(
                _request(model, question.message.text, turn.owner_id), call
            ) as pieces,
            aclosing(pieces),
        ):
            async for piece in pieces:
                if isinstance(piece, Words) and piece.kind == "text":
                    words.append(piece.words)
        record.end("ok", work.clock.monotonic())
    except UpstreamFailure as failure:
        record.end(failure.trouble.outcome, work.clock.monotonic())
    title = valid(" ".join(words)) if record.outcome == "ok" else None
    spent = entry(turn, "title", record, work.clock, attempt=1, local=work.deployment.backend == "local")

    async def write(connection: AsyncConnection) -> bool:
        await usage.add(connection, spent)
        current = await threads.lock(connection, turn.owner_id, turn.thread_id)
        if title is None or current is None or current.title_source != "derived":
            return False
        return await threads.change(
            connection, turn.owner_id, turn.thread_id, title=title, title_source="model"
        )

    if await work.database.write(write):
        work.journal.event(events.Note(name="title", data={"title": title}))


def valid(text: str) -> str | None:
    """A usable title: one line without quotation marks around it, not too long. None when there is none."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    line = line.strip("\"'“”„«»*#` ").rstrip(".").strip()
    return line[:MAX_TITLE] if line and line.isprintable() else None


def _request(model: str, question: str, owner_id: str) -> bytes:
    body = {
        "model": model,
        "max_tokens": MAX_TOKENS,
        "system": [{"type": "text", "text": TITLE.text}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": question[:MAX_QUESTION]}]}],
        "metadata": {"user_id": user_ref(owner_id)},
        "stream": True,
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
