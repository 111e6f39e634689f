"""What a turn keeps in memory of the thread it has answered: the same as the store has, so that nothing is read again behind every turn."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from chat.planning.thread_snapshot import load
from chat.runtime.runtime import Runtime
from chat.turns import after
from chat.turns.after import AfterTurn
from chat.turns.turn_work import TurnWork
from tests.chat.outcomes import finished
from tests.chat.talk import START, model, summarises, talking
from tests.clocks import QuickClock
from tests.palaver import Palaver, palaver
from tests.upstream import Reply, SimClock, Simulator, faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder(AfterTurn):
    """Keeps the turns that have ended."""

    ended: list[TurnWork] = field(default_factory=list)

    def turn_ended(self, work: TurnWork) -> None:
        self.ended.append(work)


def record(app: Palaver) -> list[TurnWork]:
    recorder = Recorder(scheduler=app.deps.scheduler, summarizer=app.deps.summarizer)
    app.deps.runner.after = recorder
    return recorder.ended


async def agrees_with_the_store(app: Palaver, work: TurnWork) -> None:
    """A thread snapshot that was read anew is the one that was kept."""
    await app.settled()
    turn = work.turn
    stored = await load(app.deps.runtime, turn.owner_id, turn.thread_id, turn.message_id, tokens=None)
    assert work.snapshot_after is not None
    assert work.snapshot_after.path == stored.path
    assert work.snapshot_after.summary == stored.summary
    assert work.snapshot_after.cache_states == stored.cache_states
    for name in stored.cache_states:
        assert work.snapshot_after.global_gaps(name) == stored.global_gaps(name)
    assert work.snapshot_after.whole


async def test_the_thread_kept_after_a_turn_is_the_one_that_is_stored(tmp_path: Path, sim: Simulator) -> None:
    clock = QuickClock()
    async with palaver(tmp_path, sim, clock=clock) as app:
        ended = record(app)
        sim.script(Reply(text="The moon pulls.", thinking="Tides."), Reply(text="Twice a day."))
        for text in ("Why are there tides?", "How often?"):
            await app.chat("t", text)
            await agrees_with_the_store(app, ended[-1])
            clock.ahead += 400_000  # the next one comes after an idle gap


async def test_so_it_is_after_an_answer_that_broke_off_and_its_continuation(
    tmp_path: Path, sim: Simulator
) -> None:
    async with palaver(tmp_path, sim, clock=QuickClock()) as app:
        ended = record(app)
        sim.script(faults.reset_after("The first half of a sen"), Reply(text="tence, and the rest."))
        turn = await app.chat("t", "Tell me")
        await agrees_with_the_store(app, ended[-1])
        accepted = await app.continue_answer("t", turn["message_id"])
        await finished(app, accepted["id"])
        await agrees_with_the_store(app, ended[-1])


async def test_so_it_is_after_a_refusal(tmp_path: Path, sim: Simulator) -> None:
    async with palaver(tmp_path, sim, clock=QuickClock()) as app:
        ended = record(app)
        sim.respond(lambda request: Reply(text="I must not", stop_reason="refusal"))
        await app.chat("t", "Tell me")
        await agrees_with_the_store(app, ended[-1])
        assert ended[-1].snapshot_after is not None
        assert ended[-1].snapshot_after.path[-1].refused


async def test_a_window_that_waits_for_its_summary_is_not_read_again_by_every_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []

    async def counted(runtime: Runtime, owner_id: str, thread_id: str, leaf_id: str, **fields: Any) -> Any:
        reads.append(leaf_id)
        return await load(runtime, owner_id, thread_id, leaf_id, **fields)

    monkeypatch.setattr(after, "load", counted)
    async with (
        Simulator(clock=SimClock(start=START)) as sim,
        talking(tmp_path, sim, window_tokens=1_000) as chat,
    ):
        gate = sim.gate()
        sim.script(Reply(text="- Held back [m1]", thinking="", gate=gate), when=summarises)
        sim.respond(model(lambda _: Reply(text="So it is, then. " * 8, thinking="")))
        while not chat.asked(summarises):
            await chat.app.chat("t", "Note: " + "we went on " * 30)
        reads.clear()
        for _ in range(8):  # more than the window holds
            await chat.app.chat("t", "More: " + "and on " * 30)
        assert reads == []
        gate.open()
        await chat.settled()
        assert (await chat.summary())["id"] is not None
