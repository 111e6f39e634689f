"""The table of what ships, on real texts.

python -m tests.bench.as_shipped --data DATA --eval KIT [--rows support-200,locomo] [--limit 1 --turns 40 --questions 10] [--jobs 2]

DATA and KIT may also be named by PALAVER_BENCH_DATA and PALAVER_BENCH_EVAL. `--set recall_tokens=0` changes a setting.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from tests.bench.as_shipped.bills import Support, auto, long_answers
from tests.bench.as_shipped.evidence import Evidence
from tests.bench.as_shipped.langchain import beside_langchain
from tests.bench.as_shipped.other_benches import false_alarms, recall_at_budget, routing, token_errors
from tests.bench.as_shipped.rows import HEADER, Measure, Options
from tests.bench.as_shipped.summaries import summary_shape

ROWS: dict[str, Measure] = {
    "support-200": Support(200, usual=6, aim=1.25),
    "support-1000": Support(1_000, usual=2, aim=1.25),
    "langchain": beside_langchain,
    "auto": auto,
    "beam-dollars": long_answers,
    "locomo": Evidence("locomo", usual=5, aim=88, hops=70),
    "beam-100K": Evidence("beam-100K", usual=7, aim=85),
    "summary": summary_shape,
    "recall-4000": recall_at_budget,
    "routing": routing,
    "tokens": token_errors,
    "false-alarms": false_alarms,
    "beam-500K": Evidence("beam-500K", usual=2, aim=None),
    "beam-1M": Evidence("beam-1M", usual=1, aim=None),
}
UNLESS_NAMED = ("beam-500K", "beam-1M")  # rows that take long and have no aim


def main(argv: list[str] | None = None) -> int:
    """Print the rows as they are measured."""
    options, names = parsed(argv)
    print(HEADER, flush=True)
    for name in names:
        start = time.monotonic()
        for row in ROWS[name](options):
            print(row, flush=True)
        print(f"{name}: {time.monotonic() - start:.0f} s", file=sys.stderr)
    return 0


def parsed(argv: list[str] | None) -> tuple[Options, list[str]]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    data, kit = os.environ.get("PALAVER_BENCH_DATA"), os.environ.get("PALAVER_BENCH_EVAL")
    parser.add_argument(
        "--data", type=Path, default=data, required=data is None, help="folder with support/ and recall/"
    )
    parser.add_argument("--eval", dest="kit", type=Path, default=kit, help="folder with the scorers")
    parser.add_argument("--rows", default=",".join(name for name in ROWS if name not in UNLESS_NAMED))
    parser.add_argument("--limit", type=int, help="threads of each file; 0: all")
    parser.add_argument("--turns", type=int, help="turns of each thread that are played for a bill")
    parser.add_argument("--questions", type=int, help="questions asked of each thread")
    parser.add_argument(
        "--tier", choices=("standard", "auto"), default="standard", help="tier of the rows of evidence"
    )
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument(
        "--keep", type=Path, help="a folder: threads are played once and their questions asked again"
    )
    parser.add_argument(
        "--set", action="append", default=[], help="a setting other than the default, name=value"
    )
    args = parser.parse_args(argv)
    names = args.rows.split(",")
    if unknown := [name for name in names if name not in ROWS]:
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join(ROWS)}")
    return Options.of(args), names


if __name__ == "__main__":
    sys.exit(main())
