"""False alarms of the self-check: threads in which nothing is wrong, over system prompts that are estimated badly.

    python -m tests.bench.token_estimates.false_alarms <kit>/data/tokens/texts.jsonl.gz [--turns 600]

Each world is the real application behind a system prompt of one kind (base64, logs, Thai, Amharic, emoji, minified code, ...), with
two threads on three models, pauses of seconds to hours, other branches and one restart. The simulator bills by the
counts of a public tokenizer that is not the one behind the estimates; what it counted for whole texts of the evaluation data is
looked up, anything else is counted by the kind's bytes per token. The provider keeps its rules, so every cache miss that is named
is a false alarm; the keep-alives' and the cache's own deaths are planned for.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import logging
import random
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from tests.chat.talk import START, Talk, model, talking
from tests.upstream import Reply, SimClock, Simulator
from tests.upstream.tokens import counted_by

KINDS = (
    "base64",
    "json",
    "log",
    "emoji",
    "minified",
    "hex",
    "prose th",
    "prose my",
    "prose am",
    "prose hi",
    "prose zh-CN",
    "prose kn",
)
TIERS = ("simple", "standard", "complex")
PROMPT = 6_000  # bytes of a system prompt, at least
RECORDS = "\n\n"
TURNS = 25  # of a world
PACES = (
    (5, 20, 60),
    (5, 20, 9_000),
    (400, 700),
    (400, 1_800, 3_000),
    (5, 20, 60, 200, 400, 1_800, 9_000),
)  # seconds

Row = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Tally:
    """Turns played, the causes that were named, and how far the estimates of prompts were off, first and later turns apart."""

    turns: int = 0
    alarms: Counter[str] = field(default_factory=Counter)
    first: list[float] = field(default_factory=list)
    later: list[float] = field(default_factory=list)
    details: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class World:
    """One deployment behind a system prompt of `texts`; `pace`: the pauses there are, in seconds; `models` that answer in so many `threads`; `keepalives`: whether the timers run."""

    folder: Path
    name: str
    texts: list[str]
    pace: Sequence[float]
    models: int
    threads: int
    keepalives: bool
    turns: int

    async def play(self, tally: Tally) -> None:
        """Play the turns, with one restart, and count what the ledger says of them."""
        chance = random.Random(self.name)
        chance.shuffle(self.texts)
        prompt = self.folder / "prompt.txt"
        prompt.write_text(RECORDS.join(_enough(self.texts, chance.choice((1, 5)) * PROMPT)))
        said = [text for text in self.texts if len(text) < 4_000]
        async with Simulator(clock=SimClock(start=START)) as sim:
            sim.respond(model(lambda _: Reply(text=chance.choice(said), thinking="", chunk=4_000)))
            rows: list[dict[str, Any]] = []
            for part in (self.turns // 2, self.turns - self.turns // 2):
                async with talking(self.folder, sim, system_prompt_file=prompt) as chat:
                    for _ in range(part):
                        await self._turn(chat, chance, said)
                    rows = await chat.spent()
        _count(rows, self.name, tally)

    async def _turn(self, chat: Talk, chance: random.Random, said: Sequence[str]) -> None:
        thread = str(chance.randrange(self.threads))
        fields: dict[str, Any] = {"model": "standard" if self.models == 1 else chance.choice(TIERS)}
        if chance.random() < 0.1 and (shown := await _shown(chat, thread)):
            fields["parent_id"] = chance.choice(shown[-5:])
        turn = await chat.say(chance.choice(said), thread=thread, **fields)
        assert turn["status"] == "completed", turn["error"]
        pause = chance.choice(self.pace)
        if self.keepalives:
            await chat.rest(pause)
        else:
            chat.clock.advance(pause)


class OtherTokenizer:
    """What a public tokenizer counted: exact for whole texts of the data, by bytes per token for anything else."""

    def __init__(self, rows: Sequence[Row], name: str) -> None:
        self._counts = {row["text"].strip(): row["tokens"][name] for row in rows}
        tokens = sum(row["tokens"][name] for row in rows)
        self._bytes = sum(len(row["text"].encode()) for row in rows) / tokens
        self._known: dict[str, int] = {}

    def __call__(self, text: str, _: str) -> int:
        known = self._known.get(text)
        if known is None:
            parts = (part.strip() for part in text.split(RECORDS))
            known = self._known[text] = sum(
                self._counts[part]
                if part in self._counts
                else -(-len(part.encode()) // max(1, int(self._bytes)))
                for part in parts
            )
        return known


def kinds_of(data: Path) -> dict[str, list[Row]]:
    """The data's texts by kind; of prose by language; code once more without its white space."""
    kinds: dict[str, list[Row]] = defaultdict(list)
    with gzip.open(data, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            kinds[f"prose {row['lang']}" if row["kind"] == "prose" else row["kind"]].append(row)
            if row["kind"] == "code":
                text = re.sub(r"\s+", " ", row["text"])
                # White space is most of what a tokenizer merges in code: the rest costs nearly what it did.
                kinds["minified"].append({**row, "text": text})
    return kinds


def false_alarms(data: Path, turns: int = 600) -> Tally:
    """Play so many turns, evenly over the kinds and the tokenizers, and count the causes named."""
    kinds, tally = kinds_of(data), Tally()
    names = sorted(kinds["chat"][0]["tokens"])
    worlds = -(-turns // TURNS)
    for number in range(worlds):
        kind = KINDS[number % len(KINDS)]
        tokenizer = names[(number * 4 + number // len(KINDS)) % len(names)]
        rows = kinds[kind]
        with tempfile.TemporaryDirectory() as folder, counted_by(OtherTokenizer(rows, tokenizer)):
            world = World(
                folder=Path(folder),
                name=f"{kind}/{tokenizer}",
                texts=[row["text"] for row in rows if row["text"].strip()],
                pace=PACES[number % len(PACES)],
                models=(1, 3)[number // 2 % 2],
                threads=(2, 10)[number // 4 % 2],
                keepalives=number % 2 == 0,
                turns=min(TURNS, turns - number * TURNS),
            )
            asyncio.run(world.play(tally))
    return tally


async def _shown(chat: Talk, thread: str) -> list[str]:
    """The answers of a thread, oldest first."""
    answer = await chat.app.http.get(f"/api/threads/{thread}/messages")
    if answer.status_code != 200:
        return []
    return [each["id"] for each in answer.json()["messages"]][1::2]


def _enough(texts: Sequence[str], size: int) -> Iterator[str]:
    for text in [*texts, *texts]:
        yield text
        size -= len(text.encode())
        if size < 0:
            return


def _count(rows: Sequence[dict[str, Any]], name: str, tally: Tally) -> None:
    seen: set[tuple[str, str]] = set()
    for row in rows:
        if row["purpose"] != "reply":
            continue
        tally.turns += 1
        estimated = json.loads(row["estimated_usage"])
        kinds = ("input", "cache_read", "cache_write_5m", "cache_write_1h")
        off = abs(sum(estimated[kind] for kind in kinds) / sum(row[kind] for kind in kinds) - 1)
        cache_state = (row["thread_id"], row["response_model"])
        (tally.later if cache_state in seen else tally.first).append(off)
        seen.add(cache_state)
        if row["cache_miss"]:
            tally.alarms[row["cache_miss"].partition(":")[0]] += 1
            tally.details.append(
                f"{name}: {row['cache_miss']} read {estimated['cache_read']} / {row['cache_read']}"
            )


def main() -> None:
    """Print the count, and how far prompts were misjudged."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--turns", type=int, default=600)
    parser.add_argument("--detail", action="store_true")
    args = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    tally = false_alarms(args.data, args.turns)
    print(f"{sum(tally.alarms.values())} false alarms in {tally.turns} turns {dict(tally.alarms)}")
    for name, values in (("first", tally.first), ("later", tally.later)):
        values.sort()
        print(
            f"prompt estimates, {name} turns: mean {sum(values) / len(values):.1%}, p90 {values[len(values) * 9 // 10]:.1%}, worst {values[-1]:.1%}"
        )
    if args.detail:
        print("\n".join(tally.details))


if __name__ == "__main__":
    main()
