"""Prints one table: what Palaver costs per turn, per delta and per stream, beside servers that do less, and what it aims at."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.bench.stream_path.compare import compare
from tests.bench.stream_path.measures import QUICK, Scale
from tests.bench.stream_path.rows import rows
from tests.bench.stream_path.table import load_average, machine, table


def main() -> None:
    keys = [row.key for row in rows(Scale())]
    parser = argparse.ArgumentParser(prog="python -m tests.bench.stream_path", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="fewer streams, for shorter: about eight minutes"
    )
    parser.add_argument("--rows", default=",".join(keys), help=f"only these, by comma: {', '.join(keys)}")
    parser.add_argument("--servers", default="", help="only these of Palaver, raw, tutorial")
    parser.add_argument("--rounds", type=int, default=1, help="times all is measured; medians are printed")
    parser.add_argument(
        "--litellm",
        nargs="?",
        const="litellm",
        metavar="COMMAND",
        help="LiteLLM's proxy too, if it is installed",
    )
    parser.add_argument("--folder", help="where databases are kept; its disk is what is written to")
    options = parser.parse_args()
    scale = QUICK if options.quick else Scale()
    wanted = options.rows.split(",")
    if unknown := set(wanted) - set(keys):
        parser.error(f"no such rows: {', '.join(sorted(unknown))}")
    chosen = [row for row in rows(scale) if row.key in wanted]
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        comparison = asyncio.run(
            compare(
                Path(folder),
                chosen,
                scale,
                only=[name for name in options.servers.split(",") if name],
                rounds=options.rounds,
                litellm=options.litellm,
                tell=lambda line: print(line, file=sys.stderr, flush=True),
            )
        )
    print(table(comparison.results, chosen))
    print(f"\n{comparison.harness}. Load at the end {load_average()}.")


if __name__ == "__main__":
    main()
