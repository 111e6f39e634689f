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

    `last`: the sequence number of the newest event.
    """

    def __init__(self) -> None:
        self.last = 0
        self.ended = False
        self._tail: deque[bytes] = deque()
        self._bytes = 0
        self._changed = asyncio.Event()

    def extend(self, frames: Sequence[bytes], *, ended: bool = False) -> None:
        """Show further durable events and wake every follower. What came before them is kept as far as TAIL_BYTES has room for it."""
        self._tail.extend(frames)
        self.last += len(frames)
        self._bytes += sum(map(len, frames))
        while self._bytes > TAIL_BYTES and len(self._tail) > len(frames):
            self._bytes -= len(self._tail.popleft())
        self.ended = self.ended or ended
        self.wake()

    def after(self, cursor: int) -> list[bytes] | None:
        """The frames of all events after a cursor; None when some of them are only in the store."""
        missing = self.last - cursor
        if missing > len(self._tail):
            return None
        return list(islice(self._tail, len(self._tail) - missing, None)) if missing > 0 else []

    def wake(self) -> None:
        """Let followers look again."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def wait(self) -> None:
        """Until something changes."""
        await self._changed.wait()


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
        self._seq = log.last
        self._text_shown = False
        self._write_began_at = 0.0
        self._failure: BaseException | None = None
        self._away_since: float | None = None
        self._away_because: StoreError | None = None
        self._closed = False

    @property
    def next_seq(self) -> int:
        return self._seq + 1

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
        """Drop every event added from now on; no more text may be. What was added before is still stored by `settle`."""
        self._closed = True

    async def settle(self) -> None:
        """Wait until everything added so far is durable and shown, also what an earlier failure left unstored.

        On a log that is closed nothing waits afterwards. Raises the error of the write that failed.
        """
        while self.pending:
            await self._writer.flush(self)
        self._failure = None

    async def wait_to_read(self) -> None:
        """Wait before the model's stream is read on: on a busy server until the next round, so that what arrives meanwhile is read at once.

        Also while more text waits to be written than MAX_PENDING. Does not wait for a database that is away.
        """
        if self._words and self._text_shown and self._away_since is None:
            await self._writer.before_round()
        while self._bytes > MAX_PENDING and self._away_since is None and self._failure is None:
            with suppress(Exception):  # raised at the next word, if it is to be raised at all
                await self._writer.flush(self)

    def last(self, terminal: events.Event) -> tuple[int, str]:
        """The terminal event's number and payload, to be stored in the transaction that ends the turn. The log is closed and settled."""
        if not self._closed or self.pending:
            raise RuntimeError("the terminal event is the last one: close and settle the log first")
        return self.next_seq, events.encode(terminal, seq=self.next_seq, turn_id=self.turn_id)

    def show_last(self, seq: int, payload: str) -> None:
        """Show the terminal event, which is durable by now."""
        self._seq = seq
        self._log.extend([events.frame(seq, payload)], ended=True)

    @property
    def pending(self) -> bool:
        """Whether anything waits to be written."""
        return bool(self._waiting or self._words or self._unconfirmed)

    @property
    def count(self) -> int:
        """How many events wait to be written."""
        return len(self._waiting) + bool(self._words) + len(self._unconfirmed)

    def batch(self) -> tuple[int, list[str]]:
        """What is to be written next: the first number, and the events as JSON. `stored` or `not_stored` must follow."""
        self._write_began_at = self._clock.monotonic()
        if not self._unconfirmed:
            self._end_words()
            waiting, self._waiting, self._bytes = self._waiting, [], 0
            self._unconfirmed = [
                events.encode(event, seq=self._seq + 1 + n, turn_id=self.turn_id)
                for n, event in enumerate(waiting)
            ]
            self._text_shown = self._text_shown or any(
                isinstance(event, events.PartDelta) for event in waiting
            )
        return self._seq + 1, self._unconfirmed

    def stored(self) -> None:
        """The batch is durable: show it."""
        payloads, first = self._unconfirmed, self._seq + 1
        self._unconfirmed = []
        self._seq += len(payloads)
        self._log.extend([events.frame(first + n, payload) for n, payload in enumerate(payloads)])
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
