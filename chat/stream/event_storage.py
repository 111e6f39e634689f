"""How the events of a round are made durable: as rows of the turns' logs, or, on SQLite, all together in one row.

SQLite writes whole pages. There the events of a turn stay in rounds (`store.event_rounds`) and in memory until `CHECKPOINT_BYTES` of them
have gathered, `CHECKPOINT_ROUNDS` have passed or the turn ends; then they are copied to its log.
"""

from collections.abc import Collection, Mapping
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING, Protocol

from store import event_rounds
from store import events as store_events
from store.database import Database
from store.events import Batch

if TYPE_CHECKING:
    from chat.stream.journal import Journal, TurnLog

CHECKPOINT_BYTES = 8 * 1024  # of frames
CHECKPOINT_ROUNDS = 250  # 10 to 20 seconds

Failures = Mapping["Journal", Exception]
"""Journals whose events were not stored although the others' were."""


class TurnNotRunning(Exception):
    """The turn has ended, in this process or another, or was deleted: nothing is added to its log."""


class EventStorage(Protocol):
    """What the writer of the journals asks of the store."""

    async def write(self, batches: Mapping["Journal", Batch]) -> Failures:
        """Make events durable in one transaction. When it raises anything but StoreError, each batch is written by itself (`write_one`)."""
        ...

    async def write_one(self, journal: "Journal", batch: Batch) -> Failures:
        """The same for one turn."""
        ...

    def unneeded(self, journal: "Journal") -> int | None:
        """Up to which number rounds may be removed when this turn has ended."""
        ...

    def begin(self, log: "TurnLog") -> None:
        """A turn begins, whose events so far are in its log."""
        ...

    def ended(self, journal: "Journal") -> None:
        """Nothing more is written for this turn: all its events are in its log, or it is not ours any more."""
        ...


def event_storage(database: Database) -> EventStorage:
    """How this database stores events."""
    return InRounds(database) if database.dialect == "sqlite" else InLogs(database)


class InLogs:
    """Each event is a row of its turn's log at once. A number that is taken means that another process has ended the turn."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def write(self, batches: Mapping["Journal", Batch]) -> Failures:
        rows = [row for batch in batches.values() for row in batch.rows]
        await self._database.append(store_events.APPEND, rows)
        return {}

    async def write_one(self, journal: "Journal", batch: Batch) -> Failures:
        """Rows that are there already are its own, after a COMMIT without an answer; others raise IntegrityError."""
        await store_events.append(self._database, batch.rows)
        return {}

    def unneeded(self, journal: "Journal") -> None:
        return None

    def begin(self, log: "TurnLog") -> None:
        pass

    def ended(self, journal: "Journal") -> None:
        pass


class InRounds:
    """All events of a round are one row; a turn's are copied to its log from time to time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._newest = 0
        # By turn, the first round with events that its log has not; the oldest first.
        self._oldest: dict[Journal, int] = {}

    async def write(self, batches: Mapping["Journal", Batch]) -> Failures:
        logs = {journal: journal.not_in_log(batches.get(journal)) for journal in self._due(batches)}
        round_ = {journal: batch for journal, batch in batches.items() if journal not in logs}
        work = partial(
            event_rounds.add,
            round_=list(round_.values()),
            logs=list(logs.values()),
            unneeded=self._unneeded(logs),
        )
        added, not_running = await self._database.write(work)
        for journal in logs:
            journal.copied(logs[journal])
            self.ended(journal)
        self._newest = added or self._newest
        failures: dict[Journal, Exception] = {}
        for journal, batch in batches.items():
            if batch.turn_id in not_running:
                failures[journal] = TurnNotRunning(batch.turn_id)
            elif journal in round_:
                self._oldest.setdefault(journal, self._newest)
        return failures

    async def write_one(self, journal: "Journal", batch: Batch) -> Failures:
        return await self.write({journal: batch})

    def unneeded(self, journal: "Journal") -> int:
        return self._unneeded({journal})

    def begin(self, log: "TurnLog") -> None:
        log.copied = log.last

    def ended(self, journal: "Journal") -> None:
        self._oldest.pop(journal, None)

    def _due(self, batches: Mapping["Journal", Batch]) -> set["Journal"]:
        """The turns whose events are to be copied to their logs."""
        many = {
            journal
            for journal, batch in batches.items()
            if journal.bytes_not_in_log + sum(map(len, batch.payloads)) > CHECKPOINT_BYTES
        }
        long_ago = self._newest - CHECKPOINT_ROUNDS
        return many | set(takewhile(lambda journal: self._oldest[journal] < long_ago, self._oldest))

    def _unneeded(self, copied: Collection["Journal"]) -> int:
        """Up to which round every event is in its turn's log, once these turns' are copied."""
        others = (number - 1 for journal, number in self._oldest.items() if journal not in copied)
        return next(others, self._newest)
