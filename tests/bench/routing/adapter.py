"""Palaver's router for the scorer `routing.py` of the evaluation kit.

    python <kit>/routing.py turns   --data <data>/routing --callable tests/bench/routing/adapter.py:tier --detail
    python <kit>/routing.py quality --data <data>/routing --callable tests/bench/routing/adapter.py:score

Run it from the repository root.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from context.routing.complexity import assess
from context.routing.thread import EarlierMessage


def tier(text: str, history: list[dict[str, str]]) -> str:
    """simple, standard or complex."""
    return assess(text, messages_of(history)).tier


def score(prompt: str, history: list[dict[str, str]]) -> float:
    """Higher: a stronger model is expected to add more."""
    return assess(prompt, messages_of(history)).gain


def messages_of(history: list[dict[str, str]]) -> tuple[EarlierMessage, ...]:
    """The kit's history as the router takes it."""
    return tuple(
        EarlierMessage(role="user" if message["role"] == "user" else "assistant", text=message["content"])
        for message in history
    )
