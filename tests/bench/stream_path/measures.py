"""What is measured: each function puts loads on one server and returns figures by name. Seconds, bytes and counts."""

import math
import statistics
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import count

from tests.bench.stream_path.run import Bench, Load, Outcome
from tests.bench.stream_path.servers import Server

LIMIT = 0.3  # seconds: the 99th percentile of lag and of the first token of a server that holds its streams
RATE = 40.0  # streams opened per second
ENDLESS = 100_000_000  # deltas

_threads = count()  # each measure of turns has threads of its own

Figures = dict[str, float]
Measure = Callable[[Bench, Server, "Scale"], Awaitable[Figures]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much of everything. `hold`: seconds for which all streams are open. `answers`: deltas at which memory is looked at."""

    turns: int = 50
    short: int = 10
    few: int = 100
    many: int = 400
    ramp: int = 500
    ramp_rate: float = 20.0
    hold: float = 10.0
    step: int = 25
    most: int = 1_000
    memory: int = 200
    answers: tuple[int, int] = (150, 750)
    disk: int = 300
    flood: int = 200
    flood_rate: float = 2_000.0
    flood_seconds: float = 5.0


QUICK = Scale(
    turns=20, many=200, ramp=200, hold=5.0, step=100, most=500, memory=100, answers=(100, 300), flood=50,
    flood_seconds=2.0,
)  # fmt: skip


async def turns(bench: Bench, server: Server, scale: Scale) -> Figures:
    """CPU of a turn with a short answer, all that goes on behind it included: the first of a thread, then the second and third."""

    def load(threads: str) -> Load:
        return Load(streams=scale.turns, deltas=scale.short, opened_per_second=8.0, threads=threads)

    prefix = f"turns{next(_threads)}"
    first, *later = [await bench.run(server, load(prefix)) for _ in range(3)]
    return {
        "turn_first": _sound(first, first.cpu / scale.turns),
        "turn_later": statistics.mean(_sound(outcome, outcome.cpu / scale.turns) for outcome in later),
    }


async def together(bench: Bench, server: Server, scale: Scale) -> Figures:
    """Streams posted at once, which say something at the same instants."""
    outcome = await bench.run(server, _open(scale.few, 0.0, scale.hold, aligned=True))
    return {"cpu_together": _sound(outcome, outcome.cpu_per_delta), **_first("at_once", outcome)}


async def spread(bench: Bench, server: Server, scale: Scale) -> Figures:
    """As many streams, opened one after the other."""
    outcome = await bench.run(server, _open(scale.few, RATE, scale.hold))
    return {"cpu_spread": _sound(outcome, outcome.cpu_per_delta), **_first("few", outcome)}


async def many(bench: Bench, server: Server, scale: Scale) -> Figures:
    outcome = await bench.run(server, _open(scale.many, RATE, scale.hold))
    return {
        "cpu_many": _sound(outcome, outcome.cpu_per_delta),
        **_first("many", outcome),
        "lag_p50": quantile(outcome.lags, 0.5),
        "lag_p99": quantile(outcome.lags, 0.99),
    }


async def ramp(bench: Bench, server: Server, scale: Scale) -> Figures:
    return _first("ramp", await bench.run(server, _open(scale.ramp, scale.ramp_rate, scale.hold)))


async def capacity(bench: Bench, server: Server, scale: Scale) -> Figures:
    """The most streams that a server holds, found by bisection; 0 when it does not even hold the first step."""
    held, too_many = 0, scale.most // scale.step + 1
    while too_many - held > 1:
        steps = (held + too_many) // 2
        if await _holds(bench, server, steps * scale.step, scale.hold / 2):
            held = steps
        else:
            too_many = steps
    return {"capacity": float(held * scale.step)}


async def _holds(bench: Bench, server: Server, streams: int, hold: float) -> bool:
    outcome = await bench.run(server, _open(streams, RATE, hold))
    slowest = max(quantile(outcome.added, 0.99), quantile(outcome.lags, 0.99))
    return not outcome.failures and slowest < LIMIT


async def memory(bench: Bench, server: Server, scale: Scale) -> Figures:
    """Resident memory of a new process for each open stream, while answers are short, and when they have become long."""
    await server.restart()
    await bench.run(server, Load(streams=20, deltas=20))
    short, long = scale.answers
    outcome = await bench.run(server, _open(scale.memory, RATE, long / 20))
    begin, end = outcome.window
    before = outcome.samples[0].memory
    first, last = outcome.between(min(end, begin + short / 20), end)
    return {
        "memory_short": _sound(outcome, (first.memory - before) / scale.memory),
        "memory_long": _sound(outcome, (last.memory - before) / scale.memory),
    }


async def disk(bench: Bench, server: Server, scale: Scale) -> Figures:
    outcome = await bench.run(server, _open(scale.disk, RATE, scale.hold))
    return {"disk": _sound(outcome, outcome.written_per_delta)}


async def backpressure(bench: Bench, server: Server, scale: Scale) -> Figures:
    """Answers that come faster than any server passes them on: how much is read of them, how much arrives, and the memory between the two.

    All streams are open before the first delta, and the server, which would go on with the answers, is killed at the end.
    """
    opening = scale.flood / RATE
    await server.restart()
    await bench.run(server, Load(streams=min(20, scale.flood), deltas=20))
    outcome = await bench.run(
        server,
        Load(
            streams=scale.flood, deltas=ENDLESS, per_second=scale.flood_rate, opened_per_second=RATE,
            first_delay=opening + 2, cut=2 * opening + 2 + scale.flood_seconds,
        ),
    )  # fmt: skip
    delivered = sum(stream.delivered(outcome.logged) for stream in outcome.streams)
    await server.stop()
    return {
        # What has been delivered was read, also where the sockets' counters are a moment older.
        "flood_read": float(max(outcome.read_of_the_model, delivered)),
        "flood_delivered": float(delivered),
        "flood_memory": float(outcome.peak),
    }


def _open(streams: int, rate: float, hold: float, *, aligned: bool = False) -> Load:
    """Streams opened at a rate, 0 for at once, which are then all open for so many seconds."""
    opening = streams / rate if rate else 0.0
    deltas = math.ceil((opening + hold) * 20)
    return Load(streams=streams, deltas=deltas, opened_per_second=rate, aligned=aligned)


def _first(name: str, outcome: Outcome) -> Figures:
    """Added time to the first token."""
    return {
        f"first_{name}_p50": quantile(outcome.added, 0.5),
        f"first_{name}_p99": quantile(outcome.added, 0.99),
    }


def _sound(outcome: Outcome, figure: float) -> float:
    """The figure, if every stream was answered to its end."""
    return math.nan if outcome.failures else figure


def quantile(values: Sequence[float], share: float) -> float:
    """The value that so large a share of all does not exceed (nearest rank); infinite for no values."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)] if ranked else math.inf
