"""Prints one table: CPU per delta and memory per open stream, and Palaver's share of both."""

import argparse
import asyncio
import tempfile
from pathlib import Path

from tests.bench.stream_path.run import Cost, measure


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.stream_path", description=__doc__)
    parser.add_argument("--streams", default="1,20,100", help="numbers of streams at once")
    parser.add_argument("--deltas", type=int, default=400, help="deltas per stream, 50 a second")
    options = parser.parse_args()
    counts = tuple(int(count) for count in options.streams.split(","))
    with tempfile.TemporaryDirectory() as folder:
        costs = asyncio.run(measure(Path(folder), counts, options.deltas))
    print(table(costs, counts))


def table(costs: list[Cost], counts: tuple[int, ...]) -> str:
    """Rows are numbers of streams; ratios are Palaver's figure over that of the server named."""
    by_subject = {(cost.subject, cost.streams): cost for cost in costs}
    lines = [
        "| streams | Palaver µs/delta | relay | simulator | ratio to relay | to simulator "
        "| Palaver KiB/stream | relay | simulator | ratio to relay |",
        "|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for count in counts:
        own, relay, sim = (by_subject[name, count] for name in ("palaver", "relay", "simulator"))
        figures = [
            f"{count}",
            *(f"{cost.cpu:.0f}" for cost in (own, relay, sim)),
            *(f"{ratio(own.cpu, other.cpu)}" for other in (relay, sim)),
            *(f"{cost.memory / 1024:.0f}" for cost in (own, relay, sim)),
            ratio(own.memory, relay.memory),
        ]
        lines.append("| " + " | ".join(figures) + " |")
    return "\n".join(lines)


def ratio(own: float, other: float) -> str:
    return f"{own / other:.2f}" if other > 0 else "-"


if __name__ == "__main__":
    main()
