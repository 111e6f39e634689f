"""The rows of the table: which figures each shows, and what Palaver aims at."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.bench.stream_path import measures
from tests.bench.stream_path.measures import Figures, Measure, Scale

Limit = Callable[[float, float], float]
"""What Palaver's figure may be, given that of raw and that of tutorial."""

MS, KIB, MIB = 1e-3, 1024, 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row. `figures`: names of what is shown; `unit`: what they are divided by. `limits`: one per figure, none where the aim is no number.

    `at_least`: the figure is the better the larger it is.
    """

    key: str
    label: str
    figures: tuple[str, ...]
    measures: tuple[Measure, ...]
    unit: float = 1.0
    digits: int = 0
    aim: str
    limits: tuple[Limit, ...] = ()
    at_least: bool = False

    def reached(self, own: Figures, raw: Figures, tutorial: Figures) -> bool | None:
        """Whether Palaver's figures are within their limits; None where there is no limit, or nothing to tell it by."""
        if not self.limits:
            return None
        results = []
        for name, limit in zip(self.figures, self.limits, strict=True):
            allowed = limit(raw.get(name, math.nan) / self.unit, tutorial.get(name, math.nan) / self.unit)
            figure = own.get(name, math.nan) / self.unit
            if math.isnan(allowed):
                return None
            results.append(figure >= allowed if self.at_least else figure <= allowed)
        return all(results)


def at_most(value: float) -> Limit:
    return lambda raw, tutorial: value


def rows(scale: Scale) -> tuple[Row, ...]:
    return (
        Row(
            key="turn",
            label="CPU of one short turn, ms (first / later in a thread)",
            figures=("turn_first", "turn_later"),
            measures=(measures.turns,),
            unit=MS,
            digits=1,
            aim="≤ 5 / ≤ 7",
            limits=(at_most(5), at_most(7)),
        ),
        Row(
            key="cpu-100",
            label=f"CPU per 1,000 deltas, ms: {scale.few} streams (started together / spread)",
            figures=("cpu_together", "cpu_spread"),
            measures=(measures.together, measures.spread),
            unit=1e-6,
            aim="≤ 0.7 × raw, ≤ 0.3 × tutorial",
            limits=(lambda raw, tutorial: min(0.7 * raw, 0.3 * tutorial),) * 2,
        ),
        Row(
            key="cpu-400",
            label=f"the same, {scale.many} streams",
            figures=("cpu_many",),
            measures=(measures.many,),
            unit=1e-6,
            aim="≤ 0.6 × raw",
            limits=(lambda raw, _: 0.6 * raw,),
        ),
        Row(
            key="first-100",
            label=f"added time to first token, ms, p50 / p99: {scale.few} streams opened at 40/s",
            figures=("first_few_p50", "first_few_p99"),
            measures=(measures.spread,),
            unit=MS,
            digits=1,
            aim="raw + 5 / raw + 30",
            limits=(lambda raw, _: raw + 5, lambda raw, _: raw + 30),
        ),
        Row(
            key="first-at-once",
            label=f"the same, {scale.few} turns posted at once",
            figures=("first_at_once_p50", "first_at_once_p99"),
            measures=(measures.together,),
            unit=MS,
            aim="≤ 150 / ≤ 400",
            limits=(at_most(150), at_most(400)),
        ),
        Row(
            key="first-400",
            label=f"the same, {scale.many} streams opened at 40/s",
            figures=("first_many_p50", "first_many_p99"),
            measures=(measures.many,),
            unit=MS,
            aim="≤ 20 / ≤ 100",
            limits=(at_most(20), at_most(100)),
        ),
        Row(
            key="lag-400",
            label=f"lag of a delta, ms, p50 / p99: {scale.many} streams",
            figures=("lag_p50", "lag_p99"),
            measures=(measures.many,),
            unit=MS,
            aim="≤ 60 / ≤ 150",
            limits=(at_most(60), at_most(150)),
        ),
        Row(
            key="first-500",
            label=f"added time to first token, ms, p99: {scale.ramp} streams opened at {scale.ramp_rate:g}/s",
            figures=("first_ramp_p99",),
            measures=(measures.ramp,),
            unit=MS,
            aim="≤ 100",
            limits=(at_most(100),),
        ),
        *_resources(scale),
    )


def _resources(scale: Scale) -> tuple[Row, ...]:
    """What a core, the memory and the disk hold."""
    short, long = scale.answers
    flood = f"{scale.flood} streams of {scale.flood_rate:,.0f} deltas/s"
    return (
        Row(
            key="capacity",
            label=f"streams one core holds, of {scale.most:,} (p99 of lag and first token < 300 ms)",
            figures=("capacity",),
            measures=(measures.capacity,),
            aim="1,000",
            limits=(at_most(1_000),),
            at_least=True,
        ),
        Row(
            key="memory",
            label=f"memory per open stream, KiB ({scale.memory} streams, answers of {short} / {long} deltas)",
            figures=("memory_short", "memory_long"),
            measures=(measures.memory,),
            unit=KIB,
            aim="≤ 40, constant",
            limits=(at_most(40), at_most(40)),
        ),
        Row(
            key="disk",
            label=f"bytes written to disk per delta, {scale.disk * 20:,} deltas/s",
            figures=("disk",),
            measures=(measures.disk,),
            aim="≤ 500",
            limits=(at_most(500),),
        ),
        Row(
            key="backpressure",
            label=f"backpressure, {flood} for {scale.flood_seconds:g} s: thousands of deltas read / delivered",
            figures=("flood_read", "flood_delivered"),
            measures=(measures.backpressure,),
            unit=1_000,
            aim="no more read than delivered, but for a bounded rest",
        ),
        Row(
            key="backpressure-memory",
            label="the same: peak memory of the process, MiB",
            figures=("flood_memory",),
            measures=(measures.backpressure,),
            unit=MIB,
            aim="bounded",
        ),
    )


def needed(chosen: Sequence[Row]) -> list[Measure]:
    """The measures that these rows take, each once, in their order."""
    return list(dict.fromkeys(measure for row in chosen for measure in row.measures))
