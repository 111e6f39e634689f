"""Fit the weights of `context.recall.need` on conversations whose questions are known, and check them on sources left out.

    python -m tests.bench.recall.fit_need --data DATA --train beam-100K,beam-500K,support-200 --check locomo

DATA is a folder with `recall/*.threads.jsonl.gz`, `recall/*.questions.jsonl.gz` and `support/threads-*.jsonl.gz`. A source's questions need something old, its ordinary
turns do not; messages that neither ask nor look back need nothing by rule and take no part. What may not be trained on (its license) is for checking alone.
The weights in the package came from a prototype of this, with requests of other data sets among the turns that need nothing, which is why this prints
others. Needs numpy.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from context.messages import Message
from context.recall.need import PRIOR, WEIGHTS, Features, probability
from store.search.branch_index import Outlines
from store.search.recall import RecallRequest, recall
from tests.bench.recall.adapter import OWNER, Imported, count, imported, milliseconds

NOTHING = 1e-9  # a value at which nothing is bought: only the features are wanted
NON_COMMERCIAL = ("twacs",)  # threads among the support threads that must not be trained on
TURNS = 60  # ordinary turns of each thread


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A message with its features, and whether it needs something old."""

    source: str
    needed: bool
    features: Features


def rows(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


async def cases(data: Path, source: str) -> list[Case]:
    """The cases of a source: one of `recall/`, or `support-200` and the like."""
    support = source.startswith("support-")
    folder, name = (
        ("support", source.replace("support", "threads")) if support else ("recall", f"{source}.threads")
    )
    questions = [] if support else rows(data / "recall" / f"{source}.questions.jsonl.gz")
    made: list[Case] = []
    for thread in rows(data / folder / f"{name}.jsonl.gz"):
        if support and thread["source"] in NON_COMMERCIAL:
            continue
        archive = await imported(thread)
        asked = [row for row in questions if row["scored"] and row["thread"] == thread["id"]]
        async for needed, features in _features(archive, thread, asked):
            made.append(Case(source=source, needed=needed, features=features))
        await archive.database.close()
        archive.plain.close()
        archive.folder.cleanup()
    return made


async def _features(archive: Imported, thread: dict[str, Any], asked: list[dict[str, Any]]) -> Any:
    """Of each question at the end, and of some ordinary turns of the user."""
    chance, said = random.Random(thread["id"]), thread["messages"]
    turns = [index for index in range(60, len(said)) if said[index]["role"] == "user"]
    chance.shuffle(turns)
    messages = [(True, row["question"], len(said)) for row in asked]
    messages += [(False, said[index]["content"], index) for index in turns[:TURNS]]
    for needed, text, end in messages:
        start = end - chance.randint(10, 40)
        features = await _judged(archive, said, text, start, end)
        if features is not None:
            yield needed, features


async def _judged(
    archive: Imported, said: list[dict[str, Any]], text: str, start: int, end: int
) -> Features | None:
    above = archive.path[start - 1]
    first = Message(
        id="new", parent_id=above.id, role="user", status="complete", parts=(), depth=start, tokens=0
    )
    request = RecallRequest(
        question=text,
        before=first,
        now=milliseconds(said[end - 1]["ts"]),
        cap=1,
        value=NOTHING,
        window=[row["content"] for row in said[start:end]],
    )
    recollection = await archive.database.read(
        lambda connection: recall(connection, OWNER, archive.id, request, count=count, outlines=Outlines())
    )
    return recollection.features


def fitted(train: list[Case], strength: float = 1.0) -> tuple[float, dict[str, float]]:
    """Bias and weights by penalized maximum likelihood, where one turn in 1 / PRIOR needs something old."""
    table = np.array([list(case.features.values().values()) for case in train])
    needed = np.array([float(case.needed) for case in train])
    mean, spread = table.mean(0), np.maximum(table.std(0), 1e-9)
    inputs = np.column_stack([np.ones(len(train)), (table - mean) / spread])
    share = needed.mean()
    weight = np.where(needed > 0, PRIOR / share, (1 - PRIOR) / (1 - share)) * len(train) / 1_000
    solution = np.zeros(inputs.shape[1])
    penalty = strength * np.r_[0.0, np.ones(len(mean))]
    for _ in range(40):  # Newton's method
        likely = 1 / (1 + np.exp(-np.clip(inputs @ solution, -30, 30)))
        slope = inputs.T @ (weight * (likely - needed)) + penalty * solution
        curve = (inputs * (weight * likely * (1 - likely))[:, None]).T @ inputs + np.diag(penalty + 1e-9)
        solution -= np.linalg.solve(curve, slope)
    weights = solution[1:] / spread
    return float(solution[0] - weights @ mean), dict(zip(WEIGHTS, map(float, weights), strict=True))


def quantiles(all_cases: list[Case]) -> Iterator[str]:
    """How likely the weights in the package find each kind of message."""
    for source in dict.fromkeys(case.source for case in all_cases):
        for needed in (True, False):
            values = [
                probability(case.features)
                for case in all_cases
                if (case.source, case.needed) == (source, needed)
            ]
            if values:
                low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
                kind = "questions" if needed else "turns that ask"
                yield f"{source}, {kind}: {len(values)}, P at 5 / 50 / 95 %: {low:.3f} {middle:.3f} {high:.3f}"


async def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--train", default="beam-100K,beam-500K,support-200")
    parser.add_argument("--check", default="locomo")
    args = parser.parse_args()
    train = [case for source in args.train.split(",") for case in await cases(args.data, source)]
    bias, weights = fitted(train)
    print(f"bias {bias:.2f}", {name: round(weight, 2) for name, weight in weights.items()})
    check = [case for source in args.check.split(",") if source for case in await cases(args.data, source)]
    print("with the weights in the package:", *quantiles([*train, *check]), sep="\n")


if __name__ == "__main__":
    asyncio.run(main())
