"""Makes context/routing/weights.json.gz, the weights behind the router, and measures them on data they have not seen.

    python -m tests.bench.routing.train --data <folder with turns.jsonl.gz and quality.jsonl.gz> [--validate]

Standard library only, deterministic, about a minute. What is shipped is one number per signal, word or pair of words; no text.
Rows under a non-commercial licence (AlpacaEval) train nothing: they are dropped when read, and kept for measuring.

Sources (as in the evaluation data's README):
    turns: CLINC150 (CC BY 3.0), MultiDoGO (CDLA-Permissive 1.0), Schema-Guided Dialogue (CC BY-SA 4.0), BANKING77 (CC BY 4.0),
        Natural Questions, TriviaQA, MATH, GPQA and AgentVerse logic grids via LLMRouter (MIT), Arena-Hard (Apache 2.0),
        MT-Bench (Apache 2.0), BEAM (CC BY-SA 4.0)
    quality: MMLU, GSM8K and MT-Bench via RouteLLM (Apache 2.0; questions MIT), LLMRouter (MIT)

Method. Two logistic heads (more than simple; complex) over the signals of `context.routing` and, damped, over English words and
pairs. Every row is seen twice, once with its words and once without, so that the signals alone decide rightly where no word is
known: in another language, in another domain. The gain is a ridge regression on the measured gain, centred per set.
`--validate` leaves out a fifth of the rows, then topics, then whole sources.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import sys
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import exp, log2, sqrt
from pathlib import Path
from types import ModuleType
from typing import Any

from context.catalog import Tier
from context.routing.complexity import GAIN_PER_DOUBLING, judged, tiers_of
from context.routing.model import Weights, terms
from context.routing.signals import Reading, read
from context.routing.thread import Said
from tests.bench.routing.kit import load

OUTPUT = Path(__file__).parents[3] / "context" / "routing" / "weights.json.gz"

NON_COMMERCIAL = frozenset({"alpacaeval"})
DAMPING = 0.4  # of words against signals: more fits these sources better and others worse
LEAST_ROWS = 3  # that a word or pair stands in
PASSES = 30
RATE = 0.25
DECAY = 2e-5
RIDGE = 30.0
# How much each set weighs in the gain, per row: the small ones count for more than their size, the few for not too much.
SET_WEIGHTS = {"gsm8k": 2.0, "mt-bench": 20.0}
LEAST_SHOWN = 0.004


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One turn as it is learned from."""

    source: str
    topic: str
    label: str
    reading: Reading
    said: tuple[Said, ...]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--validate", action="store_true", help="only measure, write nothing")
    parser.add_argument("--kit", type=Path, help="folder with the kit's routing.py: validate the gain too")
    args = parser.parse_args()
    turns, quality = read_turns(args.data), read_quality(args.data)
    if args.validate:
        validate(turns)
        if args.kit is not None:
            validate_gain(args.data, load(args.kit / "routing.py"))
        return
    weights = train(turns, quality)
    packed = {
        "version": weights.version,
        "bias": weights.bias,
        "signals": dict(sorted(weights.signals.items())),
        "words": dict(sorted(weights.words.items())),
    }
    text = json.dumps(packed, ensure_ascii=False, separators=(",", ":"))
    OUTPUT.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))
    print(f"{OUTPUT.name}: {OUTPUT.stat().st_size:,} bytes, {len(weights.words)} words", file=sys.stderr)


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The rows of a gzipped JSON Lines file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def said_of(history: Iterable[dict[str, str]]) -> tuple[Said, ...]:
    """The thread before a row."""
    return tuple(
        Said(role="user" if one["role"] == "user" else "assistant", text=one["content"]) for one in history
    )


def read_turns(data: Path) -> list[Row]:
    """All labelled turns. A topic is a row's most frequent word of its source that is not everywhere."""
    raw = rows_of(data / "turns.jsonl.gz")
    readings = [read(row["text"]) for row in raw]
    everywhere: dict[str, set[str]] = defaultdict(set)
    often: dict[str, Counter[str]] = defaultdict(Counter)
    for row, reading in zip(raw, readings, strict=True):
        for word in set(reading.words):
            everywhere[word].add(row["source"])
            often[row["source"]][word] += 1
    made = []
    for row, reading in zip(raw, readings, strict=True):
        own = [word for word in reading.words if len(word) > 2 and len(everywhere[word]) < 6]
        topic = max(own, key=lambda word: (often[row["source"]][word], word), default=row["text"][:20])
        made.append(
            Row(
                source=re.sub("-turn2$", "", row["source"]),
                topic=topic,
                label=row["label"],
                reading=reading,
                said=said_of(row["history"]),
            )
        )
    return made


