"""The same conversation through the real application: HTTP, database, SDK and the simulator behind it, on a stepped clock.

Texts of the wanted length stand in for the words; summaries are as long as a summarizer is allowed to be. Time goes from one of
the timers' appointments to the next, so that keep-alives and compactions happen when they are due.
"""

from __future__ import annotations

import asyncio
import random
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from context.models.pricing import PICO
from store import tables
from store.ledger import entries
from store.users import LOCAL
from tests.bench.economics.conversations import START, Conversation
from tests.bench.economics.engine import AFTER_END
from tests.clocks import SteppedClock
from tests.palaver import Palaver, palaver
from tests.upstream import Reply, SimClock, Simulator

THREAD = "bench"
LETTERS = "abcdefghijklmnopqrstuvwxyz"
SUMMARISER = "You condense"
FRAME = 4  # tokens of a message that are not its text, part of an exchange's sizes


@dataclass(slots=True, kw_only=True)
class Played:
    """What it cost, by purpose in picodollars, and how it went."""

    spent: dict[str, int] = field(default_factory=dict)
    prompt_tokens: int = 0
    read_tokens: int = 0
    folds: int = 0
    shortfalls: int = 0

    @property
    def total(self) -> int:
        return sum(self.spent.values())


def play(conversation: Conversation, gaps: Sequence[int], *, system: int, recall: bool = False) -> Played:
    """Play a conversation on the standard tier. `system` tokens of system prompt; without `recall` nothing is recalled."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_play(Path(folder), conversation, gaps, system, recall))


async def _play(
    folder: Path, conversation: Conversation, gaps: Sequence[int], system: int, recall: bool
) -> Played:
    clock = SimClock(start=START / 1000)
    chance = random.Random(conversation.name)
    prompt = folder / "prompt.txt"
    prompt.write_text(words(system, chance))
    settings: dict[str, Any] = {"system_prompt_file": prompt}
    if not recall:
        settings["recall_tokens"] = 0
    coming = 0

    def respond(body: dict[str, Any]) -> Reply:
        if SUMMARISER in str(body.get("system")):
            return Reply(text=summary(str(body["messages"]), chance), thinking="")
        # The frame is billed as output in the sizes of an exchange: a short thought, which is not sent again, stands for it.
        return Reply(text=words(coming - FRAME, chance), thinking=words(FRAME, chance), chunk=4_000)

    async with (
        Simulator(clock=clock) as sim,
        palaver(folder, sim, clock=SteppedClock(clock), **settings) as app,
    ):
        app.stop_timers()
        sim.respond(respond)
        last = len(conversation.exchanges) - 1
        for index, exchange in enumerate(conversation.exchanges):
            coming = exchange.answer
            turn = await app.chat(THREAD, words(exchange.user - FRAME, chance))
            assert turn["status"] == "completed", turn["error"]
            await app.settled()
            await _rest(app, clock, gaps[index] if index < last else AFTER_END)
        return await _played(app)


async def _rest(app: Palaver, clock: SimClock, pause: int) -> None:
    """Let time pass (milliseconds), and the timers act when they want to."""
    until = round(clock.now * 1000) + pause
    while True:
        async with app.deps.database.reading() as connection:
            due = await connection.scalar(select(func.min(tables.cache_states.c.next_at)))
        now = round(clock.now * 1000)
        if due is None or due >= until:
            clock.advance((until - now) / 1000)
            return
        clock.advance(max(0, due - now + 1) / 1000)
        await app.deps.keepalives.start_due()
        await app.settled()


async def _played(app: Palaver) -> Played:
    async with app.deps.database.reading() as connection:
        rows = await entries.of_thread(connection, LOCAL, THREAD)
    played = Played()
    for row in rows:
        assert row.cost is not None
        played.spent[row.purpose] = played.spent.get(row.purpose, 0) + int(row.cost * Decimal(PICO))
        if row.purpose == "reply":
            played.prompt_tokens += row.usage.prompt
            played.read_tokens += row.usage.cache_read
        played.folds += row.purpose == "summary" and row.outcome == "ok"
        played.shortfalls += row.cache_miss is not None
    return played


def words(tokens: int, chance: random.Random) -> str:
    """A text of about so many tokens as the simulator counts them: a word of four letters is one and a third."""
    return " ".join("".join(chance.choices(LETTERS, k=4)) for _ in range(max(1, round(tokens * 0.75))))


def summary(prompt: str, chance: random.Random) -> str:
    """A list with sources, a sixth as long as what is condensed and 1,300 tokens at the most."""
    sources = list(dict.fromkeys(re.findall(r"<(m\d+) ", prompt))) or ["m1"]
    room = min(1_300, len(prompt) // 5 // 6 * 4 // 3)
    lines = max(1, min(len(sources), room // 30))
    return "\n".join(
        f"- {words(max(4, room // lines - 12), chance)} [{chance.choice(sources)}]" for _ in range(lines)
    )
