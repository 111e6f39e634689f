"""Write a turn's event log: number events without gaps, make them durable, and only then show them to readers.

Text is coalesced: the first words go out at once, later ones at most every `COALESCE` seconds, and more of them gather while the
last batch is being written. Nothing is delivered that a restart could forget.
"""

import asyncio
from collections.abc import Sequence

from chat.clock import Clock
from chat.stream import events, notes
from store import events as store_events
from store.database import Database

COALESCE = 0.04  # seconds between two batches of text: 25 a second look like typing and cost a tenth of one per token


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


class Journal:
    """Writes one turn's log. Not to be shared between tasks, except that text may arrive while a batch is being kept."""

    def __init__(self, database: Database, turn_id: str, log: TurnLog, clock: Clock) -> None:
        self._database = database
        self._turn_id = turn_id
        self._log = log
        self._clock = clock
        self._waiting: list[events.Event] = []
        self._seq = len(log.frames)
        self._storing = asyncio.Lock()
        self._flusher: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None
        self._stored_at = float("-inf")
        self._closed = False

    @property
    def next_seq(self) -> int:
        return self._seq + 1

    def text(self, part_id: str, words: str) -> None:
        """Add words to a part; they are stored and shown soon.

        Raises what prevented an earlier batch from being stored, after these words were added, so that log and answer stay the same.
        """
        last = self._waiting[-1] if self._waiting else None
        if isinstance(last, events.PartDelta) and last.part_id == part_id:
            self._waiting[-1] = events.PartDelta(part_id=part_id, text=last.text + words)
        else:
            self._waiting.append(events.PartDelta(part_id=part_id, text=words))
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

    async def settle(self) -> None:
        """Wait until everything added so far is durable and shown, also what an earlier failure left unstored."""
        await self._flush()
        self._failure = None

    def close_with(self, terminal: events.Event) -> tuple[int, str]:
        """The terminal event's number and payload, to be stored in the transaction that ends the turn.

        Events added later are dropped, so call it right after `settle`, without awaiting anything in between.
        """
        self._closed = True
        return self.next_seq, events.encode(terminal, seq=self.next_seq, turn_id=self._turn_id)

    def show_last(self, seq: int, payload: str) -> None:
        """Show the terminal event, which is durable by now."""
        self._seq = seq
        self._log.extend([events.frame(seq, payload)], ended=True)

    def _flush_soon(self) -> None:
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush_when_due(), name=f"journal {self._turn_id}")

    async def _flush_when_due(self) -> None:
        try:
            wait = self._stored_at + COALESCE - self._clock.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            while self._waiting:
                await self._flush()
                if self._waiting:
                    await asyncio.sleep(COALESCE)
        except Exception as failure:  # noqa: BLE001 - raised to the turn at its next word
            self._failure = failure

    async def _flush(self) -> None:
        async with self._storing:
            batch, self._waiting = self._waiting, []
            if not batch:
                return
            self._stored_at = self._clock.monotonic()
            first = self._seq + 1
            payloads = [
                events.encode(event, seq=first + n, turn_id=self._turn_id) for n, event in enumerate(batch)
            ]
            try:
                await self._database.append(
                    store_events.APPEND, store_events.rows(self._turn_id, first, payloads)
                )
            except BaseException:
                self._waiting = batch + self._waiting  # the next flush tries again
                raise
            self._seq += len(batch)
            self._log.extend([events.frame(first + n, payload) for n, payload in enumerate(payloads)])

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure
