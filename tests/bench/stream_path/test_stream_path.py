"""The benchmark itself works; its figures are for people, not for CI."""

import math
from pathlib import Path

import pytest

from tests.bench.stream_path.compare import compare
from tests.bench.stream_path.measures import Scale, quantile
from tests.bench.stream_path.rows import rows
from tests.bench.stream_path.run import Load, Outcome, Stream
from tests.bench.stream_path.servers import Sample
from tests.bench.stream_path.table import table

TINY = Scale(
    turns=2, short=2, few=4, many=4, ramp=4, ramp_rate=40.0, hold=0.8, step=4, most=4, memory=4, answers=(4, 12), disk=4,
    flood=2, flood_seconds=0.3,
)  # fmt: skip


async def test_a_tiny_run_measures_palaver_and_prints_its_rows(tmp_path: Path) -> None:
    chosen = [row for row in rows(TINY) if row.key in ("turn", "cpu-400", "first-400", "lag-400")]
    comparison = await compare(tmp_path, chosen, TINY, only=("Palaver",), settle=0.0)
    figures = comparison.results["Palaver"]
    assert figures["turn_first"] > 0
    assert figures["turn_later"] > 0
    assert figures["cpu_many"] > 0
    assert 0 < figures["lag_p50"] <= figures["lag_p99"]
    printed = table(comparison.results, chosen).splitlines()
    assert [line.split(" | ")[0].removeprefix("| ") for line in printed[2:]] == [row.label for row in chosen]
    assert "Model and readers alone, 4 streams" in comparison.harness


async def test_a_tiny_run_measures_the_peers(tmp_path: Path) -> None:
    chosen = [
        row for row in rows(TINY) if row.key in ("first-at-once", "backpressure", "backpressure-memory")
    ]
    comparison = await compare(tmp_path, chosen, TINY, only=("raw", "tutorial"), settle=0.0)
    for figures in comparison.results.values():
        assert 0 < figures["first_at_once_p50"] <= figures["first_at_once_p99"]
        assert figures["flood_read"] >= figures["flood_delivered"] > 0
        assert figures["flood_memory"] > 1e6
    assert "|  | raw | tutorial | × raw |" in table(comparison.results, chosen)


@pytest.mark.parametrize(("own", "reached"), [(0.00003, "yes"), (0.00005, "no"), (math.nan, "no")])
def test_an_aim_is_reached_when_every_figure_is_within_its_limit(own: float, reached: str) -> None:
    chosen = [row for row in rows(Scale()) if row.key == "cpu-400"]
    results = {"Palaver": {"cpu_many": own}, "raw": {"cpu_many": 0.00006}, "tutorial": {"cpu_many": 0.0001}}
    assert table(results, chosen).splitlines()[-1].endswith(f"| ≤ 0.6 × raw | {reached} |")


def test_ratios_are_palavers_figure_over_that_of_the_others() -> None:
    chosen = [row for row in rows(Scale()) if row.key == "first-100"]
    results = {
        name: {"first_few_p50": p50, "first_few_p99": p99}
        for name, p50, p99 in (("Palaver", 0.004, 0.09), ("raw", 0.002, 0.03), ("tutorial", 0.008, 0.06))
    }
    assert "| 4.0 / 90.0 | 2.0 / 30.0 | 8.0 / 60.0 | 2.00 / 3.00 | 0.50 / 1.50 |" in table(results, chosen)


def test_lag_is_the_time_from_the_models_write_to_the_read_that_completes_a_delta() -> None:
    stream = Stream(
        received=0.5, sent=[1.0, 2.0, 3.0, 4.0], unread=0, opened=0.4, times=[1.5, 3.5], counts=[1, 3]
    )
    assert stream.lags(0.0, 3.0) == [0.5, 1.5, 0.5]
    assert stream.lags(3.5, 5.0) == [math.inf]
    assert stream.added == pytest.approx(0.6)
    assert [stream.delivered(by) for by in (1.0, 2.0, 4.0)] == [0, 1, 3]


def test_a_stream_that_was_not_answered_counts_as_infinitely_late() -> None:
    samples = [Sample(0.0, 0.0, 0, 0), Sample(2.0, 1.0, 0, 0)]
    outcome = Outcome(
        load=Load(streams=2, deltas=1), streams=[], samples=samples, logged=0.0, failures=["no answer"]
    )
    assert outcome.added == [math.inf, math.inf]
    assert math.isnan(outcome.cpu_per_delta)


def test_a_quantile_is_a_value_that_was_measured() -> None:
    assert [quantile(list(range(1, 101)), share) for share in (0.5, 0.99, 1.0)] == [50, 99, 100]
    assert quantile([], 0.5) == math.inf
