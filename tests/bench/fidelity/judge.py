"""Real answers to the questions, from three contexts, judged by a rubric: the full history, Palaver's request, and that request without
its summary.

The full history is cached for the other questions of its thread; everything else is sent once. Answers are graded 0, 0.5 or 1 against the
gold answer, or the rubric where the data has one.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from anthropic import AsyncAnthropic

from context.models.pricing import Usage, price_table, usd
from context.request.prompts import ASSISTANT
from tests.bench.fidelity.asked import Asked, Question
from tests.bench.sent import Sent
from tests.bench.threads import Thread

ANSWERS, JUDGE = "claude-sonnet-5-5", "claude-opus-5-5"
ARMS = ("full history", "Palaver", "without summary")
ANSWER_TOKENS, GRADE_TOKENS = 400, 20  # expected; an answer may have `MOST`
MOST = 2_000
GRADING = 500  # tokens of a grading request besides the answer
AT_ONCE = 4
CHARACTERS = 3.0  # to a token, on the safe side
RUBRIC = (
    "You grade an answer to a question about an earlier conversation. Say 1 if it contains everything that the expected answer contains, 0.5 if "
    "it contains part of it, 0 if it does not, is wrong, or says that it does not know. Wording and further detail do not count. Reply with the number alone."
)
_GRADE = re.compile(r"\b(?:0\.5|0|1)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A question in one of the three contexts. `shared` messages are the same for all questions of the thread."""

    arm: str
    row: dict[str, Any]
    shared: tuple[dict[str, Any], ...]
    messages: tuple[dict[str, Any], ...]

    @property
    def tokens(self) -> tuple[int, int]:
        """Estimated tokens: shared, and its own."""
        return _tokens(self.shared), _tokens(self.messages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    arm: str
    category: str
    value: float


def prompts(asked: Sequence[Asked]) -> list[Prompt]:
    """All questions in all contexts, those of one thread and arm behind each other, so that the cache is warm."""
    return [
        prompt
        for arm in ARMS
        for thread in asked
        for question in thread.questions
        for prompt in [_prompt(arm, thread.thread, question)]
    ]


def _prompt(arm: str, thread: Thread, question: Question) -> Prompt:
    if arm == "full history":
        last = {"role": "user", "content": question.row["question"]}
        return Prompt(arm=arm, row=question.row, shared=_history(thread), messages=(last,))
    messages = _messages(question.sent, summary=arm == "Palaver")
    return Prompt(arm=arm, row=question.row, shared=(), messages=messages)


def _history(thread: Thread) -> tuple[dict[str, Any], ...]:
    turns: list[dict[str, Any]] = []
    for exchange in thread.exchanges:
        turns.append({"role": "user", "content": exchange.user})
        turns.append({"role": "assistant", "content": exchange.answer})
    cached = {"type": "text", "text": thread.exchanges[-1].answer, "cache_control": {"type": "ephemeral"}}
    turns[-1] = {"role": "assistant", "content": [cached]}
    return tuple(turns)


def _messages(sent: Sent, *, summary: bool) -> tuple[dict[str, Any], ...]:
    """The application's own messages, without cache breakpoints."""
    left_out = 0 if summary else len(sent.summary)
    messages: list[dict[str, Any]] = []
    for turn in sent.messages:
        texts = [block["text"] for block in turn["content"]][left_out:]
        left_out = max(0, left_out - len(turn["content"]))
        if texts:
            messages.append(
                {"role": turn["role"], "content": [{"type": "text", "text": text} for text in texts]}
            )
    return tuple(messages)


def estimate(listed: Sequence[Prompt]) -> str:
    """The expected cost, in words."""
    answers, grades = price_table(ANSWERS, now=0), price_table(JUDGE, now=0)
    assert answers is not None
    assert grades is not None
    total, seen = 0, set[tuple[str, str]]()
    for prompt in listed:
        shared, own = prompt.tokens
        key = (prompt.arm, prompt.row["thread"])
        cached = key in seen
        seen.add(key)
        total += answers.cost(
            Usage(
                input=own,
                output=ANSWER_TOKENS,
                cache_read=shared if cached else 0,
                cache_write_5m=0 if cached else shared,
            )
        )
        total += grades.cost(Usage(input=GRADING + ANSWER_TOKENS, output=GRADE_TOKENS))
    return f"{len(listed)} answers by {ANSWERS} and as many grades by {JUDGE}, about ${usd(total):.2f}"


async def judged(listed: Sequence[Prompt], client: AsyncAnthropic) -> list[Grade]:
    """Ask and grade everything, a few at a time."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def grade(prompt: Prompt) -> Grade:
        async with slots:
            answer = await _say(client, ANSWERS, ASSISTANT.text, [*prompt.shared, *prompt.messages], MOST)
            verdict = await _say(
                client, JUDGE, RUBRIC, [{"role": "user", "content": _to_grade(prompt.row, answer)}], MOST
            )
        match = _GRADE.search(verdict)
        return Grade(arm=prompt.arm, category=prompt.row["category"], value=float(match[0]) if match else 0.0)

    return list(await asyncio.gather(*(grade(prompt) for prompt in listed)))


async def judged_by_the_api(listed: Sequence[Prompt]) -> list[Grade]:
    """The same with the key of the environment."""
    async with AsyncAnthropic() as client:
        return await judged(listed, client)


async def _say(client: AsyncAnthropic, model: str, system: str, messages: Sequence[Any], most: int) -> str:
    message = await client.messages.create(model=model, system=system, messages=messages, max_tokens=most)
    return "".join(block.text for block in message.content if block.type == "text")


def _to_grade(row: dict[str, Any], answer: str) -> str:
    expected = "\n".join(map(str, row.get("rubric") or [row["answer"]]))
    return f"<question>\n{row['question']}\n</question>\n<expected>\n{expected}\n</expected>\n<answer>\n{answer}\n</answer>"


def table(name: str, grades: Sequence[Grade]) -> Iterator[str]:
    """Mean grades by category and context."""
    yield f"\n| {name}: judged | questions | " + " | ".join(ARMS) + " |"
    yield "|---|" + "---:|" * (len(ARMS) + 1)
    for category in ("", *sorted({grade.category for grade in grades})):
        some = [grade for grade in grades if category in ("", grade.category)]
        means = [fmean(grade.value for grade in some if grade.arm == arm) for arm in ARMS]
        yield (
            f"| {category or 'all'} | {len(some) // len(ARMS)} | "
            + " | ".join(f"{mean:.2f}" for mean in means)
            + " |"
        )


def _tokens(messages: Sequence[dict[str, Any]]) -> int:
    return round(len(str(messages)) / CHARACTERS)
