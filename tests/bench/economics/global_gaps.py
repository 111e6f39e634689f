"""Threads of one service that are alike, or not: bills with the weight of what all threads do learned, and with it fixed.

python -m tests.bench.economics.global_gaps THREADS.jsonl.gz
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from context.cache.global_gaps import WEIGHTS, GlobalGaps
from context.models.pricing import usd
from tests.bench.economics.conversations import Conversation, between, load
from tests.bench.economics.engine import MID, THREE, Run, terms_of

MIXES = (
    ("bursts",),
    ("seconds", "hours"),
    ("minutes", "bursts"),
    ("seconds", "minutes", "hours", "days"),
)
CERTAIN = -1e9  # a score that nothing makes good: the weight is settled


def bill(
    conversations: Sequence[Conversation],
    patterns: Sequence[str],
    models: dict[str, str],
    weight: float | None,
) -> int:
    """Picodollars of all the threads, one after the other; `weight` is one of `WEIGHTS`, or learned."""
    scores = tuple(0.0 if candidate == weight else CERTAIN for candidate in WEIGHTS)
    start = GlobalGaps() if weight is None else GlobalGaps(scores=scores)
    inputs = {tier: terms_of(model, 1_500) for tier, model in models.items()}
    global_gaps_by_model = dict.fromkeys(models.values(), start)
    total = 0
    for index, conversation in enumerate(conversations):
        gaps = between(conversation, patterns[index % len(patterns)], index)
        run = Run(inputs=inputs, global_gaps_by_model=global_gaps_by_model, compact_first=True).play(
            conversation, gaps
        )
        global_gaps_by_model = {
            model: global_gaps if weight is None else replace(global_gaps, scores=scores)
            for model, global_gaps in run.global_gaps_by_model.items()
        }
        total += run.provider.total
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("threads", type=Path)
    parser.add_argument("--limit", type=int, default=12)
    parser.add_argument("--turns", type=int, default=100)
    args = parser.parse_args()
    conversations, _ = load(args.threads, args.limit, args.turns)
    for kind, models in (("one", MID), ("three", THREE)):
        for patterns in MIXES:
            costs = [bill(conversations, patterns, models, weight) for weight in (None, *WEIGHTS)]
            shown = "  ".join(
                f"{name} ${usd(cost):.3f}" for name, cost in zip(("learned", *WEIGHTS), costs, strict=True)
            )
            print(f"{kind:5} {'/'.join(patterns):26} {shown}", flush=True)


if __name__ == "__main__":
    main()
