"""Rows of evidence: the share of the messages that answer a question that is in the request which the question makes.

A thread is played to its end. Then each of its questions is asked behind it at the time the data gives, as a branch of its own, and the
model refuses it, so that nothing follows from it. What is found is counted by the evaluation kit's own scorer, in everything the request
holds besides system prompt and question.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

from tests.bench.as_shipped.measured import each, scratch
from tests.bench.as_shipped.rows import Options, Row
from tests.bench.kit import load as load_kit
from tests.bench.playing import ONE_TIER, player
from tests.bench.sent import Sent
from tests.bench.threads import from_messages, milliseconds, read_rows

ANY_SIZE = 10**9  # the scorer's budget: the request is as large as the application made it


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question's row of the file, and the request it made."""

    row: dict[str, Any]
    sent: Sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A thread's row of the file, and its questions."""

    row: dict[str, Any]
    questions: tuple[Question, ...]


class Evidence:
    """The rows of one data set."""

    def __init__(self, name: str, usual: int, aim: float | None, hops: float | None = None) -> None:
        self.name, self.usual, self.aim, self.hops = name, usual, aim, hops

    def __call__(self, options: Options) -> Iterator[Row]:
        if options.kit is None:
            yield Row(name=f"{self.name}: evidence in the request", value=None, note="needs --eval")
            return
        asked = ask_all(self.name, options, self.usual)
        kit = load_kit(options.kit / "context_recall.py")
        scores = [
            (
                question,
                score(kit, thread.row, question, whole=True),
                score(kit, thread.row, question, whole=False),
            )
            for thread in asked
            for question in thread.questions
        ]
        tokens = fmean(question.sent.recalled_tokens for question, _, _ in scores)
        nothing = fmean(not question.sent.recalled for question, _, _ in scores)
        yield Row(
            name=f"{self.name}: % of the evidence in the request",
            value=100 * fmean(whole for _, whole, _ in scores),
            aim=self.aim,
            at_least=True,
            note=f"without the summary {100 * fmean(rest for _, _, rest in scores):.1f}; {len(asked)} threads, {len(scores)} questions; "
            f"{tokens:,.0f} tokens recalled, nothing for {nothing:.0%}",
        )
        for category in sorted({question.row["category"] for question, _, _ in scores}):
            some = [values for values in scores if values[0].row["category"] == category]
            yield Row(
                name=f"{self.name}, {category}",
                value=100 * fmean(whole for _, whole, _ in some),
                aim=self.hops if category == "multi_hop" else None,
                at_least=True,
                note=f"without the summary {100 * fmean(rest for _, _, rest in some):.1f}; {len(some)} questions",
            )


def ask_all(name: str, options: Options, usual: int) -> list[Asked]:
    """Play the threads of a data set and ask their questions."""
    folder = options.data / "recall"
    rows = list(read_rows(folder / f"{name}.threads.jsonl.gz"))[: options.threads(usual)]
    questions: dict[str, list[dict[str, Any]]] = {}
    for question in read_rows(folder / f"{name}.questions.jsonl.gz"):
        if question["scored"]:
            questions.setdefault(question["thread"], []).append(question)
    spread = {thread: _some(listed, options.questions) for thread, listed in questions.items()}
    settings = {**(ONE_TIER if options.tier == "standard" else {}), **options.settings}
    return list(each(partial(_ask_in, settings, spread, options.keep), rows, options.jobs))


def _some(questions: Sequence[dict[str, Any]], limit: int | None) -> list[dict[str, Any]]:
    """So many questions, spread over all of them."""
    limit = min(limit or len(questions), len(questions))
    return [questions[index * len(questions) // limit] for index in range(limit)]


def _ask_in(
    settings: dict[str, Any],
    questions: dict[str, list[dict[str, Any]]],
    keep: Path | None,
    row: dict[str, Any],
) -> Asked:
    return asyncio.run(_play_and_ask(settings, questions[row["id"]], keep, row))


async def _play_and_ask(
    settings: dict[str, Any], questions: Sequence[dict[str, Any]], keep: Path | None, row: dict[str, Any]
) -> Asked:
    thread = from_messages(row)
    with scratch(keep and keep / row["id"].replace("/", "-")) as folder:
        old = (folder / "palaver.db").exists()
        async with player(folder, thread.exchanges[-1 if old else 0].at, **settings) as playing:
            if old:
                playing.knows(thread)
            else:
                await playing.play(thread, after_end=0)
            asked = [
                Question(
                    row=question,
                    sent=await playing.ask(question["question"], milliseconds(question["asked_at"])),
                )
                for question in sorted(questions, key=lambda question: str(question["asked_at"]))
            ]
    return Asked(row=row, questions=tuple(asked))


def score(kit: Any, thread: dict[str, Any], question: Question, *, whole: bool) -> float:
    """The share of the question's evidence in its request; in the `whole`, or without the summary."""
    sent = question.sent
    context = [*(sent.summary if whole else ()), *sent.window, *sent.recalled]
    messages = {message["id"]: message for message in thread["messages"]}
    recall: float = kit.score_one(question.row, messages, ANY_SIZE, context).recall
    return recall
