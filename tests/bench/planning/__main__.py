"""Prints one table: what planning costs, by the length of the thread."""

from __future__ import annotations

import argparse
import asyncio
import logging
import tempfile
from pathlib import Path

import structlog

from tests.bench.planning.measure import Cost, measure


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.planning", description=__doc__)
    parser.add_argument("--sizes", default="100,10000,100000", help="messages of the threads")
    parser.add_argument("--repeats", type=int, default=50)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    sizes = tuple(int(size) for size in options.sizes.split(","))
    with tempfile.TemporaryDirectory() as folder:
        print(table(asyncio.run(measure(Path(folder), sizes, options.repeats))))


def table(costs: list[Cost]) -> str:
    """Times in microseconds; ratios are to a bare read of the newest 40 messages by primary key."""
    lines = [
        "| messages | plan alone µs | read window | recall, first | recall, then | whole, then | bare read | window / bare "
        "| whole / bare | steps: window | recall, first | recall, then | bare | window / bare |",
        "|" + "--:|" * 14,
    ]
    for cost in costs:
        times = cost.plan, cost.window, cost.recall_first, cost.recall, cost.whole, cost.bare
        steps = cost.window_steps, cost.recall_first_steps, cost.recall_steps, cost.bare_steps
        figures = [
            f"{cost.messages:,}",
            *(f"{milliseconds:,.0f}" for milliseconds in times),
            f"{cost.window / cost.bare:.1f}",
            f"{cost.whole / cost.bare:.1f}",
            *(f"{count:,}" for count in steps),
            f"{cost.window_steps / cost.bare_steps:.1f}",
        ]
        lines.append("| " + " | ".join(figures) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
