"""The golden values: measured anew, read from `golden.json`, compared; and the limits that no rewriting of the file moves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.golden.conversations import conversations
from tests.bench.golden.measured import evidence_share, measure, recall, recalled_for_nothing
from tests.bench.golden.sizes import decisions, prices
from tests.bench.playing import ONE_TIER

FILE = Path(__file__).parent / "golden.json"
DEARER = 1.02  # times a bill in the file: more is called worse


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A thread under some settings, and its limits: the bill over the least possible, the share of questions whose evidence is in the request, and
    mean tokens recalled for messages that ask for nothing old.
    """

    thread: str
    settings: Mapping[str, Any]
    over_least: float
    evidence: float = 0.0
    for_nothing: float = 0.0


RUNS = {
    "one tier": Run(thread="bicycle_shop", settings=ONE_TIER, over_least=1.3, evidence=0.85, for_nothing=50),
    "recall off": Run(thread="bicycle_shop", settings={**ONE_TIER, "recall_tokens": 0}, over_least=1.3),
    "long answers, routed": Run(
        thread="garden_plan", settings={}, over_least=1.4, evidence=0.8, for_nothing=50
    ),
}


def run(name: str) -> dict[str, Any]:
    """The values of one run."""
    wanted = RUNS[name]
    thread = next(item for item in conversations() if item.thread.name == wanted.thread)
    return asyncio.run(measure(thread, wanted.settings, asks=bool(wanted.evidence)))


def recalled() -> dict[str, Any]:
    """What the bench of recall builds for all questions."""
    return {item.thread.name: recall(item) for item in conversations()}


PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "runs": lambda: {name: run(name) for name in RUNS},
    "recall": recalled,
    "decisions": decisions,
    "prices": prices,
}


def stored() -> dict[str, Any]:
    """What the file holds."""
    values: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    return values


def beyond_limits(name: str, values: Mapping[str, Any]) -> list[str]:
    """What a run's values say against its limits, in words."""
    limits = RUNS[name]
    listed = (
        ("bill over the least", values["over the least"], limits.over_least, False),
        ("share of evidence in the request", evidence_share(values), limits.evidence, True),
        ("tokens recalled where nothing was asked", recalled_for_nothing(values), limits.for_nothing, False),
        ("cache misses", values["cache misses"], 0, False),
    )
    return [
        f"{name}, {what}: {value:.3f}, limit {limit}"
        for what, value, limit, at_least in listed
        if (value < limit if at_least else value > limit)
    ]


def worse(new: Mapping[str, Any], old: Mapping[str, Any]) -> Iterator[str]:
    """What has become worse than in the file: bills by more than 2 %, evidence at all."""
    for part in ("runs", "decisions"):
        for name, values in new.get(part, {}).items():
            known = old.get(part, {}).get(name)
            if known is None:
                continue
            before, after = sum(known["bill"].values()), sum(values["bill"].values())
            if after > before * DEARER:
                yield f"{name}: the bill is {after / before - 1:.1%} higher"
            if values.get("questions") and evidence_share(values) < evidence_share(known):
                yield f"{name}: evidence {evidence_share(known):.2f} -> {evidence_share(values):.2f}"
