"""Runs every measure on every server in turn, so that what else the machine does falls on all of them alike."""

import asyncio
import math
import signal
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.stream_path.measures import RATE, Figures, Scale, quantile
from tests.bench.stream_path.rows import Row, needed
from tests.bench.stream_path.run import Bench, Load
from tests.bench.stream_path.servers import Ask, Sample, ask_model, sample, servers
from tests.bench.stream_path.table import Results
from tests.bench.stream_path.workers import Worker, cores, raise_file_limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Figures by server, and a sentence on what the model and the readers take by themselves."""

    results: Results
    harness: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelItself:
    """The model, measured as if it were a server."""

    pid: int
    port: int
    ask: Ask = ask_model

    def sample(self) -> Sample:
        return sample(self.pid)


async def compare(
    folder: Path,
    chosen: Sequence[Row],
    scale: Scale,
    *,
    only: Sequence[str] = (),
    rounds: int = 1,
    litellm: str | None = None,
    settle: float = 1.0,
    tell: Callable[[str], None] = lambda line: None,
) -> Comparison:
    """`only`: names of servers, all where there are none. `tell` is called with each figure as it comes."""
    raise_file_limit()
    _end_with_sigterm()
    _, others = cores()
    async with Worker(module="model", on=others) as model, Worker(module="load", on=others) as readers:
        bench = Bench(model=model, readers=readers, settle=settle)
        port = await model.read()
        assert model.process is not None
        direct = ModelItself(pid=model.process.pid, port=port)
        harness = await _harness(bench, direct, scale)
        tell(harness)
        async with servers(folder, port, only=only, litellm=litellm) as compared:
            collected: dict[str, list[Figures]] = {server.name: [] for server in compared}
            for measure in needed(chosen) * rounds:
                for server in compared:
                    if server.process is None:
                        await server.start()
                        await bench.run(server, Load(streams=5, deltas=20))
                    began = time.monotonic()
                    figures = await measure(bench, server, scale)
                    collected[server.name].append(figures)
                    told = ", ".join(f"{name} {figure:.6g}" for name, figure in figures.items())
                    tell(f"{server.name}: {told} ({time.monotonic() - began:.0f} s)")
    return Comparison(results={name: _medians(each) for name, each in collected.items()}, harness=harness)


def _end_with_sigterm() -> None:
    """End the servers too when this process is told to end."""
    task = asyncio.current_task()
    if task is not None and sys.platform != "win32":
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


def _medians(rounds: Sequence[Figures]) -> Figures:
    """The median of each figure over all rounds; not a number if it is missing in one."""
    values: dict[str, list[float]] = {}
    for figures in rounds:
        for name, figure in figures.items():
            values.setdefault(name, []).append(figure)
    return {
        name: math.nan if any(map(math.isnan, each)) else statistics.median(each)
        for name, each in values.items()
    }


async def _harness(bench: Bench, direct: ModelItself, scale: Scale) -> str:
    """The model read with nothing in between: below this no server can be."""
    deltas = int((scale.many / RATE + 2) * 20)
    outcome = await bench.run(direct, Load(streams=scale.many, deltas=deltas, opened_per_second=RATE))
    first, last = (quantile(outcome.added, share) * 1_000 for share in (0.5, 0.99))
    middle, slow = (quantile(outcome.lags, share) * 1_000 for share in (0.5, 0.99))
    return (
        f"Model and readers alone, {scale.many} streams: added time to first token p50 / p99 {first:.1f} / {last:.1f} ms, "
        f"lag {middle:.1f} / {slow:.1f} ms, the model's CPU per 1,000 deltas {outcome.cpu_per_delta * 1e6:.0f} ms"
    )
