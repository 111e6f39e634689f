"""The benchmark itself works; its figures are for people, not for CI."""

from pathlib import Path

from tests.bench.stream_path.__main__ import table
from tests.bench.stream_path.run import measure


async def test_a_tiny_run_measures_every_server(tmp_path: Path) -> None:
    costs = await measure(tmp_path, (2,), deltas=10)
    assert {cost.subject for cost in costs} == {"palaver", "relay", "simulator"}
    assert all(cost.cpu >= 0 for cost in costs)
    assert "| 2 |" in table(costs, (2,))
