"""Tables of fidelity: the share of gold-answer words in each part of the request, by the evidence's age and by rewrites of the summary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from tests.bench.fidelity.asked import Asked, Question
from tests.bench.fidelity.words import answer_words, share_in

PARTS = ("window", "summary", "recalled", "summary + window", "request", "thread")
AGES = (
    (10, "up to 10"),
    (50, "11 to 50"),
    (150, "51 to 150"),
    (10**9, "more"),
)  # turns from the evidence to the end


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A question: shares of its answer's words by part, turns since the oldest evidence, and writes of the summary for its turn."""

    category: str
    shares: dict[str, float]
    age: int
    writes: int


def measured(asked: Sequence[Asked]) -> list[Measured]:
    """All questions that have evidence in their thread."""
    return [
        _measured(thread, question)
        for thread in asked
        for question in thread.questions
        if any(id in thread.thread.turn_of for id in question.row["evidence"])
    ]


def _measured(asked: Asked, question: Question) -> Measured:
    words, sent = answer_words(question.row["answer"]), question.sent
    whole = [text for exchange in asked.thread.exchanges for text in (exchange.user, exchange.answer)]
    texts = {
        "window": sent.window,
        "summary": sent.summary,
        "recalled": sent.recalled,
        "summary + window": (*sent.summary, *sent.window),
        "request": (*sent.summary, *sent.window, *sent.recalled),
        "thread": whole,
    }
    turns = asked.thread.turn_of
    oldest = min(turns[id] for id in question.row["evidence"] if id in turns)
    return Measured(
        category=question.row["category"],
        shares={part: share_in(words, texts[part]) for part in PARTS},
        age=len(asked.thread.exchanges) - oldest,
        writes=asked.rewrites.get(oldest, 0),
    )


def tables(name: str, rows: Sequence[Measured]) -> Iterator[str]:
    """Markdown tables of one data set."""
    yield from _table(name, "all", rows, lambda row: "")
    yield from _table(name, "turns since the evidence", rows, _age)
    yield from _table(name, "times the summary was written for it", rows, lambda row: f"{row.writes}")
    yield from _table(name, "category", rows, lambda row: row.category)


def _age(row: Measured) -> str:
    return next(f"{place} {label}" for place, (most, label) in enumerate(AGES) if row.age <= most)


def _table(
    name: str, title: str, rows: Sequence[Measured], group: Callable[[Measured], str]
) -> Iterator[str]:
    yield f"\n| {name}: {title} | questions | " + " | ".join(PARTS) + " |"
    yield "|---|" + "---:|" * (len(PARTS) + 1)
    for key in sorted({group(row) for row in rows}):
        some = [row for row in rows if group(row) == key]
        shares = " | ".join(f"{fmean(row.shares[part] for row in some):.2f}" for part in PARTS)
        yield f"| {key} | {len(some)} | {shares} |"
