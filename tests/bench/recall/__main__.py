"""The table of recall, beside its baselines: `python -m tests.bench.recall --kit <evaluation kit> --data <its recall data>`.

The halves are every second thread of each source: how far a figure depends on which threads it was measured on.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import fmean, median

from tests.bench.kit import load
from tests.bench.recall.adapter import build, build_with_embeddings, plain_fts5, window_only

BUILDERS = {"window only": window_only, "plain FTS5": plain_fts5, "recall": build}


def main(argv: list[str] | None = None) -> int:
    """Print shares of the evidence in per cent, and milliseconds of each call."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kit", type=Path, required=True, help="folder with context_recall.py")
    parser.add_argument("--data", type=Path, required=True, help="folder with <name>.threads and .questions")
    parser.add_argument("--embeddings", action="store_true", help="also with the embedding model")
    parser.add_argument("--source", action="append", help="only these names")
    arguments = parser.parse_args(argv)
    kit = load(arguments.kit / "context_recall.py")
    budgets = kit.BUDGETS
    builders = BUILDERS | ({"recall with embeddings": build_with_embeddings} if arguments.embeddings else {})
    print(
        "| source | context | " + " | ".join(map(str, budgets)) + " | halves at 4000 | dated | ms p50 / p95 |"
    )
    print("|---|---|" + "---:|" * (len(budgets) + 3))
    names = arguments.source or sorted(path.name.split(".")[0] for path in arguments.data.glob("*.threads.*"))
    for name in names:
        data = kit.Dataset.load(arguments.data, [name])
        half = {thread: index % 2 for index, thread in enumerate(data.threads)}
        for label, builder in builders.items():
            rows = list(kit.run_builder(data, builder, budgets))
            scores = kit.score_outputs(data, rows)
            shares = [fmean(score.recall for score in scores if score.budget == budget) for budget in budgets]
            halves = [
                fmean(
                    score.recall
                    for score in scores
                    if score.budget == 4000 and half[data.questions[score.question]["thread"]] == which
                )
                for which in sorted(set(half.values()))
            ]
            dated = [score.dated for score in scores if score.dated is not None]
            times = sorted(row["ms"] for row in rows)[: -len(data.threads)]  # one call a thread imports it
            print(
                f"| {name} | {label} | "
                + " | ".join(f"{100 * share:.1f}" for share in shares)
                + f" | {' / '.join(f'{100 * share:.1f}' for share in halves)} | {fmean(dated) if dated else 0:.3f}"
                + f" | {median(times):.1f} / {times[int(0.95 * len(times))]:.1f} |",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
