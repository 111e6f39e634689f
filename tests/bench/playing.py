"""Play threads of real texts through the real application: HTTP, database, SDK and the simulator behind it, on a stepped clock.

The clock has the thread's own time. Between two turns it goes from one of the timers' appointments to the next, so that keep-alives
and compactions happen when they are due; behind the last turn the timers run on for a week. The simulator answers with the thread's
own answers and summarizes with `extractive`.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import structlog
from sqlalchemy import func, select

from context.models.pricing import PICO
from context.planning.stored_plan import StoredPlan
from context.request.prompts import TITLE
from store import tables
from store.ledger import entries
from store.ledger.entries import Entry
from store.local_user import LOCAL
from tests.bench.extractive import summarize, summarizes
from tests.bench.sent import Sent
from tests.bench.threads import Exchange, Thread
from tests.clocks import SteppedClock
from tests.palaver import Palaver, palaver
from tests.upstream import Reply, SimClock, Simulator
from tests.upstream.errors import invalid
from tests.upstream.replies import HttpFault

Item = TypeVar("Item")
Result = TypeVar("Result")

MEMORY = Path("/dev/shm")  # where there is such a folder, a database of a minute needs no disk
THREAD = "bench"
AFTER_END = 7 * 86_400_000  # milliseconds for which the timers run on behind the last turn
ONE_TIER: dict[str, Any] = {"default_tier": "standard"}
DEFAULTS: dict[str, Any] = {
    "titles": "auto",
    "default_tier": "auto",
}  # as shipped, where tests have their own


@dataclass(slots=True)
class Player:
    """A running application with one thread in it, and the model behind it. `sent`: the requests that were to be answered."""

    app: Palaver
    clock: SimClock
    summarizer: Callable[[dict[str, Any]], str] = summarize
    sent: list[Sent] = field(default_factory=list)
    said: set[str] = field(default_factory=set)
    end: str = ""
    question: str = ""
    answer: str | None = None

    def respond(self, body: dict[str, Any]) -> Reply:
        """What the model says. Without an answer at hand it refuses the request, so that nothing follows from it."""
        if summarizes(body):
            if self.answer is None:
                return Reply(fault=HttpFault(error=invalid("nothing is summarized for this question")))
            return Reply(text=self.summarizer(body), thinking="", chunk=4_000)
        if body["max_tokens"] == 0 or TITLE.text in str(body.get("system")):
            return Reply(thinking="")
        self.sent.append(Sent.of(body, self.question, self.said))
        if self.answer is None:
            return Reply(fault=HttpFault(error=invalid("this question is not answered")))
        return Reply(text=self.answer, thinking="", chunk=4_000)

    async def play(self, thread: Thread, *, after_end: int = AFTER_END) -> None:
        """All turns of a thread, each at its own time, and what the timers do between and behind them."""
        self.knows(thread)
        for exchange in thread.exchanges:
            await self.say(exchange)
        await self.rest_until(thread.exchanges[-1].at + after_end)

    async def say(self, exchange: Exchange) -> None:
        """One turn at its time, and what follows from it."""
        await self.rest_until(exchange.at)
        self.question, self.answer = exchange.user, exchange.answer
        turn = await self.app.chat(THREAD, exchange.user)
        assert turn["status"] == "completed", turn["error"]
        await self.app.settled()
        self.app.sim.log.exchanges.clear()
        self.sent[-1] = self.sent[-1].sizes()  # long threads would fill the memory

    def knows(self, thread: Thread) -> None:
        """Know a thread's texts; enough where its database was played before."""
        self.said = {exchange.user.strip() for exchange in thread.exchanges}

    async def ask(self, question: str, at: int, **fields: Any) -> Sent:
        """The request that a question would make behind the thread. It is not answered, and leaves the thread as it was."""
        await self.rest_until(at)
        self.question, self.answer = question, None
        if not self.end:
            self.end = (await self.app.messages(THREAD, limit=1))[-1]["id"]
        before = len(self.sent)
        accepted = await self.app.say(THREAD, question, parent_id=self.end, **fields)
        await self.app.follow(accepted["id"])
        await self.app.settled()
        request, self.sent[before:] = self.sent[before], []
        return request

    async def rest_until(self, until: int) -> None:
        """Let time pass (milliseconds since 1970), and the timers act when they want to."""
        soonest = select(func.min(tables.cache_states.c.next_at))
        while True:
            due = await self.app.deps.database.read(lambda connection: connection.scalar(soonest))
            now = round(self.clock.now * 1000)
            if due is None or due >= until:
                self.clock.advance(max(0, until - now) / 1000)
                return
            self.clock.advance(max(0, due - now + 1) / 1000)
            await self.app.deps.keepalives.start_due()
            await self.app.settled()

    async def ledger(self) -> list[Entry]:
        """The calls of the thread."""
        return await self.app.deps.database.read(
            lambda connection: entries.of_thread(connection, LOCAL, THREAD)
        )

    async def floors(self) -> list[tuple[int | None, int]]:
        """How many messages had to be verbatim in each turn, as its plan says, and the tokens that could be left out of them."""
        plan = tables.turns.c.plan
        query = select(plan).where(tables.turns.c.thread_id == THREAD).order_by(tables.turns.c.id)
        plans = await self.app.deps.database.read(lambda connection: connection.scalars(query).all())
        stored = [StoredPlan.of(value) for value in plans]
        return [(None, 0) if plan is None else (plan.floor, plan.floor_spared) for plan in stored]


@asynccontextmanager
async def player(folder: Path, start: int, **settings: Any) -> AsyncIterator[Player]:
    """A Palaver with default settings, but for those given, whose clock stands at `start` (milliseconds)."""
    clock = SimClock(start=start / 1000)
    async with (
        Simulator(clock=clock) as sim,
        palaver(folder, sim, clock=SteppedClock(clock), **{**DEFAULTS, **settings}) as app,
    ):
        app.stop_timers()
        playing = Player(app, clock)
        sim.respond(playing.respond)
        yield playing


def bill(rows: list[Entry]) -> dict[str, int]:
    """Picodollars by purpose."""
    spent: dict[str, int] = {}
    for row in rows:
        assert row.cost is not None, row.requested_model
        spent[row.purpose] = spent.get(row.purpose, 0) + int(row.cost * Decimal(PICO))
    return spent


@contextmanager
def scratch(keep: Path | None = None) -> Iterator[Path]:
    """A folder for a database: one that stays, or one in memory if possible. Until it is left only errors are logged."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    try:
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            yield keep
        else:
            with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
                yield Path(folder)
    finally:
        structlog.configure(**before)


def each(measure: Callable[[Item], Result], items: Iterable[Item], jobs: int) -> Iterator[Result]:
    """Measure each item, in so many processes."""
    if jobs == 1:
        yield from map(measure, items)
    else:
        with ProcessPoolExecutor(jobs) as pool:
            yield from pool.map(measure, items)
