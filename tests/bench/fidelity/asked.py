"""Play the kit's threads through the application and ask their questions behind them.

A thread is played to its end. Then each of its questions is asked at the time the data gives, as a branch of its own, and the model
refuses it, so that nothing follows from it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tests.bench.playing import each, player, scratch
from tests.bench.rewrites import Rewrites
from tests.bench.sent import Sent
from tests.bench.threads import Thread, from_messages, milliseconds, read_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question's row of the file, and the request it made."""

    row: dict[str, Any]
    sent: Sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A thread, its row of the file, its questions, and how often the summary was written for each of its turns."""

    row: dict[str, Any]
    thread: Thread
    questions: tuple[Question, ...]
    rewrites: Mapping[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is played: threads of each file and questions of each thread (None: all), settings other than the defaults, processes.

    `keep`: a folder in which the databases of played threads stay; those that are there are not played again.
    """

    data: Path
    limit: int | None = None
    questions: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    keep: Path | None = None
    jobs: int = 1


def ask_all(name: str, wanted: Wanted) -> list[Asked]:
    """The threads of the data set `name`, played and asked."""
    folder = wanted.data / "recall"
    rows = list(read_rows(folder / f"{name}.threads.jsonl.gz"))[: wanted.limit]
    questions: dict[str, list[dict[str, Any]]] = {}
    for question in read_rows(folder / f"{name}.questions.jsonl.gz"):
        if question["scored"]:
            questions.setdefault(question["thread"], []).append(question)
    spread = {thread: _some(listed, wanted.questions) for thread, listed in questions.items()}
    return list(each(partial(_run, wanted, spread), rows, wanted.jobs))


def _some(questions: Sequence[dict[str, Any]], limit: int | None) -> list[dict[str, Any]]:
    """So many questions, spread over all of them, in the order of time."""
    limit = min(limit or len(questions), len(questions))
    chosen = [questions[index * len(questions) // limit] for index in range(limit)]
    return sorted(chosen, key=lambda question: str(question["asked_at"]))


def _run(wanted: Wanted, questions: Mapping[str, Sequence[dict[str, Any]]], row: dict[str, Any]) -> Asked:
    return asyncio.run(_play_and_ask(wanted, questions[row["id"]], row))


async def _play_and_ask(wanted: Wanted, questions: Sequence[dict[str, Any]], row: dict[str, Any]) -> Asked:
    thread = from_messages(row)
    with scratch(wanted.keep and wanted.keep / row["id"].replace("/", "-")) as folder:
        rewrites, old = folder / "rewrites.json", (folder / "rewrites.json").exists()
        start = thread.exchanges[-1 if old else 0].at
        async with player(folder, start, **wanted.settings) as playing:
            if not old:
                playing.summarizer = counting = Rewrites(thread)
                await playing.play(thread, after_end=0)
                rewrites.write_text(json.dumps(counting.times))
            playing.knows(thread)
            asked = [
                Question(
                    row=question,
                    sent=await playing.ask(question["question"], milliseconds(question["asked_at"])),
                )
                for question in questions
            ]
        times = {int(turn): count for turn, count in json.loads(rewrites.read_text()).items()}
    return Asked(row=row, thread=thread, questions=tuple(asked), rewrites=times)
