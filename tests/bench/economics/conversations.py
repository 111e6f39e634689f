"""Threads as sequences of turns with their sizes, and made-up pauses between them."""

from __future__ import annotations

import gzip
import json
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

TOKENS_PER_CHARACTER = 0.4
START = 1_795_000_000_000  # milliseconds; a day on which the price table knows all current models

RECORDED = "recorded"
PATTERNS = ("seconds", "minutes", "bursts", "hours", "days")


@dataclass(frozen=True, slots=True)
class Exchange:
    """A user text and its answer, in tokens."""

    user: int
    answer: int


@dataclass(frozen=True, slots=True)
class Conversation:
    """A thread: its exchanges, the tier a router sends each to, and the recorded pause after each (milliseconds), if any is."""

    name: str
    exchanges: tuple[Exchange, ...]
    tiers: tuple[str, ...]
    pauses: tuple[int, ...] = ()


def load(path: Path, limit: int, most_turns: int) -> tuple[list[Conversation], list[Conversation]]:
    """Threads of a JSON Lines file, spread over the file, and the others; consecutive messages of one role count as one."""
    loaded = [_conversation(value) for value in _lines(path)]
    step = max(1, len(loaded) // limit)
    chosen = loaded[::step][:limit]
    names = {conversation.name for conversation in chosen}
    return [
        Conversation(
            conversation.name,
            conversation.exchanges[:most_turns],
            conversation.tiers[:most_turns],
            conversation.pauses[:most_turns],
        )
        for conversation in chosen
    ], [conversation for conversation in loaded if conversation.name not in names]


def between(conversation: Conversation, pattern: str, seed: int) -> list[int]:
    """Milliseconds between the starts of consecutive turns: the conversation's own when recorded ones are wanted."""
    if pattern == RECORDED:
        return list(conversation.pauses)
    return pauses(pattern, len(conversation.exchanges), seed)


def pauses(pattern: str, count: int, seed: int) -> list[int]:
    """So many made-up pauses in milliseconds."""
    chance = random.Random(f"{pattern} {seed}")
    return [max(2_000, round(1_000 * _pause(pattern, chance))) for _ in range(count)]


def _pause(pattern: str, chance: random.Random) -> float:
    match pattern:
        case "seconds":
            return chance.lognormvariate(math.log(30), 0.7)
        case "minutes":
            return chance.lognormvariate(math.log(8 * 60), 0.8)
        case "bursts":
            if chance.random() < 0.15:
                return math.exp(chance.uniform(math.log(600), math.log(3 * 86_400)))
            return chance.lognormvariate(math.log(45), 0.7)
        case "hours":
            return chance.lognormvariate(math.log(3 * 3_600), 0.9)
        case "days":
            return chance.lognormvariate(math.log(1.5 * 86_400), 0.7)
    raise ValueError(pattern)


def _conversation(value: dict[str, object]) -> Conversation:
    exchanges: list[Exchange] = []
    starts: list[float] = []  # of each exchange: when the last of its user texts came
    user = answer = 0
    messages = value["messages"]
    assert isinstance(messages, list)
    for message in messages:
        size = max(1, math.ceil(len(message["content"]) * TOKENS_PER_CHARACTER)) + 4
        if message["role"] == "user":
            if answer:
                exchanges.append(Exchange(user, answer))
                user = answer = 0
            if user:
                starts.pop()
            starts.append(_seconds(message.get("ts")))
            user += size
        elif user:
            answer += size
    if user and answer:
        exchanges.append(Exchange(user, answer))
    name = str(value["id"])
    chance = random.Random(name)
    tiers = tuple(chance.choices(("simple", "standard", "complex"), (55, 35, 10))[0] for _ in exchanges)
    known = all(starts)
    between = [max(1, round(1_000 * (new - old))) for old, new in pairwise(starts)] if known else []
    return Conversation(name, tuple(exchanges), tiers, tuple(between[: len(exchanges) - 1] + [0] * known))


def _seconds(stamp: object) -> float:
    return datetime.fromisoformat(str(stamp).replace("Z", "+00:00")).timestamp() if stamp else 0.0


def _lines(path: Path) -> Iterator[dict[str, object]]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open() as lines:
        for line in lines:
            yield json.loads(line)
