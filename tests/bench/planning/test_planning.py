"""The benchmark itself works; its times are for people, but what a turn reads may not grow with the thread."""

from pathlib import Path

from tests.bench.planning.__main__ import table
from tests.bench.planning.measure import measure


async def test_a_tiny_run_measures_every_size(tmp_path: Path) -> None:
    costs = await measure(tmp_path, (60, 400), repeats=2)
    assert [cost.messages for cost in costs] == [60, 400]
    assert all(cost.plan > 0 and cost.window > 0 and cost.whole > 0 for cost in costs)
    short, long = costs
    assert long.bare_steps == short.bare_steps > 0
    assert abs(long.window_steps - short.window_steps) < 0.1 * short.window_steps
    assert long.recall_steps < long.recall_first_steps
    assert "| 400 |" in table(costs)
