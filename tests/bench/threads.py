"""Threads of real texts, as exchanges: what a user wrote, what was answered, and when.

A file holds JSON lines, gzipped or not: `{"id", "source", "messages": [{"id", "role", "ts", "content"}]}`. Neighbors of one role are joined
by an empty line into one text, in the order in which they were written.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

NO_ANSWER = "All right."  # what stands in for the answer that the last text of a thread never got


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A user's text, the answer, and when the text came, in milliseconds."""

    user: str
    answer: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """A thread's exchanges. `turn_of`: the exchange in which each message of the file stands, by its id."""

    name: str
    source: str
    exchanges: tuple[Exchange, ...]
    turn_of: dict[str, int]

    @property
    def gaps(self) -> list[int]:
        """Milliseconds between the starts of consecutive turns."""
        starts = [exchange.at for exchange in self.exchanges]
        return [later - earlier for earlier, later in pairwise(starts)]

    def paced(self, gaps: Sequence[int]) -> Thread:
        """The thread with other pauses between its turns, in milliseconds."""
        start, exchanges = self.exchanges[0].at, list[Exchange]()
        for exchange, gap in zip(self.exchanges, (0, *gaps), strict=False):
            start += gap
            exchanges.append(replace(exchange, at=start))
        return replace(self, exchanges=tuple(exchanges))

    def first(self, turns: int | None) -> Thread:
        """The thread's first turns, or all of them."""
        return self if turns is None else replace(self, exchanges=self.exchanges[:turns])


def load(path: Path, limit: int | None = None) -> list[Thread]:
    """The threads of a file, or so many of them, spread over the file."""
    rows = list(read_rows(path))
    step = len(rows) / min(limit or len(rows), len(rows))
    return [from_messages(rows[int(step * index)]) for index in range(round(len(rows) / step))]


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON Lines file."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open() as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)


def from_messages(row: dict[str, Any]) -> Thread:
    """A thread of such a file. What an assistant wrote before any user stands at the beginning of the first user's text."""
    runs = [(role, list(run)) for role, run in groupby(row["messages"], key=lambda message: message["role"])]
    if runs[0][0] != "user":
        runs[:2] = [("user", [message for _, run in runs[:2] for message in run])]
    exchanges: list[Exchange] = []
    turn_of: dict[str, int] = {}
    for user, answer in zip(runs[::2], [*runs[1::2], ("assistant", [])], strict=False):
        turn_of |= {message["id"]: len(exchanges) for message in (*user[1], *answer[1])}
        at = milliseconds(user[1][-1]["ts"])
        if exchanges:
            at = max(at, exchanges[-1].at + 1_000)
        exchanges.append(Exchange(user=_joined(user[1]), answer=_joined(answer[1]) or NO_ANSWER, at=at))
    return Thread(name=row["id"], source=row.get("source", ""), exchanges=tuple(exchanges), turn_of=turn_of)


def milliseconds(stamp: str) -> int:
    """A time stamp as milliseconds since 1970 UTC."""
    return round(datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp() * 1000)


def _joined(messages: Sequence[dict[str, Any]]) -> str:
    return "\n\n".join(message["content"].strip() for message in messages if message["content"].strip())
