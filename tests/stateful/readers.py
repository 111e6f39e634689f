"""How clients follow turns, leave, come back, and stop them."""

import asyncio
from contextlib import suppress

from tests.palaver import Palaver
from tests.stateful.model import TERMINAL, ModelTurn, Reader
from tests.upstream import Gate
from tests.waiting import LIMIT


async def read(app: Palaver, reader: Reader) -> None:
    """Go on from the cursor: no event is missing, none comes twice, and all readers see the same."""
    turn = reader.turn
    async for event in app.stream(turn.id, reader.cursor):
        assert event.seq == reader.cursor + 1, f"{event.seq} after {reader.cursor}"
        assert not reader.ended, "an event after the end"
        assert turn.seen.setdefault(event.seq, event.data) == event.data, "two readers saw different events"
        reader.cursor = event.seq
        reader.ended = event.type in TERMINAL


async def leave(reader: Reader) -> None:
    if reader.task is not None:
        reader.task.cancel()
        with suppress(asyncio.CancelledError):
            await reader.task
        reader.task = None


async def cancel(app: Palaver, turn: ModelTurn) -> None:
    answer = await app.http.post(f"/api/turns/{turn.id}/cancel")
    assert answer.status_code == 202, answer.text
    await until_end(app, turn)


async def until_heard(app: Palaver, turn: ModelTurn) -> None:
    async with asyncio.timeout(LIMIT):
        async for event in app.stream(turn.id):
            if event.type == "part.delta":
                return


async def until_written(gate: Gate) -> None:
    """Wait until the model has written all it may."""
    async with asyncio.timeout(LIMIT):
        await gate.reached()


async def until_end(app: Palaver, turn: ModelTurn) -> None:
    async with asyncio.timeout(LIMIT):
        events = await app.follow(turn.id)
    assert events[-1].type in TERMINAL
