"""Write a turn's event log: number events without gaps, make them durable, and only then show them to readers.

Text is coalesced: the first words go out at once, later ones at most every `COALESCE` seconds, and more of them gather while the
last batch is being written. Nothing is delivered that a restart could forget.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from chat.clock import Clock
from chat.stream import events, notes
from store import events as store_events
from store.database import Database
from store.errors import StoreError

log = structlog.get_logger()

COALESCE = 0.04  # seconds between two batches of text: 25 a second look like typing and cost a tenth of one per token
AWAY_PAUSE = (0.1, 2.0)  # seconds between tries while the database is away: first, longest


class TurnLog:
    """The events of a running turn as SSE frames in memory, for followers in this process. `frames[n]` has seq n + 1."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.ended = False
        self._changed = asyncio.Event()

    def extend(self, frames: Sequence[bytes], *, ended: bool = False) -> None:
        """Show further durable events and wake every follower."""
        self.frames.extend(frames)
        self.ended = self.ended or ended
        self.wake()

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
    """Writes one turn's log. Not to be shared between tasks, except that events may arrive while a batch is being written.

    While the database is away, events are buffered within `limits`, and a note says so when it is back. Only past the limits the turn
    hears of it, at its next event.
    """

    def __init__(
        self,
        database: Database,
        turn_id: str,
        log: TurnLog,
        clock: Clock,
        limits: BufferLimits = BufferLimits(),
    ) -> None:
        self._database = database
        self._turn_id = turn_id
        self._log = log
        self._clock = clock
        self._limits = limits
        self._waiting: list[events.Event] = []
        self._bytes = 0  # of text that waits
        # A batch whose fate is unknown is written again as it was: its COMMIT may have succeeded without an answer.
        self._unconfirmed: list[str] = []
        self._seq = len(log.frames)
        self._storing = asyncio.Lock()
        self._flusher: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None
        self._write_began_at = float("-inf")
        self._away_since: float | None = None
        self._away_because: StoreError | None = None
        self._closed = False

    @property
    def next_seq(self) -> int:
        return self._seq + 1

    def text(self, part_id: str, words: str) -> None:
        """Add words to a part; they are stored and shown soon.

        Raises the error of an earlier failed write, but only after these words were added, so that log and answer agree.
        """
        last = self._waiting[-1] if self._waiting else None
        if isinstance(last, events.PartDelta) and last.part_id == part_id:
            self._waiting[-1] = events.PartDelta(part_id=part_id, text=last.text + words)
        else:
            self._waiting.append(events.PartDelta(part_id=part_id, text=words))
        self._bytes += len(words.encode())
        self._check()
        self._flush_soon()

    def event(self, event: events.Event) -> None:
        """Add an event; it is stored and shown with the text around it, in order. A closed log drops it.

        Raises as `text` does, after the event was added.
        """
        if self._closed:
            return
        self._waiting.append(event)
        self._check()
        self._flush_soon()

    def note(self, note: notes.AnyNote) -> None:
        """Add a note. Raises as `text` does."""
        self.event(notes.to_event(note))

    def close(self) -> None:
        """Drop every event added from now on. What was added before is still stored by `settle`."""
        self._closed = True

    async def settle(self) -> None:
        """Wait until everything added so far is durable and shown, also what an earlier failure left unstored.

        On a log that is closed nothing waits afterwards.
        """
        while self._waiting or self._unconfirmed:
            await self._flush()
        self._failure = None

    def last(self, terminal: events.Event) -> tuple[int, str]:
        """The terminal event's number and payload, to be stored in the transaction that ends the turn. The log is closed and settled."""
        if not self._closed or self._waiting or self._unconfirmed:
            raise RuntimeError("the terminal event is the last one: close and settle the log first")
        return self.next_seq, events.encode(terminal, seq=self.next_seq, turn_id=self._turn_id)

    def show_last(self, seq: int, payload: str) -> None:
        """Show the terminal event, which is durable by now."""
        self._seq = seq
        self._log.extend([events.frame(seq, payload)], ended=True)

    def _flush_soon(self) -> None:
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush_when_due(), name=f"journal {self._turn_id}")

    async def _flush_when_due(self) -> None:
        pause, longest = AWAY_PAUSE
        try:
            wait = self._write_began_at + COALESCE - self._clock.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            while self._waiting or self._unconfirmed:
                try:
                    await self._flush()
                except StoreError:
                    if self._past_limits:
                        raise
                    await asyncio.sleep(pause)
                    pause = min(longest, pause * 2)
                    continue
                pause = AWAY_PAUSE[0]
                if self._waiting:
                    await asyncio.sleep(COALESCE)
        except Exception as failure:  # noqa: BLE001 - raised to the turn at its next word
            self._failure = failure

    async def _flush(self) -> None:
        async with self._storing:
            if not self._unconfirmed:
                batch, self._waiting, self._bytes = self._waiting, [], 0
                self._unconfirmed = [
                    events.encode(event, seq=self._seq + 1 + n, turn_id=self._turn_id)
                    for n, event in enumerate(batch)
                ]
            payloads, first = self._unconfirmed, self._seq + 1
            if not payloads:
                return
            self._write_began_at = self._clock.monotonic()
            try:
                await store_events.append(self._database, store_events.rows(self._turn_id, first, payloads))
            except StoreError as failure:
                self._away_because = failure
                if self._away_since is None:
                    self._away_since = self._write_began_at
                    log.warning("journal.buffering", turn_id=self._turn_id, kind=type(failure).__name__)
                raise
            self._unconfirmed = []
            self._seq += len(payloads)
            self._log.extend([events.frame(first + n, payload) for n, payload in enumerate(payloads)])
            self._say_delay()

    def _say_delay(self) -> None:
        """The database is back: a note says for how long events were only in memory."""
        if self._away_since is not None:
            seconds = round(self._clock.monotonic() - self._away_since, 1)
            self._away_since = self._away_because = None
            log.info("journal.caught_up", turn_id=self._turn_id, seconds=seconds)
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
