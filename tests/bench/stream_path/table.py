"""Prints what was measured: the machine, one row per aim, and what the readers and the model take by themselves."""

import math
import os
import platform
from collections.abc import Sequence
from pathlib import Path

from tests.bench.stream_path.measures import Figures
from tests.bench.stream_path.rows import Row
from tests.bench.stream_path.workers import cores

Results = dict[str, Figures]
"""Figures by the name of a server."""


def machine() -> str:
    """Processor, cores, Python and load, in a line."""
    model = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        names = [line for line in information.read_text().splitlines() if line.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    pinned, others = cores()
    place = f"servers on core {min(pinned)}, all else on {sorted(others)}" if pinned else "cores not chosen"
    return (
        f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, load {load_average()}; {place}"
    )


def load_average() -> str:
    return " ".join(f"{load:.1f}" for load in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"


def table(results: Results, chosen: Sequence[Row]) -> str:
    """Rows of figures. The ratios are Palaver's figure over that of raw and of tutorial."""
    servers = list(results)
    lines = [
        "| " + " | ".join(["", *servers, "× raw", "× tutorial", "aim", "reached"]) + " |",
        "|---|" + "--:|" * len(servers) + "--:|--:|---|---|",
    ]
    own, raw, tutorial = (results.get(name, {}) for name in ("Palaver", "raw", "tutorial"))
    for row in chosen:
        reached = {True: "yes", False: "no", None: ""}[row.reached(own, raw, tutorial)]
        cells = [
            row.label,
            *(cell(row, results[name]) for name in servers),
            ratios(row, own, raw),
            ratios(row, own, tutorial),
            row.aim,
            reached,
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def cell(row: Row, figures: Figures) -> str:
    return " / ".join(number(figures.get(name, math.nan) / row.unit, row.digits) for name in row.figures)


def number(value: float, digits: int) -> str:
    """Not a number: a stream was not answered to its end, or the streams were never all open. Infinite: too many had no answer at all."""
    if math.isnan(value):
        return "failed"
    return "∞" if math.isinf(value) else f"{value:,.{digits}f}"


def ratios(row: Row, own: Figures, other: Figures) -> str:
    return " / ".join(
        ratio(own.get(name, math.nan), other.get(name, math.nan), row.unit) for name in row.figures
    )


def ratio(own: float, other: float, unit: float) -> str:
    """Empty where the other's figure is next to nothing, or one of the two is missing."""
    return f"{own / other:.2f}" if math.isfinite(own) and math.isfinite(other) and other > unit / 100 else "–"
