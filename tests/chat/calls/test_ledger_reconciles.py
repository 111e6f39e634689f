"""After very many calls of every kind, with faults and crashes, the ledger is the provider's own log, call by call.

`PALAVER_LONG=1` makes thousands of them.
"""

import asyncio
import os
import random
import shutil
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

from chat.upstream.client import Timeouts
from tests.bench.soak.reconcile import reconcile, rows_of
from tests.bench.soak.users import FAULTS, Person, model, round_of
from tests.clocks import HurriedClock
from tests.palaver import Palaver, palaver
from tests.upstream import Gate, Reply, SimClock, Simulator
from tests.waiting import until

CALLS = 6_000 if "PALAVER_LONG" in os.environ else 400
RUNS = 5  # the process crashes between them
MORE = 40  # rounds at most, until there was a keep-alive
PEOPLE = 20
FAULTY = (
    0.08 if CALLS > 1_000 else 0.12
)  # share of requests that go wrong: each kind happens in a short run too
START = 1_795_000_000.0
PATIENCE = Timeouts(connect=5.0, write=5.0, first_byte=10.0, silence=10.0)


async def test_the_ledger_is_the_providers_log_to_the_token_and_picodollar(tmp_path: Path) -> None:
    dice = random.Random("reconcile")
    clock = SimClock(start=START)
    async with Simulator(clock=clock) as sim:
        sim.respond(model(7))
        sim.chaos(seed=7, rate=FAULTY, kinds=FAULTS)
        folder = tmp_path / "run0"
        stack, app = await begin(folder, sim)
        for run in range(RUNS):
            people = [
                Person(app=app, thread=f"p{n}", dice=random.Random(f"{run} {n}")) for n in range(PEOPLE)
            ]
            while len(sim.log) < CALLS * (run + 1) / RUNS:
                await round_of(people, clock, sim, dice)
            if run < RUNS - 1:
                folder = await crash(stack, app, sim, folder, tmp_path / f"run{run + 1}")
                stack, app = await begin(folder, sim)
        for _ in range(MORE):  # keep-alives are few, and by chance there may be none yet
            if any((exchange.json or {}).get("max_tokens") == 0 for exchange in sim.log):
                break
            await round_of(people, clock, sim, dice)
        await app.settled()
        await sim.idle()
        books = reconcile(await rows_of(app.deps.database), sim.log)
        print(f"\n{books}\n{dict(books.faults)}\n{dict(books.purposes)}")
        await stack.aclose()
    assert not books.wrong, "\n".join(books.wrong[:40])
    assert books.paid == books.actual_usage > Decimal(0)
    assert books.exact > 0.8 * CALLS
    assert books.cut_short > 8
    assert books.refused_by_status > 8
    for purpose in ("reply", "summary", "title", "keepalive"):
        assert books.purposes[purpose] > 0, books.purposes
    for kind in ("fault:reset", "fault:eof", "fault:error", "fault:no_response", "fault:overloaded_error"):
        assert books.faults[kind] > 0, books.faults


async def begin(folder: Path, sim: Simulator) -> tuple[AsyncExitStack, Palaver]:
    """A process's worth of Palaver; cache states are looked at when the test says so."""
    stack = AsyncExitStack()
    app = await stack.enter_async_context(
        palaver(
            folder, sim, clock=HurriedClock(sim.clock), timeouts=PATIENCE, titles="model", window_tokens=4_000,
            log_level="error",
        )
    )  # fmt: skip
    for task in asyncio.all_tasks():
        if task.get_name() == "due_keepalives":
            task.cancel()
    return stack, app


async def crash(stack: AsyncExitStack, app: Palaver, sim: Simulator, old: Path, new: Path) -> Path:
    """What `kill -9` leaves when four turns are in the middle of their answers: the files as they are at that moment."""
    gates: list[Gate] = []
    titles: list[Reply] = []
    respond = model(99)

    def gated(request: dict[str, Any]) -> Reply:
        if "titles" in str(request["system"]):
            titles.append(respond(request))
            return titles[-1]
        if "something long" not in str(request["messages"][-1]):
            other: Reply = respond(request)
            return other
        gates.append(sim.gate())
        gates[-1].release(4)
        return Reply(text="word " * 30, thinking="", chunk=5, gate=gates[-1])

    sim.respond(gated)
    sim.chaos(rate=0)
    turns = [await app.say(f"last{n}-{new.name}", "Tell me something long.") for n in range(4)]
    for turn in turns[:2]:
        async for event in app.stream(turn["id"]):
            if event.type == "part.delta":
                break
    # A process that is killed sends nothing more; this one is only copied, so all it is going to send must be on its way.
    await until(lambda: len(gates) == len(turns) and len(titles) >= len(turns))
    shutil.copytree(old, new, ignore=shutil.ignore_patterns("*.lock", "*-shm"))
    await stack.aclose()  # what the old process does now happens to the old files
    for gate in gates:
        gate.open()
    await sim.idle()
    sim.respond(model(len(sim.log)))
    sim.chaos(seed=len(sim.log), rate=FAULTY, kinds=FAULTS)
    return new
