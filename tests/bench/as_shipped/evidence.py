"""Rows of evidence: the share of the messages that answer a question that is in the request which the question makes.

What is found is counted by the evaluation kit's own scorer, in everything the request holds besides system prompt and question. From the same
requests: the words of the gold answers that summary and window hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean
from typing import Any

from tests.bench.as_shipped.rows import Options, Row
from tests.bench.fidelity.asked import Asked, Question, Wanted, ask_all
from tests.bench.fidelity.words import answer_words, share_in
from tests.bench.kit import load as load_kit
from tests.bench.playing import ONE_TIER

ANY_SIZE = 10**9  # the scorer's budget: the request is as large as the application made it
WORDS = 0.55


class Evidence:
    """The rows of one data set. `aim` and `hops` in per cent, all questions and those of several hops."""

    def __init__(self, name: str, usual: int, aim: float | None, hops: float | None = None) -> None:
        self.name, self.usual, self.aim, self.hops = name, usual, aim, hops

    def __call__(self, options: Options) -> Iterator[Row]:
        if options.kit is None:
            yield Row(name=f"{self.name}: evidence in the request", value=None, note="needs --eval")
            return
        asked = ask_all(
            self.name,
            Wanted(
                data=options.data,
                limit=options.threads(self.usual),
                questions=options.questions,
                settings={**(ONE_TIER if options.tier == "standard" else {}), **options.settings},
                keep=options.keep,
                jobs=options.jobs,
            ),
        )
        kit = load_kit(options.kit / "context_recall.py")
        scores = [
            (question, score(kit, thread.row, question), score(kit, thread.row, question, summary=False))
            for thread in asked
            for question in thread.questions
        ]
        tokens = fmean(question.sent.recalled_tokens for question, _, _ in scores)
        nothing = fmean(not question.sent.recalled for question, _, _ in scores)
        categories = {question.row["category"] for question, _, _ in scores}
        for category in ("", *sorted(categories)):
            some = [values for values in scores if category in ("", values[0].row["category"])]
            note = (
                f"without the summary {100 * fmean(rest for _, _, rest in some):.1f}; {len(some)} questions"
            )
            if not category:
                note += f" of {len(asked)} threads; {tokens:,.0f} tokens recalled, nothing for {nothing:.0%}"
            yield Row(
                name=f"{self.name}, {category}"
                if category
                else f"{self.name}: % of the evidence in the request",
                value=100 * fmean(whole for _, whole, _ in some),
                aim={"": self.aim, "multi_hop": self.hops}.get(category),
                at_least=True,
                note=note,
            )
        yield answer_words_row(self.name, asked)


def answer_words_row(name: str, asked: list[Asked]) -> Row:
    """The share of the gold answers' words that summary and window hold, without recall."""
    shares = {
        "summary + window": [
            share_in(answer_words(question.row["answer"]), [*question.sent.summary, *question.sent.window])
            for thread in asked
            for question in thread.questions
        ],
        "window": [
            share_in(answer_words(question.row["answer"]), question.sent.window)
            for thread in asked
            for question in thread.questions
        ],
    }
    return Row(
        name=f"{name}: answer words in summary and window",
        value=fmean(shares["summary + window"]),
        aim=WORDS,
        at_least=True,
        note=f"in the window alone {fmean(shares['window']):.2f}",
    )


def score(kit: Any, thread: dict[str, Any], question: Question, *, summary: bool = True) -> float:
    """The share of the question's evidence in its request, with the `summary` or without it."""
    sent = question.sent
    context = [*(sent.summary if summary else ()), *sent.window, *sent.recalled]
    messages = {message["id"]: message for message in thread["messages"]}
    recall: float = kit.score_one(question.row, messages, ANY_SIZE, context).recall
    return recall
