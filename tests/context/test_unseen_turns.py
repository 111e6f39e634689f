"""The router on turns nothing was trained on or set by: written by hand in thirty languages before the router was last changed.

They are there to be measured by. Who changes words, signals or weights looks at the sums here, not at the single turns: a router
fitted to them would have to be tested by others.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from context.models.catalog import TIERS
from context.routing.complexity import assess
from context.routing.model import shipped
from context.routing.signals import read
from context.routing.thread import EarlierMessage

TURNS: list[dict[str, Any]] = [
    json.loads(line)
    for line in (Path(__file__).parent / "unseen_turns.jsonl").read_text("utf-8").splitlines()
]


def said_of(turns: list[dict[str, Any]]) -> Counter[tuple[str, str]]:
    """How often a label (first) was answered by a tier (second)."""
    return Counter(
        (
            turn["label"],
            assess(
                turn["text"],
                [
                    EarlierMessage(role=earlier["role"], text=earlier["content"])
                    for earlier in turn["history"]
                ],
            ).tier,
        )
        for turn in turns
    )


def macro_f1(labelled: Counter[tuple[str, str]]) -> float:
    """The mean over tiers of the harmonic mean of precision and recall."""
    return sum(
        2
        * labelled[tier, tier]
        / sum(n * ((tier == true) + (tier == answered)) for (true, answered), n in labelled.items())
        for tier in TIERS
    ) / len(TIERS)


def test_the_turns_are_many_and_in_many_languages() -> None:
    assert len(TURNS) >= 150
    assert len({turn["lang"] for turn in TURNS}) >= 12
    assert {turn["label"] for turn in TURNS} == set(TIERS)


def test_unseen_turns_go_where_they_should_in_any_language() -> None:
    assert macro_f1(said_of(TURNS)) > 0.9


def test_unseen_turns_go_where_they_should_outside_english() -> None:
    assert macro_f1(said_of([turn for turn in TURNS if turn["lang"] != "en"])) > 0.9


def test_no_unseen_hard_turn_goes_to_the_simple_tier() -> None:
    assert said_of(TURNS)["complex", "simple"] == 0


def test_every_signal_of_a_text_has_a_trained_weight() -> None:
    seen = {name for turn in TURNS for name in read(turn["text"]).signals}
    assert len(seen) > 100
    assert seen <= shipped().signals.keys()
