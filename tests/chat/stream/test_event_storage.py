"""On SQLite the events of a turn stay in rounds until enough have gathered, long enough has passed, or it ends."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from chat.stream import event_storage
from chat.stream.event_storage import CHECKPOINT_BYTES, InRounds
from chat.stream.journal import TAIL_BYTES, TurnLog
from chat.upstream.client import Timeouts
from store import event_rounds
from tests.chat.outcomes import answer_text, finished, whole
from tests.chat.stream.storing import stored_events
from tests.palaver import Palaver, palaver
from tests.upstream import Gate, Reply, Simulator
from tests.waiting import until

pytestmark = pytest.mark.asyncio


async def counts(app: Palaver, turn_id: str = "") -> tuple[int, int]:
    """How many rounds there are, and how many events in a turn's log."""

    def read(connection: Connection) -> tuple[int, int]:
        query = text("SELECT count(*) FROM turn_events WHERE turn_id = :turn")
        return len(event_rounds.rounds(connection)), connection.scalar(query, {"turn": turn_id}) or 0

    return await app.deps.database.read(read)


async def talking(app: Palaver, thread: str, reply: str) -> tuple[str, Gate]:
    gate = app.sim.gate()
    app.sim.script(Reply(text=reply, chunk=500, thinking="", gate=gate))
    turn_id = (await app.say(thread, "talk"))["id"]
    return turn_id, gate


def live_log(app: Palaver, turn_id: str) -> TurnLog:
    live = app.deps.runner.live(turn_id)
    assert live is not None
    return live


async def say_piece(app: Palaver, turn_id: str, gate: Gate) -> None:
    """Let the model say one more piece, and wait until it is shown."""
    live = live_log(app, turn_id)
    shown = live.last
    gate.release(1)
    await until(lambda: live.last > shown)


async def test_events_are_copied_when_enough_have_gathered_and_at_the_end(tmp_path: Path) -> None:
    reply = "word " * 10_000
    async with Simulator() as sim, palaver(tmp_path, sim, timeouts=Timeouts(), keepalives=False) as app:
        turn_id, gate = await talking(app, "t", reply)
        reading = asyncio.create_task(app.follow(turn_id))
        logged = []
        for _ in range(60):
            await say_piece(app, turn_id, gate)
            logged.append((await counts(app, turn_id))[1])
            live = live_log(app, turn_id)
            assert sum(map(len, live.not_copied())) <= CHECKPOINT_BYTES
            assert live._bytes <= TAIL_BYTES + 1_000
        assert logged[5] == 1, "at first the log has what the turn began with"
        assert 3 <= len(set(logged)) < 10, "a stretch at a time"
        assert list(await stored_events(app.deps.database, turn_id)) == list(range(1, live.last + 1))
        late = await app.stream(turn_id).__anext__()
        assert late.seq == 1, "one who comes late reads the log first"
        gate.open()
        events, turn = await finished(app, turn_id)
        assert answer_text(turn["message"]) == reply
        assert await counts(app, turn_id) == (0, turn["last_seq"])
        assert whole(await reading) == events


async def test_a_turn_that_is_silent_for_long_keeps_no_rounds_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_storage, "CHECKPOINT_ROUNDS", 8)
    async with Simulator() as sim, palaver(tmp_path, sim, timeouts=Timeouts(), keepalives=False) as app:
        silent, silent_gate = await talking(app, "silent", "word " * 400)
        await say_piece(app, silent, silent_gate)
        busy, gate = await talking(app, "busy", "word " * 4_000)
        for _ in range(30):
            await say_piece(app, busy, gate)
            assert (await counts(app))[0] <= 12
        assert (await counts(app, silent))[1] > 1, "its events are in its log"
        for turn_id, closed in ((silent, silent_gate), (busy, gate)):
            closed.open()
            events, turn = await finished(app, turn_id)
            assert [event.seq for event in events] == list(range(1, turn["last_seq"] + 1))
        assert await counts(app, busy) == (0, turn["last_seq"])


async def test_what_a_turn_needs_survives_the_end_of_others(tmp_path: Path) -> None:
    async with Simulator() as sim, palaver(tmp_path, sim, timeouts=Timeouts(), keepalives=False) as app:
        slow, gate = await talking(app, "slow", "word " * 400)
        await say_piece(app, slow, gate)
        for number in range(3):
            await app.chat(f"quick-{number}", "hello")
            assert (await counts(app))[0] >= 1
        live = live_log(app, slow)
        assert list(await stored_events(app.deps.database, slow)) == list(range(1, live.last + 1))
        gate.open()
        await finished(app, slow)
        assert (await counts(app))[0] == 0


async def test_a_turn_that_was_ended_elsewhere_leaves_nothing_behind(tmp_path: Path) -> None:
    async with Simulator() as sim, palaver(tmp_path, sim, timeouts=Timeouts(), keepalives=False) as app:
        turn_id, gate = await talking(app, "t", "word " * 400)
        await say_piece(app, turn_id, gate)
        end = text("UPDATE turns SET status = 'failed' WHERE id = :turn")
        await app.deps.database.write(lambda connection: connection.execute(end, {"turn": turn_id}))
        before = await stored_events(app.deps.database, turn_id)
        live = live_log(app, turn_id)
        gate.open()
        await until(lambda: app.deps.runner.count == 0)
        assert live.last == len(before), "nothing is shown that is not kept"
        assert await stored_events(app.deps.database, turn_id) == before
        storage = app.deps.runner._journals.storage
        assert isinstance(storage, InRounds)
        await app.chat("other", "hello")
        assert storage._oldest == {}
