"""A short soak: its books agree, and a planted flaw is found."""

from pathlib import Path
from typing import Any

import pytest

from tests.bench.soak import mixed
from tests.bench.soak.reconcile import reconcile, rows_of
from tests.bench.soak.run import soak, told
from tests.bench.soak.visitors import Mixed
from tests.palaver import Palaver

ROUNDS = 6  # of a turn by each person: a fixed number, so that a slow machine does no less


async def test_a_short_soak_ends_with_the_ledger_equal_to_the_providers_log(tmp_path: Path) -> None:
    found = await soak(tmp_path, rounds=ROUNDS, seed=3)
    print(f"\n{told(found)}")
    assert not found.books.wrong, "\n".join(found.books.wrong[:20])
    assert found.books.paid == found.books.actual_usage > 0
    assert found.books.exact > 20
    assert found.books.faults


@pytest.mark.parametrize("flaw", ["token", "cost", "missing", "twice", "estimated"])
async def test_a_planted_flaw_is_found(app: Palaver, flaw: str) -> None:
    for _ in range(2):
        await app.chat("t", "Hello")
    rows: list[dict[str, Any]] = [dict(row) for row in await rows_of(app.deps.database)]
    assert not reconcile(rows, app.sim.log).wrong
    match flaw:
        case "token":
            rows[0]["output"] += 1
        case "cost":
            rows[0]["cost_pico"] += 1
        case "missing":
            rows.pop()
        case "twice":
            rows.append(rows[0])
        case _:
            rows[0]["estimated"] = True
    assert reconcile(rows, app.sim.log).wrong


def test_memory_that_grows_is_told_per_hour() -> None:
    from tests.bench.soak.reconcile import Books
    from tests.bench.soak.run import Soak

    grown = Soak(
        seconds=100, turns=1, books=Books(), memory=[(float(at), 100 + at / 60) for at in range(100)]
    )
    assert grown.slope == pytest.approx(60)


async def test_mixed_requests_are_sent_to_a_server_of_its_own_and_its_memory_is_watched(
    tmp_path: Path,
) -> None:
    seen: list[int] = []
    result = await mixed.run(tmp_path, 120, step=40, on_step=lambda at, size: seen.append(at))
    assert [at for at, _ in result.memory] == seen
    assert seen[-1] >= 120
    assert all(size > 20 for _, size in result.memory)
    assert result.statuses[200] > 20
    assert result.statuses[500] == 0


def test_the_slope_of_memory_is_told_per_thousand_requests() -> None:
    memory = [(at * 1_000, 100.0 + (at if at < 10 else 10)) for at in range(40)]
    assert Mixed(memory=memory).slope(0, 0.2) == pytest.approx(1_024)
    assert Mixed(memory=memory).slope(0.5) == pytest.approx(0)
