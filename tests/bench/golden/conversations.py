"""The repository's own threads: `threads/*.txt`, and how they are written.

`U +40s text` is a user's message 40 seconds (m: minutes, h: hours, d: days) after the one before, `A text` the answer; further lines are indented. Behind the
thread `? 5d question | words` is a question so long after it, and words that its evidence holds; without words it needs nothing old.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.bench.threads import Exchange, Thread

FOLDER = Path(__file__).parent / "threads"
START = 1_795_000_000_000  # milliseconds: a day on which the price table knows all current models
_ENTRY = re.compile(
    r"^(?P<kind>[UA?]) (?:\+?(?P<gap>\d+)(?P<unit>[smhd]) )?(?P<text>.*(?:\n(?![UA?#]).*)*)", re.MULTILINE
)
_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question behind a thread at a time (milliseconds), and words of the message that answers it; empty: none does."""

    text: str
    at: int
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A thread and the questions behind it."""

    thread: Thread
    questions: tuple[Question, ...]


def conversations() -> list[Conversation]:
    """All threads of the folder."""
    return [parsed(path.stem, path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.txt"))]


def parsed(name: str, text: str) -> Conversation:
    """A thread from its file."""
    at, users, answers, questions = START, list[tuple[str, int]](), list[str](), list[Question]()
    for entry in _ENTRY.finditer(text):
        at += int(entry["gap"] or 0) * _MS[entry["unit"] or "s"]
        words = "\n".join(line.strip() for line in entry["text"].rstrip().splitlines())
        match entry["kind"]:
            case "U":
                users.append((words, at))
            case "A":
                answers.append(words)
            case _:
                question, _, evidence = words.partition("|")
                questions.append(Question(text=question.strip(), at=at, evidence=evidence.strip()))
    exchanges = tuple(
        Exchange(user=user, answer=answer, at=at) for (user, at), answer in zip(users, answers, strict=True)
    )
    return Conversation(
        thread=Thread(name=name, source="golden", exchanges=exchanges, turn_of={}), questions=tuple(questions)
    )
