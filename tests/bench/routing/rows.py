"""The rows that the router is trained and measured on: labelled turns, and prompts whose two answers were graded."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from context.routing.signals import Reading, read
from context.routing.thread import EarlierMessage

NON_COMMERCIAL = frozenset({"alpacaeval"})
WRITTEN = Path(__file__).parent / "written_turns.tsv"
# What a turn of our own counts for beside one of a public source: short turns in many languages, written to be learned from.
WRITTEN_WEIGHT = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One turn as it is learned from. `weight`: how much it counts."""

    source: str
    topic: str
    label: str
    reading: Reading
    said: tuple[EarlierMessage, ...]
    weight: float = 1.0


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The rows of a gzipped JSON Lines file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def said_of(history: Iterable[dict[str, str]]) -> tuple[EarlierMessage, ...]:
    """The thread before a row."""
    return tuple(
        EarlierMessage(role="user" if message["role"] == "user" else "assistant", text=message["content"])
        for message in history
    )


def read_turns(data: Path) -> list[Row]:
    """All labelled turns. A topic is a row's most frequent word of its source that is not everywhere."""
    raw = rows_of(data / "turns.jsonl.gz")
    readings = [read(row["text"]) for row in raw]
    everywhere: dict[str, set[str]] = defaultdict(set)
    often: dict[str, Counter[str]] = defaultdict(Counter)
    for row, reading in zip(raw, readings, strict=True):
        for word in set(reading.words):
            everywhere[word].add(row["source"])
            often[row["source"]][word] += 1
    rows = []
    for row, reading in zip(raw, readings, strict=True):
        own = [word for word in reading.words if len(word) > 2 and len(everywhere[word]) < 6]
        topic = max(own, key=lambda word: (often[row["source"]][word], word), default=row["text"][:20])
        rows.append(
            Row(
                source=re.sub("-turn2$", "", row["source"]),
                topic=topic,
                label=row["label"],
                reading=reading,
                said=said_of(row["history"]),
            )
        )
    return rows


def written_turns() -> list[Row]:
    """The turns that were written for this project, in two dozen languages; a topic is a language."""
    return [
        Row(
            source="written",
            topic=language,
            label=label,
            reading=read(text),
            said=(),
            weight=WRITTEN_WEIGHT,
        )
        for language, label, text in (
            line.split("\t") for line in WRITTEN.read_text("utf-8").splitlines() if line
        )
    ]


def read_quality(data: Path) -> list[tuple[str, Reading, float]]:
    """(set, prompt, gain of the strong model) of the rows that may train."""
    return [
        (row["set"], read(row["prompt"]), row["strong"] - row["weak"])
        for row in rows_of(data / "quality.jsonl.gz")
        if not row["contaminated"] and row["set"] not in NON_COMMERCIAL
    ]
