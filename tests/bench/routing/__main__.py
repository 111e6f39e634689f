"""Scores the router beside random, length and keywords, with the evaluation kit's own scorer.

python -m tests.bench.routing --kit <folder with routing.py> --data <folder with turns.jsonl.gz and quality.jsonl.gz>
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from time import process_time
from typing import Any

from tests.bench.kit import load
from tests.bench.routing import adapter

Score = Callable[[str, list[dict[str, str]]], float]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kit", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    args = parser.parse_args()
    kit, example = load(args.kit / "routing.py"), load(args.kit / "example_router.py")
    turns = list(kit.read_jsonl(args.data / "turns.jsonl.gz"))
    quality = [row for row in kit.read_jsonl(args.data / "quality.jsonl.gz") if not row["contaminated"]]

    print(f"turns ({len(turns)})      macro-F1  dropped  price   ms/turn, processor time")
    bounds = thresholds([len(row["text"]) for row in turns], [row["label"] for row in turns])
    rng = random.Random(1)
    labels = [row["label"] for row in turns]
    routers: dict[str, Callable[[str, list[dict[str, str]]], str]] = {
        "router": adapter.tier,
        "keywords": example.tier,
        "length": lambda text, history: kit.TIERS[sum(len(text) > bound for bound in bounds)],
        "random": lambda text, history: rng.choice(labels),
    }
    for name, choose in routers.items():
        choose("warm up", [])
        began = process_time()
        tiers = {row["id"]: choose(row["text"], row["history"]) for row in turns}
        took = (process_time() - began) / len(turns) * 1e3
        figures = kit.turns(turns, tiers)
        print(
            f"{name:<17} {figures['macro_f1']:>9.3f} {figures['dropped']:>8.2%} {figures['price']:>6.3f}   {took:.3f}"
        )
        if name == "router":
            confusion(figures["confusion"])

    print(f"\nquality ({len(quality)}): APGR / CPT50 / CPT80 by set")
    scores: dict[str, Score] = {
        "router": adapter.score,
        "keywords": example.score,
        "length": lambda prompt, history: len(prompt),
        "random": lambda prompt, history: rng.random(),
    }
    for name, score in scores.items():
        table = kit.quality(quality, {row["id"]: score(row["prompt"], []) for row in quality})
        columns = "  ".join(
            f"{row['set']} {row['apgr']:.3f}/{row['cpt50']:.0%}/{row['cpt80']:.0%}" for row in table
        )
        print(f"{name:<9} {columns}")


def thresholds(lengths: list[int], labels: list[str]) -> tuple[int, int]:
    """The best two lengths to cut at, in sample: the length baseline at its strongest."""
    pairs = list(zip(lengths, labels, strict=True))
    choices = sorted(set(lengths))[:: max(1, len(set(lengths)) // 40)]
    order: Mapping[str, int] = {"simple": 0, "standard": 1, "complex": 2}

    def right(bounds: tuple[int, int]) -> int:
        return sum(order[label] == sum(length > bound for bound in bounds) for length, label in pairs)

    return max(((low, high) for low in choices for high in choices if low < high), key=right)


def confusion(counts: Mapping[str, Any]) -> None:
    """Rows are what was true, columns what was said."""
    tiers = ("simple", "standard", "complex")
    print(f"    {'true / said':<12}" + "".join(f"{tier:>10}" for tier in tiers))
    for true in tiers:
        print(f"    {true:<12}" + "".join(f"{counts.get(f'{true}->{chosen}', 0):>10}" for chosen in tiers))


if __name__ == "__main__":
    main()