def read_quality(data: Path) -> list[tuple[str, Reading, float]]:
    """(set, prompt, gain of the strong model) of the rows that may train."""
    return [
        (row["set"], read(row["prompt"]), row["strong"] - row["weak"])
        for row in rows_of(data / "quality.jsonl.gz")
        if not row["contaminated"] and row["set"] not in NON_COMMERCIAL
    ]


def train(turns: Sequence[Row], quality: Sequence[tuple[str, Reading, float]] = ()) -> Weights:
    """Weights for all heads. The thread's need comes from a first round without it."""
    empty = Weights(version="training", bias=(0.0, 0.0, 0.0), signals={}, words={})
    first = logistic([(row, dict(row.reading.signals)) for row in turns], empty)
    whole = logistic([(row, dict(judged(row.reading, row.said, first).signals)) for row in turns], empty)
    if not quality:
        return whole
    bias, gains = ridge(quality)
    names = {*whole.signals, *gains}
    return Weights(
        version="1",
        bias=(whole.bias[0], whole.bias[1], bias),
        signals={
            name: (*whole.signals.get(name, (0.0, 0.0, 0.0))[:2], round(gains.get(name, 0.0), 4))
            for name in names
        },
        words=whole.words,
    )


def logistic(rows: Sequence[tuple[Row, dict[str, float]]], start: Weights) -> Weights:
    """The two heads, by stochastic gradients with a step of their own for each weight (AdaGrad)."""
    counts = Counter(term for row, _ in rows if not row.reading.strange for term in terms(row.reading.words))
    kept = {term for term, n in counts.items() if n >= LEAST_ROWS}
    names: dict[tuple[bool, str], int] = {}

    def index(word: bool, name: str) -> int:
        return names.setdefault((word, name), len(names) + 1)

    examples: list[tuple[list[tuple[int, float]], tuple[float, float]]] = []
    for row, signals in rows:
        aims = (float(row.label != "simple"), float(row.label == "complex"))
        base = [(0, 1.0), *((index(False, name), value) for name, value in signals.items())]
        own = [] if row.reading.strange else [term for term in terms(row.reading.words) if term in kept]
        examples.append((base, aims))
        examples.append((base + [(index(True, term), DAMPING) for term in own], aims))
    heads = []
    for head in (0, 1):
        weights, seen = [0.0] * (len(names) + 1), [1e-2] * (len(names) + 1)
        shuffle = random.Random(7 + head)
        order = list(range(len(examples)))
        for _ in range(PASSES):
            shuffle.shuffle(order)
            for place in order:
                features, aims = examples[place]
                raw = sum(weights[i] * value for i, value in features)
                error = aims[head] - 1.0 / (1.0 + exp(-max(-30.0, min(30.0, raw))))
                if -0.002 < error < 0.002:
                    continue
                for i, value in features:
                    step = error * value
                    seen[i] += step * step
                    weights[i] += RATE / sqrt(seen[i]) * step - DECAY * weights[i]
        heads.append(weights)
    more, hard = heads
    return replace(
        start,
        bias=(round(more[0], 4), round(hard[0], 4), 0.0),
        signals={
            name: (round(more[i], 3), round(hard[i], 3), 0.0) for (word, name), i in names.items() if not word
        },
        words={
            name: (round(more[i] * DAMPING, 2), round(hard[i] * DAMPING, 2))
            for (word, name), i in names.items()
            if word and abs(more[i]) + abs(hard[i]) >= LEAST_SHOWN * 10
        },
    )


