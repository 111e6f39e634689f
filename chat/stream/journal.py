"""A turn's event log: number events without gaps, have them made durable, and only then show them to readers.

`chat.stream.journal_writer` writes the logs of all running turns together. Nothing is delivered that a restart could forget.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import structlog

from chat.clock import Clock
from chat.stream import events, notes
from store.errors import StoreError
from store.events import Batch

if TYPE_CHECKING:
    from chat.stream.journal_writer import JournalWriter

log = structlog.get_logger()

# Bytes of text that wait to be written; past them the model's stream is not read on. More than most whole answers: what a broken
# connection has delivered, and nobody has read, is lost.
MAX_PENDING = 256 * 1024
# Bytes of a turn's newest frames that are kept for its followers, however long the answer; one who is further behind reads the store.
TAIL_BYTES = 8 * 1024


class TurnLog:
    """The newest events of a running turn as SSE frames in memory, for followers in this process. Older ones are in the store.

    `last`: the sequence number of the newest event. `copied`: up to which number the turn's log in the store has them, None when it has
    them all; the others are kept.
    """

    def __init__(self) -> None:
        self.last = 0
        self.copied: int | None = None
        self.ended = False
        self._tail: deque[bytes] = deque()
        self._bytes = 0
        self._changed = asyncio.Event()

    def extend(self, frames: Sequence[bytes], *, ended: bool = False) -> None:
        """Show further durable events and wake every follower. What the store has is kept as far as TAIL_BYTES has room for it."""
        self._tail.extend(frames)
        self.last += len(frames)
        self._bytes += sum(map(len, frames))
        needed = len(frames) if self.copied is None else max(len(frames), self.last - self.copied)
        while self._bytes > TAIL_BYTES and len(self._tail) > needed:
            self._bytes -= len(self._tail.popleft())
        self.ended = self.ended or ended
        self.wake()

    def after(self, cursor: int) -> list[bytes] | None:
        """The frames of all events after a cursor; None when some of them are only in the store."""
        missing = self.last - cursor
        return None if missing > len(self._tail) else self._newest(missing)

    def not_copied(self) -> list[bytes]:
        """The frames of all events that the turn's log in the store has not."""
        return [] if self.copied is None else self._newest(self.last - self.copied)

    def wake(self) -> None:
        """Let followers look again."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def wait(self) -> None:
        """Until something changes."""
        await self._changed.wait()

    def _newest(self, count: int) -> list[bytes]:
        return list(islice(self._tail, len(self._tail) - count, None)) if count > 0 else []


@dataclass(frozen=True, slots=True, kw_only=True)
class BufferLimits:
    """How long (seconds) and how much (bytes of events) a journal buffers while the database is away."""

    seconds: float = 60.0
    bytes: int = 4_000_000


class Journal:
    """One turn's log. Events may be added while a batch is being written.

    While the database is away, events are buffered within `limits`, and a note says so when it is back. Only past the limits the turn
    hears of it, at its next event.
    """

    def __init__(
        self, writer: "JournalWriter", turn_id: str, log: TurnLog, clock: Clock, limits: BufferLimits
    ) -> None:
        self.turn_id = turn_id
        self._writer = writer
        self._log = log
        self._clock = clock
        self._limits = limits
        self._context = copy_context()  # of the turn's request, for log lines
        self._waiting: list[events.Event] = []
        self._words: list[str] = []  # of the part that is being written, behind what waits
        self._part_id = ""
        self._bytes = 0  # of text that waits
        # A batch whose fate is unknown is written again as it was: its COMMIT may have succeeded without an answer.
        self._unconfirmed: list[str] = []
        self.bytes_not_in_log = 0  # of events that were shown
        self._seq = log.last
        self._text_shown = False
        self._write_began_at = 0.0
        self._failure: BaseException | None = None
        self._away_since: float | None = None
        self._away_because: StoreError | None = None
        self._closed = self._left_to_ending = False

    def text(self, part_id: str, words: str) -> None:
        """Add words to a part; they are stored and shown soon, the first of an answer at once.

        Raises the error of an earlier failed write, but only after these words were added, so that log and answer agree.
        """
        if part_id != self._part_id:
            self._end_words()
            self._part_id = part_id
        self._words.append(words)
        self._bytes += len(words.encode())
        self._check()
        self._writer.schedule(self, urgent=not self._text_shown)

    def event(self, event: events.Event) -> None:
        """Add an event; it is stored and shown with the text around it, in order. A closed log drops it.

        Raises as `text` does, after the event was added.
        """
        if self._closed:
            return
        self._end_words()
        self._waiting.append(event)
        self._check()
        self._writer.schedule(self, urgent=True)

    def note(self, note: notes.AnyNote) -> None:
        """Add a note. Raises as `text` does."""
        self.event(notes.to_event(note))

    def close(self) -> None:
        """Drop every event added from now on; no more text may be. What waits is stored by the transaction that ends the turn (`ending`)."""
        self._closed = self._left_to_ending = True

    async def settle(self) -> None:
        """Wait until everything added so far is durable and shown, also what an earlier failure left unstored.

        On a log that is closed: until no write is under way or in doubt. Raises the error of the write that failed.
        """
        while self.pending:
            await self._writer.flush(self)
        self._failure = None

    async def store_rest(self) -> None:
        """Store and show what a closed log left to the transaction that should have ended the turn. Raises as `settle`."""
        self._left_to_ending = False
        await self.settle()

    async def wait_to_read(self) -> None:
        """Wait before the model's stream is read on: on a busy server until the next round, so that what arrives meanwhile is read at once.

        Also while more text waits to be written than MAX_PENDING. Does not wait for a database that is away.
        """
        if self._words and self._text_shown and self._away_since is None:
            await self._writer.before_round()
        while self._bytes > MAX_PENDING and self._away_since is None and self._failure is None:
            with suppress(Exception):  # raised at the next word, if it is to be raised at all
                await self._writer.flush(self)

    def ending(self, terminal: events.Event) -> Batch:
        """All events that the turn's log in the store has not, to be stored in the transaction that ends the turn; the last is `terminal`.

        The log is closed and settled.
        """
        if not self._left_to_ending or self.pending:
            raise RuntimeError("the terminal event is the last one: close and settle the log first")
        self._end_words()
        return self.not_in_log(Batch(self.turn_id, self._seq + 1, self._encoded([*self._waiting, terminal])))

    def show_ending(self, ending: Batch) -> None:
        """Show the end of the turn, which is durable by now."""
        first, self._seq = self._seq + 1, ending.last_seq
        self._waiting = []
        new = ending.payloads[first - ending.first_seq :]
        self._log.extend([events.frame(first + n, payload) for n, payload in enumerate(new)], ended=True)

    def ended(self) -> None:
        """Nothing more is written: the turn's end is stored, or it is not ours any more."""
        self._writer.storage.ended(self)

    @property
    def unneeded_rounds(self) -> int | None:
        """Up to which number rounds may be removed when this turn's end is stored."""
        return self._writer.storage.unneeded(self)

    def not_in_log(self, batch: Batch | None) -> Batch:
        """The events that the turn's log in the store has not, and those of a batch."""
        shown = [events.payload(frame) for frame in self._log.not_copied()]
        new = [] if batch is None else batch.payloads
        return Batch(self.turn_id, self._seq + 1 - len(shown), shown + new)

    def copied(self, batch: Batch) -> None:
        """The turn's log in the store has these events now."""
        self._log.copied = batch.last_seq
        self.bytes_not_in_log = 0

    @property
    def pending(self) -> bool:
        """Whether anything waits to be written by a round."""
        return bool(self._unconfirmed or (not self._left_to_ending and (self._waiting or self._words)))

    @property
    def count(self) -> int:
        """How many events wait to be written."""
        return len(self._waiting) + bool(self._words) + len(self._unconfirmed)

    def batch(self) -> Batch:
        """What is to be written next. `stored` or `not_stored` must follow."""
        self._write_began_at = self._clock.monotonic()
        if self.pending and not self._unconfirmed:
            self._end_words()
            waiting, self._waiting, self._bytes = self._waiting, [], 0
            self._unconfirmed = self._encoded(waiting)
            self._text_shown = self._text_shown or any(
                isinstance(event, events.PartDelta) for event in waiting
            )
        return Batch(self.turn_id, self._seq + 1, self._unconfirmed)

    def stored(self) -> None:
        """The batch is durable: show it."""
        payloads, first = self._unconfirmed, self._seq + 1
        self._unconfirmed = []
        self._seq += len(payloads)
        frames = [events.frame(first + n, payload) for n, payload in enumerate(payloads)]
        if self._log.copied is not None and self._log.copied < self._seq:
            self.bytes_not_in_log += sum(map(len, frames))
        self._log.extend(frames)
        self._say_delay()

    def not_stored(self, failure: Exception) -> bool:
        """The batch could not be written. Whether it is to be tried again by itself; otherwise the turn hears of it at its next event."""
        if isinstance(failure, StoreError):
            self._away_because = failure
            if self._away_since is None:
                self._away_since = self._write_began_at
                kind = type(failure).__name__
                self._context.run(lambda: log.warning("journal.buffering", turn_id=self.turn_id, kind=kind))
            if not self._past_limits:
                return True
        self._failure = failure
        return False

    def _encoded(self, waiting: Sequence[events.Event]) -> list[str]:
        """Events as JSON, numbered from the next number on."""
        return [
            events.encode(event, seq=self._seq + 1 + n, turn_id=self.turn_id)
            for n, event in enumerate(waiting)
        ]

    def _end_words(self) -> None:
        """Make an event of the words that were added last."""
        if self._words:
            self._waiting.append(events.PartDelta(part_id=self._part_id, text="".join(self._words)))
            self._words = []

    def _say_delay(self) -> None:
        """The database is back: a note says for how long events were only in memory."""
        if self._away_since is not None:
            seconds = round(self._clock.monotonic() - self._away_since, 1)
            self._away_since = self._away_because = None
            self._context.run(lambda: log.info("journal.caught_up", turn_id=self.turn_id, seconds=seconds))
            self._waiting.insert(0, notes.to_event(notes.StorageDelayNote(seconds=seconds)))

    @property
    def _past_limits(self) -> bool:
        since = self._away_since
        away = 0.0 if since is None else self._clock.monotonic() - since
        buffered = self._bytes + sum(len(payload) for payload in self._unconfirmed)
        return away > self._limits.seconds or buffered > self._limits.bytes

    def _check(self) -> None:
        if self._failure is None and self._away_since is not None and self._past_limits:
            self._failure = self._away_because
        if self._failure is not None:
            raise self._failure
