"""What the application does with the repository's threads, as values that can be compared: bills, compactions, what is recalled."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from statistics import fmean
from typing import Any

from sqlalchemy import Connection, select

from store import tables
from tests.bench.as_shipped.measured import Played, least
from tests.bench.golden.conversations import Conversation, Question
from tests.bench.playing import THREAD, Player, player, scratch
from tests.bench.recall.adapter import Bench
from tests.bench.sent import Sent

BUDGETS = (200, 400, 800, 1_500, 3_000)  # tokens of window and recall together, in the bench of recall


async def measure(conversation: Conversation, settings: Mapping[str, Any], *, asks: bool) -> dict[str, Any]:
    """Play a thread and, if it `asks`, its questions. Money in picodollars."""
    thread = conversation.thread
    with scratch() as folder:
        async with player(folder, thread.exchanges[0].at, **settings) as playing:
            await playing.play(thread, after_end=0)
            played = await Played.of(thread, playing)
            compacted = await _compactions(playing)
            summary = await playing.app.get(f"/api/threads/{THREAD}/summary")
            asked = {
                question.text: _parts(question, await playing.ask(question.text, question.at))
                for question in (conversation.questions if asks else ())
            }
    return {
        "bill": played.spent,
        "calls": played.calls,
        "cache misses": played.misses,
        "over the least": round(played.total / least(played), 4),
        "compactions": compacted,
        "summary": [line["text"] for line in summary["lines"]],
        "models": [request.model.id for request in played.sent],
        "tokens of summary, window, recall": [
            f"{request.summary_tokens} {request.window_tokens} {request.recalled_tokens}"
            for request in played.sent
        ],
        "questions": asked,
    }


async def _compactions(playing: Player) -> list[int]:
    """After how many messages each summary ends, in the order in which they were made."""
    upto = tables.summaries.c.upto_depth
    query = select(upto).where(tables.summaries.c.thread_id == THREAD)

    def read(connection: Connection) -> list[int]:
        depths = connection.scalars(query.order_by(tables.summaries.c.created_at, upto))
        return [depth + 1 for depth in depths]

    return await playing.app.deps.database.read(read)


def _parts(question: Question, sent: Sent) -> dict[str, Any]:
    """Where the question's evidence stands in its request, and the beginnings of what was recalled."""
    texts = {"window": sent.window, "summary": sent.summary, "recalled": sent.recalled}
    return {
        "asks": bool(question.evidence),
        "evidence": [
            part
            for part, blocks in texts.items()
            if question.evidence and question.evidence in "\n".join(blocks)
        ],
        "recalled tokens": sent.recalled_tokens,
        "recalled": [text[:60] for text in sent.recalled],
    }


def evidence_share(measured: Mapping[str, Any]) -> float:
    """The share of the questions that ask for something whose evidence is in their request."""
    shares = [bool(parts["evidence"]) for parts in measured["questions"].values() if parts["asks"]]
    return fmean(shares) if shares else 0.0


def recalled_for_nothing(measured: Mapping[str, Any]) -> float:
    """Mean tokens recalled for messages that ask for nothing old."""
    tokens = [parts["recalled tokens"] for parts in measured["questions"].values() if not parts["asks"]]
    return fmean(tokens) if tokens else 0.0


def recall(conversation: Conversation) -> dict[str, Any]:
    """What the bench of recall builds for each question and budget: how many lines, and their digest."""
    row, bench = _row(conversation), Bench()
    try:
        return {
            f"{question.text} ({budget})": _built(
                bench.build(row, {"question": question.text, "asked_at": _stamp(question.at)}, budget)
            )
            for question in (*conversation.questions, *_said_again(conversation))
            for budget in BUDGETS
        }
    finally:
        bench.close()
        bench.runner.close()


def _said_again(conversation: Conversation) -> list[Question]:
    """Each third text of the user as a question behind the thread: more ways to choose than the questions give."""
    end = conversation.questions[-1].at
    return [
        Question(text=exchange.user, at=end, evidence="") for exchange in conversation.thread.exchanges[::3]
    ]


def _built(lines: list[str]) -> str:
    text = "\n".join(lines)
    return f"{len(lines)} lines, {sha256(text.encode()).hexdigest()[:12]}"


def _row(conversation: Conversation) -> dict[str, Any]:
    """The thread in the form of the kit."""
    texts = [
        (role, exchange.at, text)
        for exchange in conversation.thread.exchanges
        for role, text in (("user", exchange.user), ("assistant", exchange.answer))
    ]
    return {
        "id": conversation.thread.name,
        "messages": [
            {"id": f"m{number}", "role": role, "ts": _stamp(at), "content": text}
            for number, (role, at, text) in enumerate(texts)
        ],
    }


def _stamp(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat()
