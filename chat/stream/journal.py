"""A turn's journal: events get a gap-free number, are made durable, and only then are shown to followers.

Text is coalesced: the first words go out at once, later ones at most every `interval` seconds, and while the disk is still
busy with the last batch more of them gather. Nothing is delivered that a restart could forget.
"""

import asyncio
from collections.abc import Sequence

from chat.clock import Clock
from chat.stream import events
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
        self._keeping = asyncio.Lock()
        self._flusher: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None
        self._kept_at = float("-inf")
        self._closed = False

    @property
    def next_seq(self) -> int:
        return self._seq + 1

    def text(self, part_id: str, words: str) -> None:
        """Add words to a part; they are kept and shown soon.

        Raises what kept an earlier batch from being stored - after it took these words, so that log and answer stay the same.
        """
        last = self._waiting[-1] if self._waiting else None
        if isinstance(last, events.PartDelta) and last.part_id == part_id:
            self._waiting[-1] = events.PartDelta(part_id=part_id, text=last.text + words)
        else:
            self._waiting.append(events.PartDelta(part_id=part_id, text=words))
        self._check()
        self._flush_soon()

    def event(self, event: events.Event) -> None:
        """Add an event; it is kept and shown with the text around it, in order. Too late for a closed log: dropped.

        Raises as `text` does, also after it took the event.
        """
        if self._closed:
            return
        self._waiting.append(event)
        self._check()
        self._flush_soon()

    async def settle(self) -> None:
        """Wait until everything added so far is durable and shown; also mends what an earlier failure left unkept."""
        await self._flush()
        self._failure = None

    def close_with(self, terminal: events.Event) -> tuple[int, str]:
        """The terminal event's number and payload, to be stored in the transaction that ends the turn.

        Nothing is taken after it, so call it right after `settle`, without waiting for anything in between.
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
            wait = self._kept_at + COALESCE - self._clock.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            while self._waiting:
                await self._flush()
                if self._waiting:
                    await asyncio.sleep(COALESCE)
        except Exception as failure:  # noqa: BLE001 - raised to the turn at its next word
            self._failure = failure

    async def _flush(self) -> None:
        async with self._keeping:
            batch, self._waiting = self._waiting, []
            if not batch:
                return
            self._kept_at = self._clock.monotonic()
            first = self._seq + 1
            payloads = [
                events.encode(event, seq=first + n, turn_id=self._turn_id) for n, event in enumerate(batch)
            ]
            try:
                await self._database.append(
                    store_events.APPEND, store_events.rows(self._turn_id, first, payloads)
                )
            except BaseException:
                self._waiting = batch + self._waiting  # not kept, so not lost: the next flush tries again
                raise
            self._seq += len(batch)
            self._log.extend([events.frame(first + n, payload) for n, payload in enumerate(payloads)])

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure
