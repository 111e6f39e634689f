"""Processor time of counting tokens: estimates, loading, long texts, and exact counts when a tokenizer is named.

python -m tests.bench.token_estimates.speed <kit>/data/tokens/texts.jsonl.gz [tokenizer.json]
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import process_time
from typing import TypeVar

from context.tokens.calibration import Calibration
from context.tokens.exact import ExactTokenizer
from context.tokens.prior import TokenPrior
from context.tokens.tokenizer import WordTokenizer

T = TypeVar("T")

ROUNDS = 5
LONG = 400_000  # characters


def seconds(work: Callable[[], object]) -> float:
    """Processor time of one run."""
    start = process_time()
    work()
    return process_time() - start


def count_all(count: Callable[[T], object], texts: list[T]) -> None:
    """Count each."""
    for text in texts:
        count(text)


def main(data: Path, public: Path | None) -> None:
    """Print a line per figure, each the least and the most of `ROUNDS` runs."""
    print(f"import of tokenizers and first load: {1e3 * seconds(WordTokenizer.load):.0f} ms")
    show("loading again", [1e3 * seconds(WordTokenizer.load) for _ in range(ROUNDS)], "ms")
    with gzip.open(data, "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    thousands = sum(map(len, texts)) / 1_000
    counters = [TokenPrior(WordTokenizer.load()).features for _ in range(ROUNDS)]
    for name in ("every word met for the first time", "words seen before"):
        times = [1e6 * seconds(partial(count_all, count, texts)) / thousands for count in counters]
        show(name, times, "us per 1,000 characters")
    features, estimate = list(map(counters[0], texts)), Calibration.initial("m").estimate
    times = [1e6 * seconds(partial(count_all, estimate, features)) / len(texts) for _ in range(ROUNDS)]
    show("one estimate", times, "us")
    for unit in ("qzXvKw", "qzx vkw ", "7", "漢", " "):
        text = unit * (LONG // len(unit))
        times = [1e3 * seconds(partial(count, text)) for count in counters]
        show(f"{LONG:,} characters of {unit!r}", times, "ms")
    if public is not None:
        exact = [ExactTokenizer(public.read_bytes()).count for _ in range(ROUNDS)]
        for name in ("exact counts", "exact counts of texts seen before"):
            times = [1e6 * seconds(partial(count_all, each, texts)) / thousands for each in exact]
            show(name, times, "us per 1,000 characters")
        times = [1e3 * seconds(partial(each, " ".join(texts)[:LONG])) for each in exact]
        show(f"exact count of {LONG:,} characters", times, "ms")


def show(name: str, times: list[float], unit: str) -> None:
    """One figure."""
    print(f"{name}: {min(times):.1f} to {max(times):.1f} {unit}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
