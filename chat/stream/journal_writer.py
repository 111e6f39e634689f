"""Write the event logs of all turns of this process: one task gathers what they have, and one transaction makes it durable.

A round begins at once for the first words of an answer and for whatever is no text; other text gathers for `INTERVAL` seconds, for longer
when many turns write, and when a round takes long, so that rounds take no more than a share of the time. Within a round the turns keep the
order in which they had something to write.

When many turns write, they do not read the model's words one by one, but all that have arrived just before the next round (`before_round`):
waking a task, and sending a frame, costs more than all else that a word needs.
"""

import asyncio
from collections.abc import Sequence
from contextvars import Context

from chat.clock import Clock
from chat.stream.event_storage import event_storage
from chat.stream.journal import BufferLimits, Journal, TurnLog
from store.database import Database
from store.errors import StoreError, StoreUnavailable
from store.events import Batch

INTERVAL = 0.04  # seconds between two rounds with text: 25 a second look like typing and cost a tenth of one per token
MIN_INTERVAL = 0.015  # the same before anything urgent
MAX_INTERVAL = 0.08  # the same on a busy server
MANY = 20  # turns that write in a round: with more of them rounds become rarer
PER_TURN = 0.0005  # seconds that are added to INTERVAL for each turn above MANY
SHARE = 0.2  # of the time that rounds may take
ROWS = 2_000  # events in one transaction: other writes wait for it
AWAY_PAUSE = (0.1, 2.0)  # seconds between tries while the database is away: first, longest


