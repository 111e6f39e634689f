"""Have Palaver answer short turns, one at a time, and take what each asks of the database and of the processor."""

import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.stream_path.run import Bench, Load
from tests.bench.stream_path.servers import KEY, LIMITS, Server, ask_palaver
from tests.bench.stream_path.workers import Worker, cores, raise_file_limit
from tests.waiting import until

DELTAS = 10
COUNTS = ("calls", "statements", "commits", "snapshots", "savepoints", "rollbacks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one turn takes, on average. `counts`: by the names of COUNTS; `cpu`: seconds; `written`: bytes."""

    name: str
    counts: dict[str, float]
    cpu: float
    written: float


async def measure(folder: Path, turns: int, *, later: int = 2, settle: float = 1.0) -> list[Cost]:
    """The cost of the first turn of a thread, of the second, and so on; the average of so many threads.

    Counting costs time: what is counted and what is timed are two servers.
    """
    raise_file_limit()
    _, others = cores()
    async with Worker(module="model", on=others) as model, Worker(module="load", on=others) as readers:
        bench = Bench(model=model, readers=readers, settle=settle)
        port = await model.read()
        names = ["first", *(f"{number}." for number in range(2, later + 2))]
        counted = _server(
            "counted", ("-m", "tests.bench.turns.counted", "{folder}/counts.json"), folder, port
        )
        timed = _server("timed", ("-m", "chat"), folder, port)
        try:
            counts = await _counts(bench, counted, turns, names)
            costs = await _costs(bench, timed, turns, names)
        finally:
            await counted.stop()
            await timed.stop()
    return [
        Cost(name=name, counts=count, cpu=cpu, written=written)
        for name, count, (cpu, written) in zip(names, counts, costs, strict=True)
    ]


def _server(name: str, argv: tuple[str, ...], folder: Path, model_port: int) -> Server:
    return Server(
        name=name,
        argv=(sys.executable, *argv, "serve", "--port", "{port}", "--data-dir", "{folder}"),
        env={"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{model_port}", **LIMITS},
        ask=ask_palaver,
        folder=folder,
    )


def _load(turns: int) -> Load:
    """One turn after the other, two a second, each with an answer that comes at once."""
    return Load(
        streams=turns, deltas=DELTAS, opened_per_second=2.0, per_second=1_000.0, first_delay=0.05, threads="t"
    )


async def _counts(bench: Bench, server: Server, turns: int, names: Sequence[str]) -> list[dict[str, float]]:
    await server.start()
    await bench.run(server, Load(streams=3, deltas=DELTAS))
    costs = []
    for _ in names:
        before = await _read(server)
        outcome = await bench.run(server, _load(turns))
        assert not outcome.failures, outcome.failures
        after = await _read(server)
        costs.append({name: (after.get(name, 0) - before.get(name, 0)) / turns for name in COUNTS})
    return costs


async def _costs(bench: Bench, server: Server, turns: int, names: Sequence[str]) -> list[tuple[float, float]]:
    """CPU seconds and bytes written of each turn."""
    await server.start()
    await bench.run(server, Load(streams=3, deltas=DELTAS))
    costs = []
    for _ in names:
        outcome = await bench.run(server, _load(turns))
        assert not outcome.failures, outcome.failures
        first, last = outcome.samples[0], outcome.samples[-1]
        costs.append((outcome.cpu / turns, (last.written - first.written) / turns))
    return costs


async def _read(server: Server) -> dict[str, int]:
    """What has been counted so far."""
    assert server.process is not None
    path = server.folder / f"{server.name}-{server.starts}" / "counts.json"
    path.unlink(missing_ok=True)
    os.kill(server.process.pid, signal.SIGUSR1)
    await until(path.exists)
    counts: dict[str, int] = json.loads(path.read_text())
    return counts