def ridge(quality: Sequence[tuple[str, Reading, float]]) -> tuple[float, dict[str, float]]:
    """The gain's bias and weights: least squares with a penalty, exactly solved."""
    mean: dict[str, float] = {}
    for name in {one[0] for one in quality}:
        gains = [gain for set_name, _, gain in quality if set_name == name]
        mean[name] = sum(gains) / len(gains)
    names = sorted({name for _, reading, _ in quality for name in reading.signals})
    place = {name: i + 1 for i, name in enumerate(names)}
    size = len(names) + 1
    left = [[0.0] * size for _ in range(size)]
    right = [0.0] * size
    for set_name, reading, gain in quality:
        features = [(0, 1.0), *((place[name], value) for name, value in reading.signals.items())]
        weight = SET_WEIGHTS.get(set_name, 1.0)
        for i, a in features:
            right[i] += weight * a * (gain - mean[set_name])
            line = left[i]
            for j, b in features:
                line[j] += weight * a * b
    for i in range(1, size):
        left[i][i] += RIDGE
    solved = solve(left, right)
    return round(solved[0], 4), {name: solved[i] for name, i in place.items()}


def solve(left: list[list[float]], right: list[float]) -> list[float]:
    """A linear system, by elimination with the largest pivot."""
    rows = [[*line, value] for line, value in zip(left, right, strict=True)]
    n = len(rows)
    for i in range(n):
        best = max(range(i, n), key=lambda k: abs(rows[k][i]))
        rows[i], rows[best] = rows[best], rows[i]
        for k in range(i + 1, n):
            factor = rows[k][i] / rows[i][i]
            if factor:
                rows[k] = [a - factor * b for a, b in zip(rows[k], rows[i], strict=True)]
    out = [0.0] * n
    for i in reversed(range(n)):
        out[i] = (rows[i][n] - sum(rows[i][j] * out[j] for j in range(i + 1, n))) / rows[i][i]
    return out


def validate(turns: Sequence[Row]) -> None:
    """Macro-F1 and dropped complex turns on rows, topics and sources that were not learned from."""
    ways: dict[str, Callable[[int, Row], str]] = {
        "a fifth of the rows": lambda i, row: str(i % 5),
        "topics": lambda i, row: str(zlib.crc32(f"{row.source} {row.topic}".encode()) % 5),
        "sources": lambda i, row: row.source,
    }
    for name, fold_of in ways.items():
        folds = [fold_of(i, row) for i, row in enumerate(turns)]
        said: list[str] = [""] * len(turns)
        for fold in sorted(set(folds)):
            weights = train([row for row, its in zip(turns, folds, strict=True) if its != fold])
            for i, row in enumerate(turns):
                if folds[i] == fold:
                    said[i] = tier(row, weights)
        print(f"left out: {name:<20} {figures([row.label for row in turns], said)}", flush=True)
        if name == "sources":
            for source in sorted(set(folds)):
                pairs = Counter(
                    (row.label, its) for row, its in zip(turns, said, strict=True) if row.source == source
                )
                print(f"    {source:<22} {dict(sorted(pairs.items()))}")


def validate_gain(data: Path, kit: ModuleType) -> None:
    """APGR, CPT50 and CPT80 of the gain on rows and on whole sets that were not learned from."""
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
                one
                for one, its in zip(quality, folds, strict=True)
                if its != fold and one[0] not in NON_COMMERCIAL
            ]
            bias, gains = ridge(known)
            for row, (_, reading, _), its in zip(rows, quality, folds, strict=True):
                if its == fold:
                    learned = sum(gains.get(name, 0.0) * value for name, value in reading.signals.items())
                    scores[row["id"]] = bias + learned + GAIN_PER_DOUBLING * log2(1 + reading.size)
        told = (
            f"{one['set']} {one['apgr']:.3f}/{one['cpt50']:.0%}/{one['cpt80']:.0%}"
            for one in kit.quality(rows, scores)
        )
        print(f"left out: {name:<20} {'  '.join(told)}", flush=True)


def tier(row: Row, weights: Weights) -> Tier:
    """What a router with these weights would choose."""
    return tiers_of(judged(row.reading, row.said, weights)).tier


def figures(labels: Sequence[str], said: Sequence[str]) -> str:
    """Macro-F1, and the share of complex turns sent to the simple tier."""
    f1 = []
    for one in ("simple", "standard", "complex"):
        both = sum(a == b == one for a, b in zip(labels, said, strict=True))
        f1.append(2 * both / max(1, labels.count(one) + said.count(one)))
    dropped = sum((a, b) == ("complex", "simple") for a, b in zip(labels, said, strict=True))
    return f"macro-F1 {sum(f1) / 3:.3f}  dropped {dropped / max(1, labels.count('complex')):.2%}"


if __name__ == "__main__":
    main()