class JournalWriter:
    """Makes the logs of this process's turns durable, and shows them. It has a task only while something waits to be written."""

    def __init__(self, database: Database, clock: Clock, limits: BufferLimits) -> None:
        self.storage = event_storage(database)
        self._clock = clock
        self._limits = limits
        self._scheduled: dict[Journal, None] = {}
        self._waiters: dict[Journal, asyncio.Future[None]] = {}
        self._readers: list[asyncio.Future[None]] = []  # turns that read on before the next round
        self._turns = 0  # that wrote in the last regular round
        self._regular_at = float("-inf")  # when that began
        self._task: asyncio.Task[None] | None = None
        self._urgent = False
        self._hurry: asyncio.Event = asyncio.Event()
        self._began_at = float("-inf")  # of the last round
        self._took = 0.0  # seconds of the last round
        self._pause = 0.0  # seconds before the next round while the database is away

    def journal(self, turn_id: str, log: TurnLog) -> Journal:
        """The log of a turn, which begins behind the events that are shown in `log`."""
        self.storage.begin(log)
        return Journal(self, turn_id, log, self._clock, self._limits)

    def schedule(self, journal: Journal, *, urgent: bool) -> None:
        """A turn has something to write."""
        self._scheduled[journal] = None
        if urgent and not self._urgent:
            self._urgent = True
            self._hurry.set()
        if self._task is None or self._task.done():
            # Without the context of the turn that happens to be first: log lines would name its request for every turn.
            self._task = asyncio.create_task(self._write_all(), name="journal", context=Context())

    async def flush(self, journal: Journal) -> None:
        """Wait for the next attempt to write what a turn has. Raises its error."""
        waiter = self._waiters.get(journal)
        if waiter is None:
            waiter = self._waiters[journal] = asyncio.get_running_loop().create_future()
        self._pause = 0.0
        self._urgent = False  # wakes a round that waits for a database that is away, too
        self.schedule(journal, urgent=True)
        await asyncio.shield(waiter)

    async def before_round(self) -> None:
        """Wait until the next round is about to begin, if many turns write. For a turn that has something to write."""
        if self._turns > MANY:
            reader = asyncio.get_running_loop().create_future()
            self._readers.append(reader)
            await reader

    async def stop(self) -> None:
        """End the round that is under way. The turns have ended by now, or other processes have taken them over."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _write_all(self) -> None:
        """Write in rounds until nothing waits."""
        try:
            while self._scheduled or self._readers:
                await self._until_due()
                await self._write_round()
        except BaseException:
            # Whoever waits tries again, and starts another task; a batch whose fate is unknown is written again as it was.
            self._let_read()
            for journal in list(self._waiters):
                self._wake(journal, StoreUnavailable("the write was given up"))
            raise

    async def _write_round(self) -> None:
        loop = asyncio.get_running_loop()
        regular = loop.time() >= self._regular_at + self._interval  # others come early, for something urgent
        if regular and self._readers:
            self._let_read()
            await asyncio.sleep(0)  # they read now
        journals = list(self._scheduled)
        self._scheduled, self._urgent = {}, False
        if regular:
            self._regular_at, self._turns = loop.time(), len(journals)
        self._hurry.clear()
        self._began_at = loop.time()
        for part in _parts(journals):
            await self._write(part)
        self._took = loop.time() - self._began_at

    @property
    def _interval(self) -> float:
        """Seconds between two regular rounds."""
        return min(MAX_INTERVAL, INTERVAL + PER_TURN * max(0, self._turns - MANY))

    def _let_read(self) -> None:
        """Wake the turns that wait to read."""
        readers, self._readers = self._readers, []
        for reader in readers:
            if not reader.done():
                reader.set_result(None)

    async def _until_due(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            usual = MIN_INTERVAL if self._urgent else self._interval
            least = min(MAX_INTERVAL, max(usual, self._took / SHARE))
            wait = self._began_at + max(least, self._pause) - loop.time()
            if wait <= 0:
                return
            try:
                async with asyncio.timeout(wait):
                    await self._hurry.wait()
                self._hurry.clear()
            except TimeoutError:
                return

    async def _write(self, journals: Sequence[Journal]) -> None:
        """Write what some turns have in one transaction; each by itself where one of them must not write its rows."""
        batches: dict[Journal, Batch] = {}
        for journal in journals:
            try:
                batch = journal.batch()
            except Exception as failure:  # noqa: BLE001 - an event that cannot be encoded keeps no other from being written
                self._settle(journal, failure)
                continue
            if batch.payloads:
                batches[journal] = batch
            else:
                self._settle(journal)
        if not batches:
            return
        try:
            failures = await self.storage.write(batches)
        except StoreError as failure:
            self._pause = min(AWAY_PAUSE[1], max(AWAY_PAUSE[0], self._pause * 2))
            for journal in batches:
                self._settle(journal, failure)
        except Exception:  # noqa: BLE001 - belongs to one of the turns: found out, and raised there
            for journal, batch in batches.items():
                await self._write_alone(journal, batch)
        else:
            self._pause = 0.0
            for journal in batches:
                self._settle(journal, failures.get(journal))

    async def _write_alone(self, journal: Journal, batch: Batch) -> None:
        """Write what one turn has."""
        try:
            failures = await self.storage.write_one(journal, batch)
        except Exception as failure:  # noqa: BLE001 - raised to the turn at its next words
            self._settle(journal, failure)
        else:
            self._settle(journal, failures.get(journal))

    def _settle(self, journal: Journal, failure: Exception | None = None) -> None:
        """Tell a turn, and whoever waits for its log, how the attempt ended."""
        if failure is None:
            journal.stored()
            again = journal.pending
        else:
            again = journal.not_stored(failure)
        if again:
            self._scheduled.setdefault(journal)
        self._wake(journal, failure)

    def _wake(self, journal: Journal, failure: Exception | None) -> None:
        """Wake whoever waits for a turn's log."""
        waiter = self._waiters.pop(journal, None)
        if waiter is None or waiter.done():
            return
        if failure is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(failure)
            waiter.exception()  # marks it as retrieved: whoever waited may have left


def _parts(journals: Sequence[Journal]) -> list[list[Journal]]:
    """The turns of a round in groups of at most ROWS events, about."""
    parts: list[list[Journal]] = [[]]
    events = 0
    for journal in journals:
        events += journal.count
        if events > ROWS and parts[-1]:
            parts.append([])
            events = journal.count
        parts[-1].append(journal)
    return parts
