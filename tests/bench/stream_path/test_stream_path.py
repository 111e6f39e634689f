"""The benchmark itself works; its figures are for people, not for CI."""

from pathlib import Path

from tests.bench.stream_path.__main__ import table
from tests.bench.stream_path.run import Cost, measure


async def test_a_tiny_run_measures_every_server(tmp_path: Path) -> None:
    costs = {cost.subject: cost for cost in await measure(tmp_path, (8,), deltas=10)}
    assert set(costs) == {"palaver", "relay", "simulator"}
    # The kernel counts CPU in steps of 10 ms: eight turns take several of them, however fast the machine is.
    assert costs["palaver"].cpu > 0
    assert table(list(costs.values()), (8,)).splitlines()[-1].startswith("| 8 | ")


def test_the_ratios_are_palavers_figure_over_the_others() -> None:
    figures = {"palaver": (600.0, 2_048.0), "relay": (300.0, 1_024.0), "simulator": (150.0, 0.0)}
    costs = [Cost(subject=name, streams=4, cpu=cpu, memory=memory) for name, (cpu, memory) in figures.items()]
    assert table(costs, (4,)).splitlines()[-1] == "| 4 | 600 | 300 | 150 | 2.00 | 4.00 | 2 | 1 | 0 | 2.00 |"
