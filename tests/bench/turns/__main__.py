"""Prints what a turn asks of the database, and its CPU: one column for the first turn of a thread, one for each that follows."""

import argparse
import asyncio
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bench.stream_path.table import load_average, machine
from tests.bench.turns.run import Cost, measure

ROWS: tuple[tuple[str, Callable[[Cost], float], str], ...] = (
    ("calls to the database's threads", lambda cost: cost.counts["calls"], "≤ 8"),
    ("commits", lambda cost: cost.counts["commits"], "≤ 4"),
    ("read snapshots", lambda cost: cost.counts["snapshots"], ""),
    ("SQL statements", lambda cost: cost.counts["statements"], ""),
    ("savepoints", lambda cost: cost.counts["savepoints"], ""),
    ("transactions undone", lambda cost: cost.counts["rollbacks"], ""),
    ("CPU, ms", lambda cost: cost.cpu * 1e3, "first ≤ 5, later ≤ 7"),
    ("bytes written, KiB", lambda cost: cost.written / 1024, ""),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.turns", description=__doc__)
    parser.add_argument("--turns", type=int, default=20, help="threads, each of which has every turn")
    parser.add_argument("--later", type=int, default=2, help="turns of a thread after its first")
    options = parser.parse_args()
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        costs = asyncio.run(measure(Path(folder), options.turns, later=options.later))
    print(table(costs))
    print(f"\nLoad at the end {load_average()}.")


def table(costs: Sequence[Cost]) -> str:
    """One column for each turn of a thread."""
    lines = [
        "| per turn | " + " | ".join(cost.name for cost in costs) + " | aim |",
        "|---|" + "--:|" * len(costs) + "---|",
    ]
    for label, figure, aim in ROWS:
        figures = " | ".join(f"{figure(cost):.1f}" for cost in costs)
        lines.append(f"| {label} | {figures} | {aim} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
