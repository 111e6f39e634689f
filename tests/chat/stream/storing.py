"""Stand between the journals and the store, on both databases; and read everything the store has of a turn."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from sqlalchemy import Connection, text

from chat.stream.event_storage import Failures, InLogs, InRounds
from chat.stream.journal import Journal
from store import event_rounds
from store.database import Database
from store.events import Batch

Batches = Mapping[Journal, Batch]
Store = Callable[[], Awaitable[Failures]]


def stand_between(
    monkeypatch: pytest.MonkeyPatch, between: Callable[[Batches, Store], Awaitable[Failures]]
) -> None:
    """Call `between` for each write of events, with the function that carries it out."""
    in_rounds, in_logs, one_in_log = InRounds.write, InLogs.write, InLogs.write_one

    async def rounds(self: InRounds, batches: Batches) -> Failures:
        return await between(batches, lambda: in_rounds(self, batches))

    async def logs(self: InLogs, batches: Batches) -> Failures:
        return await between(batches, lambda: in_logs(self, batches))

    async def log(self: InLogs, journal: Journal, batch: Batch) -> Failures:
        return await between({journal: batch}, lambda: one_in_log(self, journal, batch))

    monkeypatch.setattr(InRounds, "write", rounds)
    monkeypatch.setattr(InLogs, "write", logs)
    monkeypatch.setattr(InLogs, "write_one", log)


async def stored_events(database: Database, turn_id: str) -> dict[int, str]:
    """Every event that the store has of a turn, in its log or in rounds, by number."""

    def read(connection: Connection) -> dict[int, str]:
        query = text("SELECT seq, payload FROM turn_events WHERE turn_id = :turn")
        found: dict[int, Any] = {row.seq: row.payload for row in connection.execute(query, {"turn": turn_id})}
        for _, batches in event_rounds.rounds(connection):
            for batch in batches:
                if batch.turn_id == turn_id:
                    found |= dict(enumerate(batch.payloads, batch.first_seq))
        return dict(sorted(found.items()))

    return await database.read(read)
