"""Decisions and bills are what `golden.json` says, and within their limits: `python -m tests.bench.golden --write` where a change is meant."""

from typing import Any

import pytest

from tests.bench.golden import golden
from tests.bench.golden.sizes import decisions, prices

WRITE = "if that is meant: python -m tests.bench.golden --write, and read what it calls worse"


@pytest.mark.parametrize("name", golden.RUNS)
def test_a_thread_is_answered_as_before_and_within_its_limits(name: str) -> None:
    values = golden.run(name)
    assert not golden.beyond_limits(name, values)
    assert not list(_differences(golden.stored()["runs"][name], values)), WRITE


def test_recall_builds_what_it_built() -> None:
    assert not list(_differences(golden.stored()["recall"], golden.recalled())), WRITE


def test_the_engine_decides_as_before() -> None:
    values, stored = decisions(), golden.stored()
    assert not list(golden.worse({"decisions": values}, stored))
    assert not list(_differences(stored["decisions"], values)), WRITE


def test_prices_are_those_of_the_table() -> None:
    assert prices() == golden.stored()["prices"], WRITE


def _differences(old: Any, new: Any, path: str = "") -> list[str]:
    """Where two values differ, as paths with both."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            line
            for key in {**old, **new}
            for line in _differences(old.get(key), new.get(key), f"{path}/{key}")
        ]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [
            line
            for place, pair in enumerate(zip(old, new, strict=True))
            for line in _differences(*pair, f"{path}/{place}")
        ]
    return [] if old == new else [f"{path}: {old!r} -> {new!r}"]
