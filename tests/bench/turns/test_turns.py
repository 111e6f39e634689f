"""The benchmark itself works; its figures are for people, not for CI."""

import sys
from pathlib import Path

import pytest

from tests.bench.turns.__main__ import ROWS, table
from tests.bench.turns.run import measure


@pytest.mark.skipif(sys.platform == "win32", reason="the counts are asked for by a signal")
async def test_a_tiny_run_counts_what_turns_ask_of_the_database(tmp_path: Path) -> None:
    costs = await measure(tmp_path, 2, later=1, settle=0.5)
    assert [cost.name for cost in costs] == ["first", "2."]
    for cost in costs:
        # A turn is accepted and finished, each in a transaction of its own.
        assert cost.counts["commits"] >= 2
        assert cost.counts["calls"] >= cost.counts["commits"]
        assert cost.counts["statements"] > cost.counts["commits"]
        assert cost.cpu > 0
    printed = table(costs).splitlines()
    assert printed[0] == "| per turn | first | 2. | aim |"
    assert [line.split(" | ")[0].removeprefix("| ") for line in printed[2:]] == [
        label for label, _, _ in ROWS
    ]
