"""A soak: people chat with random faults until the time is over; then the books are compared and the memory is looked at."""

import asyncio
import gc
import math
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from chat.upstream.client import Timeouts
from tests.bench.soak.reconcile import Books, reconcile, rows_of
from tests.bench.soak.users import FAULTS, Person, model, round_of
from tests.clocks import HurriedClock
from tests.palaver import palaver
from tests.upstream import SimClock, Simulator
from tests.upstream.log import Log

START = 1_795_000_000.0
MIB = 1024 * 1024
PATIENCE = Timeouts(connect=5.0, write=5.0, first_byte=20.0, silence=20.0)
FRESH = 25  # turns a person keeps to one thread: then a new one begins, as in life


@dataclass(slots=True, kw_only=True)
class Soak:
    """What a soak came to. `memory` are seconds since the start and MiB of the process, simulator included."""

    seconds: float
    turns: int
    books: Books
    ended: Counter[str] = field(default_factory=Counter)
    memory: list[tuple[float, float]] = field(default_factory=list)

    @property
    def slope(self) -> float:
        """MiB per hour, least squares over the second half: the first half warms up."""
        late = self.memory[len(self.memory) // 2 :]
        if len(late) < 3:
            return 0.0
        mean_at = sum(at for at, _ in late) / len(late)
        mean_size = sum(size for _, size in late) / len(late)
        spread = sum((at - mean_at) ** 2 for at, _ in late)
        return sum((at - mean_at) * (size - mean_size) for at, size in late) / spread * 3_600


async def soak(
    folder: Path,
    *,
    seconds: float = math.inf,
    rounds: float = math.inf,
    people: int = 12,
    seed: int = 1,
    rate: float = 0.08,
) -> Soak:
    """Chat for so many seconds or so many rounds of turns, and compare the ledger with the simulator's log."""
    dice, clock = random.Random(f"soak {seed}"), SimClock(start=START)
    process, began = psutil.Process(), time.monotonic()
    memory: list[tuple[float, float]] = []
    # Bodies are not kept, and the log is bounded: what grows shall be Palaver.
    log = Log(limit=1_000_000, keep_bodies=False)
    async with Simulator(clock=clock, log=log) as sim:
        sim.respond(model(seed))
        sim.chaos(seed=seed, rate=rate, kinds=FAULTS)
        async with palaver(
            folder,
            sim,
            clock=HurriedClock(clock),
            timeouts=PATIENCE,
            titles="model",
            window_tokens=4_000,
            log_level="error",
        ) as app:
            crowd = [
                Person(app=app, thread=f"p{n}-0", dice=random.Random(f"{seed} {n}")) for n in range(people)
            ]
            played = 0
            while time.monotonic() - began < seconds and played < rounds:
                played += 1
                await round_of(crowd, clock, sim, dice)
                for number, person in enumerate(crowd):
                    if person.turns and person.turns % FRESH == 0:
                        person.thread, person.last = f"p{number}-{person.turns}", None
                gc.collect()
                memory.append((time.monotonic() - began, process.memory_info().rss / MIB))
            await app.settled()
            await sim.idle()
            books = reconcile(await rows_of(app.deps.database), log)
    ended: Counter[str] = Counter()
    for person in crowd:
        ended.update(person.ended)
    return Soak(
        seconds=time.monotonic() - began,
        turns=sum(person.turns for person in crowd),
        books=books,
        ended=ended,
        memory=memory,
    )


def told(found: Soak) -> str:
    """The result in words."""
    size = f"{found.memory[0][1]:.0f} → {found.memory[-1][1]:.0f} MiB" if found.memory else "unknown"
    lines = [
        f"{found.seconds / 60:.1f} minutes, {found.turns} turns: {dict(found.ended)}",
        str(found.books),
        f"calls by purpose: {dict(found.books.purposes.most_common())}",
        f"faults: {dict(found.books.faults.most_common())}",
        f"memory {size}, {found.slope:+.1f} MiB an hour over the second half (simulator and its log included)",
        "the ledger is the provider's log, to the cent and the token"
        if not found.books.wrong
        else "NOT THE SAME:\n" + "\n".join(found.books.wrong[:50]),
    ]
    return "\n".join(lines)


def main(minutes: float, people: int, seed: int) -> int:
    """Run one and print what it came to; 1 when the books differ."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(soak(Path(folder), seconds=minutes * 60, people=people, seed=seed))
    print(told(found))
    return 1 if found.books.wrong else 0
