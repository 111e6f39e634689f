"""Measures the router on what it was not trained on: a fifth of the rows, topics or subjects, and whole sources or sets."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from context.models.catalog import Tier
from context.routing.complexity import complexity_of, judge_message
from context.routing.gain import expected_gain
from context.routing.model import Weights
from context.routing.signals import read
from tests.bench.routing.fit import gains, train
from tests.bench.routing.rows import NON_COMMERCIAL, Row

# Sources of turns whose prompts stand in the sets of graded answers, too.
SHARED_WITH_SETS = {"math", "gpqa", "natural_qa", "trivia_qa", "agentverse-logicgrid", "mt-bench"}
TERSE = 60  # Latin letters' worth below which a hard prompt is terse


def validate(turns: Sequence[Row], written: Sequence[Row]) -> None:
    """Macro-F1, dropped complex turns and found terse ones on rows, topics and sources that were not learned from."""
    everything = [*turns, *written]
    ways: dict[str, Callable[[int, Row], str]] = {
        "a fifth of the rows": lambda i, row: str(i % 5),
        "topics": lambda i, row: str(zlib.crc32(f"{row.source} {row.topic}".encode()) % 5),
        "sources": lambda i, row: row.source,
    }
    for name, fold_of in ways.items():
        folds = [fold_of(i, row) for i, row in enumerate(everything)]
        answers: list[str] = [""] * len(everything)
        for fold in sorted(set(folds)):
            weights = train([row for row, of in zip(everything, folds, strict=True) if of != fold])
            for i, row in enumerate(everything):
                if folds[i] == fold:
                    answers[i] = tier(row, weights)
        for kind, rows in (("public", turns), ("written", written)):
            start = 0 if kind == "public" else len(turns)
            print(
                f"left out: {name:<20} {kind:<8} {figures(rows, answers[start : start + len(rows)])}",
                flush=True,
            )
        if name == "sources":
            for source in sorted(set(folds)):
                pairs = Counter(
                    (row.label, answer)
                    for row, answer in zip(everything, answers, strict=True)
                    if row.source == source
                )
                print(f"    {source:<22} {dict(sorted(pairs.items()))}")


def validate_gain(data: Path, kit: ModuleType, turns: Sequence[Row]) -> None:
    """APGR, CPT50 and CPT80 of the gain on rows and on whole sets that were not learned from, with heads that learned from no turn of these sets."""
    weights = train([row for row in turns if row.source not in SHARED_WITH_SETS])
    rows = [row for row in kit.read_jsonl(data / "quality.jsonl.gz") if not row["contaminated"]]
    quality = [(row["set"], read(row["prompt"]), row["strong"] - row["weak"]) for row in rows]
    ways: dict[str, Callable[[int], str]] = {
        "a fifth of the rows": lambda i: str(i % 5),
        "subjects of mmlu": lambda i: rows[i]["subject"] if rows[i]["set"] == "mmlu" else str(i % 5),
        "sets": lambda i: quality[i][0],
    }
    for name, fold_of in ways.items():
        folds = [fold_of(i) for i in range(len(rows))]
        scores: dict[str, float] = {}
        for fold in sorted(set(folds)):
            known = [
                sample
                for sample, row_fold in zip(quality, folds, strict=True)
                if row_fold != fold and sample[0] not in NON_COMMERCIAL
            ]
            learned = gains(known)
            for row, (_, reading, _), row_fold in zip(rows, quality, folds, strict=True):
                if row_fold == fold:
                    verdict = judge_message(reading, (), weights).verdict
                    scores[row["id"]] = expected_gain(reading, learned, verdict.complex)
        columns = (
            f"{result['set']} {result['apgr']:.3f}/{result['cpt50']:.0%}/{result['cpt80']:.0%}"
            for result in kit.quality(rows, scores)
        )
        print(f"left out: {name:<20} {'  '.join(columns)}", flush=True)


def tier(row: Row, weights: Weights) -> Tier:
    """What a router with these weights would choose."""
    return complexity_of(judge_message(row.reading, row.said, weights)).tier


def figures(rows: Sequence[Row], answers: Sequence[str]) -> str:
    """Macro-F1, the share of complex turns sent to the simple tier, and the share of terse complex turns that are found."""
    labels, f1 = [row.label for row in rows], []
    for label in ("simple", "standard", "complex"):
        both = sum(a == b == label for a, b in zip(labels, answers, strict=True))
        f1.append(2 * both / max(1, labels.count(label) + answers.count(label)))
    dropped = sum((a, b) == ("complex", "simple") for a, b in zip(labels, answers, strict=True))
    terse = [
        answer
        for row, answer in zip(rows, answers, strict=True)
        if row.label == "complex" and row.reading.size < TERSE
    ]
    return (
        f"macro-F1 {sum(f1) / 3:.3f}  dropped {dropped / max(1, labels.count('complex')):.2%}"
        f"  terse {terse.count('complex') / max(1, len(terse)):.2f} of {len(terse)}"
    )
