"""What is left of old messages where a question needs them.

python -m tests.bench.fidelity --data DATA [--names locomo,beam-100K] [--limit 2 --questions 40] [--keep FOLDER] [--ask [--yes]]

DATA (or PALAVER_BENCH_DATA) holds recall/. With --ask and ANTHROPIC_API_KEY a model answers the questions from three contexts and another
judges the answers; the cost is shown first, and nothing is sent without consent.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

from tests.bench.fidelity import judge
from tests.bench.fidelity.asked import Wanted, ask_all
from tests.bench.fidelity.tables import measured, tables
from tests.bench.playing import ONE_TIER


def main(argv: list[str] | None = None) -> int:
    """Print the tables, and with `--ask` the judge's."""
    args = parsed(argv)
    wanted = Wanted(
        data=args.data,
        limit=args.limit,
        questions=args.questions,
        settings=ONE_TIER,
        keep=args.keep,
        jobs=args.jobs,
    )
    for name in args.names.split(","):
        asked = ask_all(name, wanted)
        for line in tables(name, measured(asked)):
            print(line, flush=True)
        if args.ask:
            prompts = judge.prompts(asked)
            print(f"\n{name}: {judge.estimate(prompts)}")
            if not args.yes and input("Send them? [y/N] ").strip().lower() != "y":
                print("Nothing was sent.")
                continue
            for line in judge.table(name, asyncio.run(judge.judged_by_the_api(prompts))):
                print(line, flush=True)
    return 0


def parsed(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    data = os.environ.get("PALAVER_BENCH_DATA")
    parser.add_argument("--data", type=Path, default=data, required=data is None)
    parser.add_argument("--names", default="locomo,beam-100K")
    parser.add_argument("--limit", type=int, help="threads of each data set")
    parser.add_argument("--questions", type=int, help="questions of each thread")
    parser.add_argument(
        "--keep", type=Path, help="a folder: threads are played once and their questions asked again"
    )
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument(
        "--ask", action="store_true", help="answer and judge with real models (ANTHROPIC_API_KEY)"
    )
    parser.add_argument("--yes", action="store_true", help="send without asking first")
    args = parser.parse_args(argv)
    if args.ask and not os.environ.get("ANTHROPIC_API_KEY"):
        parser.error("--ask needs ANTHROPIC_API_KEY")
    return args


if __name__ == "__main__":
    sys.exit(main())
